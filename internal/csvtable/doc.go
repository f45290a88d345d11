// Package csvtable writes all CSV of the program: API responses, exports, and output of the command
// line. Cells are escaped so that spreadsheets do not read them as formulas.
// Programs get plain CSV. A file for a spreadsheet also protects texts from being read as numbers.
//
// The package may import only the standard library.
//
// # Not obvious
//
//   - A response consists of one or more tables, one per list of objects. Rows of an inner list
//     start with the scalars of the enclosing elements.
//   - A comment is the first cell of a row with as many cells as every other row, so that strict
//     readers accept it.
package csvtable
