// Package ddl says what the tables of each projection are now: one declarative file per projection, and no chain of changes.
//
// # Invariants
//
//   - Derived tables are never altered and never emptied. A change of a file is a new version of its projector
//     (projections, TestEveryVersionGivesItsDigest), for which a new generation is built next to the live one.
//   - Tables have no serial, no default of now() and no random value: two folds of one log give equal tables.
//   - A file names no schema: the search path of the connection does.
//
// It may not import any other package of this module.
//
// # Non-obvious
//
//   - Keys and indexes stand apart, because a rebuild makes them after the rows: many times faster than row by row.
//   - Names are unquoted, so tSAccountIns and tsaccountins are one table.
//   - The monthly partitions are attached by projections, not here: they depend on the clock.
package ddl
