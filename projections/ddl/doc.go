// Package ddl defines the tables of each projection. Each projection has one declarative file with
// the current definition; there is no history of changes.
//
// # Invariants
//
//   - Derived tables are never altered or emptied. A change of a definition requires a new version
//     of its projector (projections, TestChangedDefinitionRequiresNewVersion), for which a new generation is
//     built next to the live one.
//   - Tables have no serial columns, no default of now() and no random values: two folds of the
//     same log produce equal tables.
//   - A file names no schema; the search path of the connection selects it.
//
// The package must not import any other package of this module.
//
// # Design notes
//
//   - Keys and indexes are in a separate section, because a rebuild creates them after it has
//     copied the rows, which is many times faster.
//   - Names are unquoted, so tSAccountIns and tsaccountins are the same table.
//   - Package projections attaches the monthly partitions, because they depend on the clock.
package ddl
