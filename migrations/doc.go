// Package migrations holds the SQL of both schemas, embedded, and applies it with goose.
//
// # Invariants
//
//   - Schema lb ([Derived]) holds only what folds of the log made; dropping it loses nothing.
//   - Schema kept ([Kept]) holds exactly secrets, notice cursors and pause flags.
//   - Each schema records its own version inside itself.
//   - Projection tables have no serial, no default of now() and no random value: two folds of one log
//     give equal tables.
//
// It may not import any other package of this module.
//
// # File map
//
//	migrations.go  Up, UpSchema
//	lb/            engine, then one file per projection
//	kept/          what the log must not hold
//
// # Non-obvious
//
//   - The files name no schema: the connection's search path does, so that a shadow schema for a
//     rebuild comes from the same files.
//   - Tables are created unquoted, so tSAccountIns and tsaccountins are one name.
//   - River's tables live in schema river and are migrated by River itself (internal/scheduler).
package migrations
