// Package migrations embeds the SQL for the engine's own tables and for the tables of data that the
// log must not contain. It applies that SQL with goose.
//
// # Invariants
//
//   - Schema lb_engine ([Engine]) and the tables of the generations contain only data derived from
//     the log, so nothing is lost if they are dropped. Package projections/ddl defines the tables
//     of projections; they are not migrated.
//   - Schema kept ([Kept]) contains exactly the data that package vault lists.
//   - Schema lb ([Views]) contains only views for people. The program does not read them.
//   - Schemas lb_engine and kept record their versions separately. After the first release, a
//     migration only adds; what is no longer used is removed one release later.
//
// The package may import only internal/pg of this module.
//
// # Design notes
//
//   - The files name no schema; the search path of the connection selects it.
//   - The owner of schema lb owns every generation, no matter which process creates it
//     (deploy/roles.sql relies on that).
package migrations
