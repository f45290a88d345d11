// Package readmodels answers questions from the tables that the projections keep. It only reads. The figures are in
// package analytics below it.
//
// # Invariants
//
//   - Every query is bounded, ordered and scoped to a tenant by the columns of the row: a row belongs for
//     ever to the agency and sub-account that its event names, whoever owns the social account today.
//     What lies outside of [Scope] does not exist.
//   - One answer is one [pg.Snapshot]: its parts are of one moment.
//   - The structs with JSON tags are the answers; nobody maps them again. Their comments are the
//     documentation of the fields: unit, kind, platform metric, and what null means.
//   - Absent is null and never 0.
//   - Every pool may be read-only; tests connect with one that refuses writes.
//
// It may not import commands, projections, watermill or api, nor analytics, which imports it.
//
// # Non-obvious
//
//   - "rows, _ := tx.Query": an error of the query comes out of CollectRows or ForEachRow, in which every query ends.
//   - "As of T" is found as a version, once for the whole stream: times grow strictly with versions, and
//     every index that a history walks is by version.
//   - Names in a dashboard and in its history are those of the agency's own directory. An account or user
//     that moved to another agency shows as an id there, as one who was erased does.
//   - A filtered page of a history ends after a bounded number of entries looked at, with a cursor.
//   - An export reads batch by batch, each in its own snapshot and all up to the version of the first.
//   - A platform's expiry is what the main application said last. Fetchers renew tokens without telling the
//     log, which holds no secrets' times; once a token was stored after that expiry, it is not known any more.
package readmodels
