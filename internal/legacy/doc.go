// Package legacy reads exports of the old system: dashboard preferences as mongoexport writes them
// (extended JSON); the tables tSAccountIns, tSPostInsights, tSPosts and tMemberAuth, as CSV or
// JSON Lines.
//
// # Invariants
//
//   - A row is read whole or refused with its line and the reason; one bad row never spoils the next.
//   - Absent is nil: an empty CSV field, NULL, \N and JSON's null are never 0 and never "".
//   - No error of this package shows a value of tMemberAuth: it holds secrets.
//   - It holds one row in memory at a time, whatever the size of the file.
//
// It may not import anything of this module but domain.
//
// # Non-obvious
//
//   - Columns are found by name, whatever their order, case and underscores: sAccountId, s_account_id
//     and SACCOUNTID are one name. Both the legacy names and those of the read models are known.
//   - A time without a zone is in the zone that the caller names (UTC unless told): the legacy tables
//     hold DATETIME columns, which name no zone.
//   - An ObjectId holds the second at which it was made: a document without created_at takes it.
//   - The standard CSV reader and one generic field reader do what a library of struct tags does not: a column
//     under several names, the same fields from JSON, and all faults of a row in one error.
package legacy
