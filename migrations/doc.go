// Package migrations embeds the SQL of the engine's own tables and of the tables for data that the
// log must not contain. It applies that SQL with goose.
//
// # Invariants
//
//   - Schema lb_engine ([Engine]) and the tables of the generations hold only what projections
//     derived from the log; dropping them loses nothing. Tables of projections are not migrations:
//     package projections/ddl defines them.
//   - Schema kept ([Kept]) holds exactly what package vault lists.
//   - Schema lb ([Views]) holds only views, for people; the program does not read them.
//   - Each schema records its own version. After the first release, migrations only add; a removal
//     comes one release later.
//
// The package must not import any other package of this module.
//
// # Design notes
//
//   - The files name no schema; the connection's search path selects it.
//   - A generation belongs to the owner of schema lb, no matter which process creates it
//     (deploy/roles.sql relies on that).
package migrations
