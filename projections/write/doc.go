// Package write writes many rows at a time: by one insert statement per table from typed arrays, or
// by COPY.
//
// # Invariants
//
//   - A statement depends only on its table, not on the number of rows, so the server plans it
//     once.
//   - Values are passed as parameters or by COPY; no text is put into a statement.
//
// The package must not import any other package of this module.
//
// # Design notes
//
//   - COPY of new rows runs while the fold computes the next ones. Nothing else uses the
//     transaction until the caller waits for the copies.
//   - COPY has its own encoder, because a rebuild copies millions of rows and pgx looks up the
//     encoding of each value. A test compares it with pgx value by value
//     (TestBinaryValuesEqualPgx).
package write
