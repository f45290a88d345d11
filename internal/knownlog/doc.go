// Package knownlog is what a restore of the log looks at beside the brokers: what the database knows of the log, whether a
// backup holds all of that, what would be lost if not, and tables that move to the topics of the restored log. Package backup has the backup
// itself, and never sees a database.
//
// # Invariants
//
//   - Asking writes nothing.
//   - A backup that is older than what tables or the notices' cursors know is refused ([ErrOlder]) until somebody accepts all
//     that is named.
//   - The tables of a topic and what their checkpoints are of move together, or stay together.
//
// It may not import internal/assembly, which opens the database, or projections, which makes the tables.
//
// # Non-obvious
//
//   - Pools are over the engine's schema (lb_engine). Whether a table is there is asked by its full name: what this login may not look
//     into must not read as nothing.
//   - The database may be of an older release, or empty: what is asked for may not be there.
package knownlog
