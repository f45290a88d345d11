// Package pg connects ledgerboard to PostgreSQL. It provides connection pools, consistent
// snapshots, the classification of SQLSTATEs, and notifications of the progress of projections.
//
// # Invariants
//
//   - Every pool names its schema; times are scanned as UTC. Settings of a session are sent after
//     connecting, because poolers refuse startup parameters that they do not know.
//   - The URL, and the files that it names, are read again for each connection.
//   - A session that cannot write is not used for longer than a few seconds: see [Open].
//   - Only pools for data that can be refolded from the log, or that may be lost in a crash, commit
//     asynchronously.
//   - The simple protocol is used only to end a session.
//
// The package may import only domain, internal/secret and internal/tracing of this module.
//
// # Notes
//
//   - Progress payloads contain projection names and keys, not positions: PostgreSQL merges equal
//     payloads in a transaction, and waiters must read the tables anyway.
package pg
