// Package legacy reads exports of the old system: dashboard preferences in the format of
// mongoexport (extended JSON), and the tables tSAccountIns, tSPostInsights, tSPosts and tMemberAuth
// as CSV or JSON Lines.
//
// # Invariants
//
//   - A row is read completely or refused with its line and the reason; an invalid row never
//     affects the next one.
//   - Absent is nil: an empty CSV field, NULL, \N and JSON's null are never 0 and never "".
//   - No error of this package shows a value of tMemberAuth, which contains secrets.
//   - The package keeps one row in memory at a time, whatever the size of the file.
//
// The package may import no other package of this module except domain.
//
// # Not obvious
//
//   - Columns are matched by name, independent of order, case and underscores: sAccountId,
//     s_account_id and SACCOUNTID are the same name. Both the legacy names and those of the read
//     models are accepted.
//   - A time without a zone is in the caller's zone (UTC by default): the legacy tables have
//     DATETIME columns, which contain no zone.
//   - An ObjectId contains the second of its creation: a document without created_at uses it.
//   - The standard CSV reader and one generic field reader do what a library based on struct tags
//     does not: a column with several names, the same fields from JSON, and all faults of a row in
//     one error.
package legacy
