// Package embedded runs, inside or beside this process, the two servers that ledgerboard needs when none is configured:
// a Kafka-protocol broker (franz-go's kfake, persistent) and a PostgreSQL. Callers get addresses and use the same
// clients as against real servers.
//
// # Invariants
//
//   - A produce request is acknowledged after fsync of the segment: kill -9 loses no acknowledged record.
//   - The broker never compacts and never expires: its cleaner never runs, retention is off, DeleteRecords and changes of
//     broker settings are refused. Topics take Broker.TopicOverrides. So it is for demos and tests: what was erased stays in
//     its files.
//   - One owner per data directory: flock, dropped by the kernel with its owner (ErrLocked names the owner).
//   - PostgreSQL keeps fsync, full_page_writes and synchronous_commit as it ships them and listens on loopback only.
//   - Nothing is left running: not after Close, not after SIGKILL of this process.
//   - Addresses survive a restart on the same directory as long as the port is free.
//
// # May not import
//
// Any other package of this module.
//
// # Non-obvious
//
//   - kfake cuts torn segment tails itself but appends behind a torn tail of groups.log and pids.log, whose later
//     entries the next start drops. Offsets that count are in our tables, and a restarted producer has a new id.
//   - kfake keeps the sequence windows of idempotent producers in memory and saves them in Close: after kill -9 the
//     retry of an unanswered batch by a producer that outlived the broker is appended a second time. Producers here
//     die with their broker; readers drop duplicates anyway (hash chain, event ids).
//   - kfake ignores errors of fsync itself and does not fsync directories: a power cut (not kill -9) may lose a
//     segment file made in the last seconds. A failing write is answered with an error.
//   - After a kill kfake reads the whole log into memory for a moment, all partitions at once. Good for some
//     gigabytes; beyond that use Apache Kafka.
//   - kfake panics on an unknown request key and allocates any announced length: brokerConn looks at the first request.
//   - kfake accepts any topic setting and describes it back, known or not (min.compaction.lag.ms,
//     unclean.leader.election.enable). The check of settings passes; the settings do nothing.
//   - PostgreSQL refuses root. Its server then runs as the owner of the cluster, else postgres, else nobody, and needs
//     to pass through every directory above PGDATA. Where it cannot (root's home, t.TempDir: 0700) it gets PGDATA as
//     an open descriptor and the path /proc/self/fd/3 (Linux only; elsewhere a clear error). SHOW data_directory and
//     postmaster.pid then show that path.
//   - Pdeathsig fires when the forking thread dies, not the process: process.start owns its thread until the child has
//     ended. The watchdog does the same job by a pipe on every Unix; on Linux both are armed, two SIGINTs are one.
//   - A server whose owner was killed does a fast shutdown, which may take seconds; a start in that time waits for it.
//   - Offline and without installed programs StartPostgres fails naming what to install. Nothing is downloaded when a
//     server is found in PATH or a usual place. A download of one version happens once per cache directory; cancelling
//     the context leaves the library's HTTP request to end by itself, and the library leaves an empty
//     embedded_postgres_log* in the temporary directory.
//   - The server's own log is data/log/postgresql-<weekday>.log, each begun anew after a week.
package embedded
