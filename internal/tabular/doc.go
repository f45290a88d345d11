// Package tabular writes tables in the formats of the program: CSV and JSON Lines for programs, and
// workbooks (.xlsx) for people. They contain API responses, exports, and output of the command line.
//
// The package may import only the standard library and excelize.
//
// # Not obvious
//
//   - A response consists of one or more tables, one per list of objects. Rows of an inner list
//     start with the scalars of the enclosing elements.
//   - CSV and JSON Lines contain rows and nothing else: the sender must say elsewhere whether they are
//     complete. In a workbook, the sheet About says so.
//   - excelize's streaming writer cuts a text after 32,767 UTF-16 units without an error, and
//     writes sheets to the archive in random order: equal workbooks have different bytes.
package tabular
