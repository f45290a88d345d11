// Package migrations holds the SQL of the engine's own tables and of what the log must not hold, embedded, and applies it
// with goose.
//
// # Invariants
//
//   - Schema lb_engine ([Engine]) and the tables of the generations hold only what folds of the log made; dropping them
//     loses nothing. Tables of projections are no migrations: package projections/ddl says what they are now.
//   - Schema kept ([Kept]) holds exactly what its package vault lists.
//   - Schema lb ([Views]) holds views alone, for people; no path of the program reads them.
//   - Each schema records its own version inside itself. Migrations only add; removal comes a release later.
//
// It may not import any other package of this module.
//
// # File map
//
//	migrations.go  Up
//	engine/        generations, checkpoints, pointer, parked records, processes, rebuilds; the sum of rankings
//	kept/          what the log must not hold
//
// # Non-obvious
//
//   - The files name no schema: the connection's search path does.
//   - River's tables live in schema river and are migrated by River itself (internal/scheduler).
package migrations
