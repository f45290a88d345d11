// Package csvtable writes all CSV of the program: answers, exports and what the command line prints. A spreadsheet takes
// no cell for a formula.
//
// It may import the standard library only.
//
// # File map
//
//	csvtable.go  Writer: columns, rows, comments; a value as a cell
//
// # Non-obvious
//
//   - A comment stands in the first cell of a row as wide as all others: readers who insist on equal rows still read it.
package csvtable
