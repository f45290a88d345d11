// Package ddl defines the current tables of each projection: one declarative file per projection,
// without a history of changes.
//
// # Invariants
//
//   - Derived tables are never altered or emptied. A change to a file is a new version of its
//     projector (projections, TestEveryVersionGivesItsDigest), for which a new generation is built
//     next to the live one.
//   - Tables have no serial, no default of now() and no random value: two folds of the same log
//     give equal tables.
//   - A file names no schema; the search path of the connection selects it.
//
// The package must not import any other package of this module.
//
// # Design notes
//
//   - Keys and indexes are separate, because a rebuild creates them after the rows, which is many
//     times faster.
//   - Names are unquoted, so tSAccountIns and tsaccountins are one table.
//   - Package projections attaches the monthly partitions, because they depend on the clock.
package ddl
