// Package migrations embeds the SQL of the engine's own tables, and of the tables for what the log must not hold. It applies
// that SQL with goose.
//
// # Invariants
//
//   - Schema lb_engine ([Engine]) and the tables of the generations hold only what projections made from the log; dropping
//     them loses nothing. Tables of projections are no migrations: package projections/ddl says what they are now.
//   - Schema kept ([Kept]) holds exactly what its package vault lists.
//   - Schema lb ([Views]) holds views alone, for people; no path of the program reads them.
//   - Each schema records its own version inside itself. From the first release on, migrations only add; removal comes a
//     release later.
//
// It may not import any other package of this module.
//
// # Non-obvious
//
//   - The files name no schema: the connection's search path does.
//   - A generation belongs to the owner of schema lb, no matter which process makes it (deploy/roles.sql relies on that).
package migrations
