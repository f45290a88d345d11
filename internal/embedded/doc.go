// Package embedded runs the servers that ledgerboard needs if none are configured: a
// Kafka-compatible broker (franz-go's kfake with persistence) in this process, and PostgreSQL in a
// child process. It is for development, demos and tests; with LEDGERBOARD_ENV=production,
// ledgerboard does not use it. Callers get addresses and use the same clients as with real servers.
//
// # Invariants
//
//   - The broker acknowledges a produce request after it has synced the segment to disk, so kill -9
//     loses no acknowledged record.
//   - The broker never compacts or expires records, so erased data stays in its files.
//   - A data directory has one owner at a time, which holds a lock (flock). The kernel releases the
//     lock when the owner exits. [ErrLocked] names the owner.
//   - PostgreSQL keeps its default durability settings. It listens only on loopback and requires a
//     password.
//   - No server keeps running after Close, or after this process dies.
//   - After a restart with the same directory, addresses are the same if the ports are free.
//
// It may not import any other package of this module.
//
// # Limits
//
//   - After the broker was killed, kfake reads the whole log into memory for a while, and a
//     producer that is still running may append its unacknowledged batch twice. Use Apache Kafka
//     for more than a few gigabytes.
//   - A request to join a consumer group that is not answered within 10 s ends its connection: a
//     member that waits for a longer batch of another one asks again.
//   - kfake accepts and describes every topic setting, but most have no effect.
//   - PostgreSQL refuses to run as root. If this process runs as root, the server runs as user
//     postgres or, if that user does not exist, as nobody. On Linux, the server gets its directory
//     as an open descriptor (/proc/self/fd/3), because these users may not be able to open root's
//     directories.
//   - If PostgreSQL is not installed, it is downloaded once into a cache directory.
package embedded
