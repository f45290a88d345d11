// Package tables makes the tables of all projections without an engine, for tests and measurements of folds and read models.
//
// An engine that is started over such a database makes its first generation at the same place: the schemas here are
// those of generation 1.
package tables
