// Package projections is the engine that folds the log into the read models. It runs any projector
// (projections/fold) in generations of its tables and does not depend on specific projectors.
//
// # Invariants
//
//   - One transaction writes the rows of a batch and the checkpoints of its partitions. Its first
//     statement moves the checkpoints by compare-and-set on offset, generation and state. If the
//     compare-and-set fails, nothing is written. This fences a process that has lost its partition.
//   - A projector cannot send anything. The NOTIFYs in its transaction only say that tables moved
//     and whose figures changed.
//   - Only decoding and Apply decide that an event is poison. It is parked in the checkpoint's
//     transaction, both live and in a rebuild. On `dashboards`, later events of the stream are
//     parked after it.
//
// The package must not import watermill, commands, readmodels, api or projections/projectors.
// internal/assembly passes in the projectors. The tests fold with all of them.
//
// # Design notes
//
//   - A small poll is one transaction over all its partitions, which halves the latency at low
//     rates. Workers share a large poll by partition, so no two transactions touch the same keys.
//   - A small batch takes two round trips: begin, compare-and-set and reads; then writes, NOTIFY
//     and commit. The result of the compare-and-set is checked in between. A failed write also
//     prevents the commit in the same round trip. If the connection is lost in the second round
//     trip, the commit may have succeeded; the next attempt's compare-and-set finds out.
//   - A large poll is cut into equal transactions; the next one is decoded while one is folded.
//   - Shutdown lets the current batch finish, within a time limit.
//   - The server ends sessions that are idle in a transaction, so a frozen process blocks neither a
//     takeover nor a switch. No server time-out ends a COPY whose client has stopped; a process
//     that takes a rebuild over terminates its predecessor's sessions.
//   - Records of the topic's other projections get no transaction of their own: the checkpoint
//     moves with the next event or 100 ms later. This applies only to the live generation, because
//     a switch waits for the checkpoints of the next one. Unrecorded skips are read again after a
//     restart.
//   - Transactions commit asynchronously: a server crash loses rows and checkpoint together, and
//     they are refolded. `dashboards` commits synchronously: a command is answered once the
//     tables show its record, and after a loss the next command could wrongly find "nothing to
//     change" (internal/dev/chaos, TestKills).
//   - A shard of a rebuild is one transaction whose first statement claims it under the rebuild's
//     lease. A takeover terminates the old sessions, then raises the lease of every unfinished
//     shard, so two processes never fold the same shard. DESIGN names an advisory lock instead.
//     That saves no code (progress and cancellation need the same heartbeat) and is less safe:
//     other connections do not notice when the lock's session ends, and a lost machine holds the
//     lock until TCP times out.
//   - A rebuild processes up to four partitions at once, so reading and decoding overlap with
//     database work. More would take processors from the serving processes.
//   - Each step of a rebuild is announced by NOTIFY in its transaction. A missed notice is found by
//     the next poll.
//   - Readers read views. The switch locks the live checkpoints for some milliseconds until the new
//     generation has passed them, and replaces the views last. A transaction that has read a view
//     delays the switch until it ends, so it never mixes two generations.
//   - On a compacted topic the next record of a key replaces its parked record, because compaction
//     may remove the parked one. The table keeps the row from before; if compaction removes that
//     row's record too, a check of the tables reports it (explainCompacted).
//   - An operator's skip is a record in the stream and is folded alone, so live projection and
//     rebuild encounter it at the same position. A retry is not a record: it gives what a rebuild
//     by this binary would give. A skip of an event that blocks no stream is kept only in the
//     event's row.
package projections
