// Package csvtable writes all CSV of the program: API answers, exports and the output of the
// command line. Spreadsheets do not read any cell as a formula.
//
// The package may import the standard library only.
//
// # Not obvious
//
//   - An answer consists of several tables, one per list of objects. Rows of an inner list start
//     with the scalars of the enclosing elements.
//   - A comment is the first cell of a row with as many cells as the others, so that strict readers
//     accept it.
package csvtable
