// Package legacy reads exports of the old system: dashboard preferences in the format of
// mongoexport (extended JSON), and the tables tSAccountIns, tSPostInsights, tSPosts and tMemberAuth
// as CSV or JSON Lines.
//
// # Invariants
//
//   - A row is read completely, or refused with its line and the reason. An invalid row does not
//     affect the next row.
//   - Absent values are nil: an empty CSV field, NULL, \N or JSON's null is never 0 and never "".
//   - No error of this package shows a value of tMemberAuth, which contains secrets.
//   - The package keeps one row in memory at a time, whatever the size of the file.
//
// The package may not import other packages of this module, except domain.
//
// # Not obvious
//
//   - Columns are matched by name, regardless of order, case and underscores: sAccountId,
//     s_account_id and SACCOUNTID are the same name. Both the legacy names and those of the read
//     models are accepted.
//   - A time without a zone is in the zone that the caller passes, because the legacy tables have
//     DATETIME columns, which contain no zone.
//   - An ObjectId contains the time of its creation, to the second. It is the creation time of a
//     document without created_at.
//   - The package uses encoding/csv and one generic function to read a field, because libraries
//     based on struct tags do not support columns with several names, the same fields in JSON, and
//     one error with all faults of a row.
package legacy
