// Package csvtable writes all CSV of the program: answers, exports and what the command line prints. No spreadsheet
// reads a cell of it as a formula.
//
// It may import the standard library only.
//
// # Non-obvious
//
//   - An answer is several tables, one for each list of objects in it. Rows of an inner list begin with the scalars of the
//     elements that they stand in.
//   - A comment stands in the first cell of a row that has as many cells as the others, so that strict readers accept it.
package csvtable
