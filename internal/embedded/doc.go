// Package embedded runs the two servers that ledgerboard needs if none are configured: a
// Kafka-compatible broker (franz-go's kfake, persistent) in this process, and a PostgreSQL server
// next to it. It is for demos and tests; production refuses it. Callers get addresses and use the
// same clients as with real servers.
//
// # Invariants
//
//   - A produce request is acknowledged after fsync of the segment: kill -9 loses no acknowledged
//     record.
//   - The broker never compacts and never expires records, so erased data stays in its files.
//   - A data directory has one owner at a time (flock, which the kernel drops when the owner exits;
//     ErrLocked names the owner).
//   - PostgreSQL keeps its durability settings and listens on loopback only, with a password.
//   - Nothing keeps running after Close or after the death of this process.
//   - Addresses stay the same after a restart on the same directory as long as the port is free.
//
// It may not import any other package of this module.
//
// # Limits
//
//   - After a kill, kfake temporarily reads the whole log into memory, and a producer that outlives
//     the broker may append its unanswered batch twice. Beyond some gigabytes, use Apache Kafka.
//   - kfake accepts and describes every topic setting, but most have no effect.
//   - PostgreSQL refuses to run as root. If this process is root, the server runs as postgres or,
//     if there is no such user, as nobody. On Linux it gets its directory as an open descriptor
//     (/proc/self/fd/3), because other users may not be able to open root's directories.
//   - Without an installed server, PostgreSQL is downloaded once per cache directory.
package embedded
