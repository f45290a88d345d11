// Package embedded runs the two servers that ledgerboard needs when none is configured: a broker that speaks the Kafka
// protocol (franz-go's kfake, persistent) in this process, and a PostgreSQL next to it. It is for demos and tests;
// production refuses it. Callers get addresses and use the same clients as with real servers.
//
// # Invariants
//
//   - A produce request is acknowledged after fsync of the segment: kill -9 loses no acknowledged record.
//   - The broker never compacts and never expires records, so what was erased stays in its files.
//   - A data directory has one owner at a time (flock, which the kernel drops with its owner; ErrLocked names it).
//   - PostgreSQL keeps its durability settings and listens on loopback only, with a password.
//   - Nothing keeps running after Close or after the death of this process.
//   - Addresses stay the same after a restart on the same directory as long as the port is free.
//
// It may not import any other package of this module.
//
// # Limits
//
//   - After a kill, kfake reads the whole log into memory for a moment, and a producer that outlives the broker may
//     append its unanswered batch twice. Beyond some gigabytes, use Apache Kafka.
//   - kfake accepts every topic setting and describes it back; most have no effect.
//   - PostgreSQL refuses root. Started by root it runs as postgres, else as nobody. On Linux it gets its directory as an
//     open descriptor (/proc/self/fd/3), because root's directories may be closed.
//   - Without an installed server, PostgreSQL is downloaded once per cache directory.
package embedded
