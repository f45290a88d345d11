// Package readmodels answers queries from the tables that the projections maintain. It only reads.
// Package analytics, below it, has the figures.
//
// # Invariants
//
//   - Every query is bounded, ordered and limited to a tenant by the columns of the row. A row
//     permanently belongs to the agency and sub-account in its event, regardless of the current
//     owner of the social account. Data outside the [Scope] does not exist.
//   - Each response uses one [pg.Snapshot], so all its parts are consistent.
//   - The structs with JSON tags are the responses and are not translated again. Their comments
//     document the fields: unit, kind, platform metric and the meaning of null.
//   - A missing value is null, never 0.
//   - Every pool can be read-only; tests use one that refuses writes.
//
// It may not import commands, projections, watermill or api, nor analytics, which imports it.
//
// # Implementation notes
//
//   - "rows, _ := tx.Query": CollectRows or ForEachRow, which end every query, return the error.
//   - "As of T" is resolved to a version once for the whole stream: times strictly increase with
//     versions, and every index that a history uses is by version.
//   - Names in a dashboard and its history come from the agency's own directory. An account or user
//     that moved to another agency has only an id, like one that was erased.
//   - A page of a filtered history examines a limited number of entries and then ends with a
//     cursor.
//   - An export reads in batches, each in its own snapshot, up to the version of the first one.
//   - The expiry of a token comes from the token stored here, otherwise from what the main
//     application last reported. The log contains no expiry times of secrets.
package readmodels
