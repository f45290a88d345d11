// Package projections is the engine that folds the log into the read models. It runs any projector
// (projections/fold) in generations of its tables and does not depend on specific projectors.
//
// # Invariants
//
//   - One transaction writes the rows of a batch and the checkpoints of its partitions. Its first
//     statement moves the checkpoints by compare-and-set, which fences off a process that has lost
//     its partition.
//   - Projectors send nothing to people. The NOTIFY statements of a batch only announce that tables
//     advanced and whose figures changed.
//   - An event that cannot be decoded or that Apply refuses is a dead letter, recorded in the
//     transaction that moves the checkpoint past it, both live and in a rebuild. On a topic with hash
//     chains, it stops its stream (streams, fold_again.go). A value that the database refuses makes
//     its event a dead letter live, and fails a rebuild: only writing events one by one shows which
//     event it is. A check leaves out the same events as the tables.
//
// The package must not import watermill, commands, readmodels, api or projections/projectors.
//
// # Design notes
//
//   - A batch takes two round trips: the first begins the transaction, moves the checkpoints and
//     reads; the second writes, notifies and commits. If the connection is lost during the second
//     one, the commit may have succeeded; the compare-and-set of the next attempt detects that.
//   - The server ends sessions that are idle in a transaction, so a frozen process blocks neither a
//     takeover nor a switch. No server timeout ends a COPY whose client has stopped responding, so
//     a process that takes over a build terminates the sessions of its predecessor.
//   - Transactions commit asynchronously: a server crash loses rows and checkpoints together, and
//     the records are folded again. The projection of `dashboards` commits synchronously: a command
//     gets its answer once the tables show its record; if a crash then removed that record from the
//     tables, the next command could wrongly find "nothing to change" (internal/dev/chaos,
//     TestKills).
//   - A build has a lease, not an advisory lock. Progress and cancellation need a
//     heartbeat anyway, other connections do not notice when the session that holds a lock ends,
//     and a machine that loses its network connection keeps its locks until TCP times out.
//   - A build sorts the records of a partition by key (keysort) and folds each key whole, without
//     reading tables, with the fold and the rows of live projection. It needs memory for one key, and
//     each row is written once. Rows that depend on several keys (Projector.SpansPartitions) are
//     folded in the order of the log.
//   - A check folds into temporary tables of one connection, and follows the live generation with the
//     streams of its shards, so it needs neither checkpoints nor a generation. It creates the keys,
//     without which it could not follow.
//   - A live fold cannot take out an import that is withdrawn: windows and days keep only their newest
//     value. It marks its generation, and the engine builds another one without the import (outdated).
//   - After its commit, a batch wakes the waiters of its own process. Others get the NOTIFY.
//   - A stream that is folded again is folded from its start, but only the rows that ended at or after
//     its stop are replaced. Of 100,000 records, replacing all rows took four times as long, and ten
//     times as long under the lock.
//   - NOTIFY announces each step of a build. If a notification is lost, the next poll finds it.
//   - On a compacted topic, the next record of a key removes the dead letter of that key. If the last
//     record of a key is a dead letter, the tables keep the row of the record before it; a rebuild
//     drops that row once compaction has removed its record.
//   - An operator's skip is a record in the stream. Every fold of a stream from its start first looks
//     for skips, so the live fold and a rebuild leave out the same events. A live fold that meets a
//     skip stops the stream until it is folded again.
//   - Rebuilds, switches and checks share sessions, checkpoints, dead letters and generations with
//     the live fold. A separate package, as in DESIGN, would need about fifty exported names.
package projections
