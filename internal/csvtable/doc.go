// Package csvtable writes all CSV of the program: answers, exports and what the command line prints. No spreadsheet
// reads a cell of it as a formula.
//
// It may import the standard library only.
//
// # File map
//
//	csvtable.go  Writer: columns, rows, comments; a value as a cell
//
// # Non-obvious
//
//   - A comment stands in the first cell of a row that has as many cells as the others, so that strict readers accept it.
package csvtable
