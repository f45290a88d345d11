// Package projections is the engine that folds the log into the read models. It runs any projector
// (projections/fold) in generations of its tables and does not depend on specific projectors.
//
// # Invariants
//
//   - One transaction writes the rows of a batch and the checkpoints of its partitions. Its first
//     statement moves the checkpoints by compare-and-set, which fences a process that has lost its
//     partition.
//   - A projector cannot send anything. The NOTIFYs in its transaction only say that tables moved
//     and whose figures changed.
//   - Only decoding and Apply decide that an event is poison. It is parked in the checkpoint's
//     transaction, both live and in a rebuild.
//
// The package must not import watermill, commands, readmodels, api or projections/projectors.
//
// # Design notes
//
//   - A batch takes two round trips: begin, compare-and-set and reads; then writes, NOTIFY and
//     commit. If the connection is lost in the second one, the commit may have succeeded; the next
//     attempt's compare-and-set finds out.
//   - The server ends sessions that are idle in a transaction, so a frozen process blocks neither a
//     takeover nor a switch. No server time-out ends a COPY whose client has stopped; a process
//     that takes a rebuild over terminates its predecessor's sessions.
//   - Transactions commit asynchronously: a server crash loses rows and checkpoint together, and
//     they are refolded. `dashboards` commits synchronously: a command is answered once the
//     tables show its record, and after a loss the next command could wrongly find "nothing to
//     change" (internal/dev/chaos, TestKills).
//   - A rebuild has a lease, not an advisory lock as DESIGN says. Progress and cancellation need
//     the same heartbeat, other connections do not notice when a lock's session ends, and a lost
//     machine holds a lock until TCP times out.
//   - Each step of a rebuild is announced by NOTIFY; a missed notice is found by the next poll.
//   - On a compacted topic the next record of a key replaces its parked record, because compaction
//     may remove the parked one (explainCompacted).
//   - An operator's skip is a record in the stream and is folded alone, so live projection and
//     rebuild encounter it at the same position. A retry is not a record: it gives what a rebuild
//     by this binary would give. A skip of an event that blocks no stream is kept only in the
//     event's row.
//   - Rebuilds, switches and checks share the sessions, checkpoints, parked rows and generations of
//     the live fold. A package of their own, as in DESIGN, would need about fifty exported names.
package projections
