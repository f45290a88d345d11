// Package write stores the rows of folds, many at a time: live with one INSERT statement per table
// from typed arrays, and in a build with COPY.
//
// # Invariants
//
//   - The text of a statement depends only on its table, not on the number of rows, so the server
//     plans it once.
//   - Values are passed as parameters or by COPY, never as text in a statement.
//
// The package must not import any other package of this module.
//
// # Design notes
//
//   - COPY of rows runs while the fold computes the next ones. Until [Upsert] or [Copy] returns,
//     nothing else may use the transaction.
//   - The package has its own encoder for COPY, because a rebuild copies millions of rows and pgx
//     looks up the encoding of each value. A test compares the encoder with pgx value by value
//     (TestBinaryValuesEqualPgx).
package write
