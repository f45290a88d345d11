// Package write stores many rows at a time: inserts from typed columns, one statement for any number of rows, and COPY.
//
// # Invariants
//
//   - A statement depends on its table alone, never on the number of rows: the server plans it once.
//   - Values go as parameters or by COPY; no text is put into a statement.
//
// It may not import any other package of this module.
//
// # Non-obvious
//
//   - COPY of new rows runs beside the fold that works out the next ones: nobody else uses the transaction until it is waited for.
//   - COPY has its own encoder, because a rebuild copies rows by the million and pgx looks up the way to encode each value. It is held to pgx,
//     value by value (TestBinaryValuesAreThoseOfPgx).
package write
