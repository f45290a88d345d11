// Package write writes many rows at a time, with one INSERT statement per table from typed arrays,
// or with COPY.
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
//   - COPY of new rows runs while the fold computes the next ones. Until the caller has waited for
//     the copies, nothing else may use the transaction.
//   - The package has its own encoder for COPY, because a rebuild copies millions of rows and pgx
//     looks up the encoding of each value. A test compares the encoder with pgx value by value
//     (TestBinaryValuesEqualPgx).
package write
