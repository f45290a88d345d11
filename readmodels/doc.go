// Package readmodels answers queries from the tables that the projections maintain: dashboards,
// scopes and notices. The packages below it answer queries about other subjects: history about
// changes and access, directory about accounts, people and connections, and analytics about
// figures. All of them only read.
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
// It may not import commands, projections, watermill, api, or the packages below it.
//
// # Implementation notes
//
//   - "rows, _ := tx.Query": CollectRows or ForEachRow, which always follows, returns the error.
package readmodels
