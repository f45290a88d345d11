// Package projections folds the log into the read models: the engine. It runs any projector (projections/fold), in generations of its tables,
// and knows no particular one (projections/projectors).
//
// # Invariants
//
//   - One transaction holds the rows of a batch and the checkpoints of its partitions. The first
//     statement moves the checkpoints by compare-and-set, generation and state included; who loses it
//     writes nothing. That is the fence against a process that lost its partition and does not know.
//   - A projector has no handle to send anything. The NOTIFYs in its transaction only say that tables have moved, and whose figures in them.
//   - Poison is decided by decoding and Apply alone, and parked in the checkpoint's transaction, alike
//     live and in a rebuild. On `dashboards` the later events of the stream are parked behind it.
//
// It may not import watermill, commands, readmodels, api or projections/projectors: internal/assembly hands in which projectors there are.
// Its tests fold with all of them.
//
// # Non-obvious
//
//   - A small poll is one transaction over all its partitions: at low rates that halves the latency of
//     one transaction per partition. A large one is shared among workers by partition, so that no two
//     transactions touch the same keys.
//   - A small batch is two round trips: begin, compare-and-set and look-ups in one, writes, NOTIFY and commit in the other.
//     Between them the count of the compare-and-set is looked at, so that who lost the race has read in vain and written
//     nothing. A write that is refused fails the rest of its round trip: the commit behind it is not executed. A connection
//     that ends in the second one may have committed or not; the next try's compare-and-set finds out.
//   - A large poll is cut into equal transactions, and the next one is decoded while one is folded. A process that ends between
//     two has moved the checkpoint to the end of the first: no record of the second counts as folded.
//   - A stop lets the batch that is folded come to its end, within a bound: only between two batches does a session look
//     whether it goes on.
//   - The server ends sessions that are idle in a transaction, so that a frozen process blocks neither takeover nor switch.
//     No time-out ends a COPY whose client has stopped: folds use none, and who takes a rebuild over ends its predecessor's sessions.
//   - Records of other projections of the topic are passed over without a transaction of their own: the checkpoint follows with
//     the next event, or a tenth of a second later. Only the live generation may stand behind so: a switch waits for the
//     checkpoints of the next one. What was passed over and not noted is read again, by whoever goes on.
//   - Transactions commit asynchronously: a crash of the server loses rows and checkpoint together, and
//     the log has them still. Those of dashboards do not: a command is answered once its record shows in
//     the tables, and tables that a crash set back let the next command find "nothing to change", 200,
//     without a record (internal/dev/chaos, TestKills).
//   - A shard of a rebuild is one transaction whose first statement claims it under the rebuild's lease. A takeover raises
//     the lease of every shard that is not done, after it has ended the sessions of the process before: there is no moment
//     at which two processes can fold the same shard. DESIGN names an advisory lock instead. It would save no code: progress
//     and cancelling need the same beat, the ended sessions the same query. And it is less safe: a step on another connection
//     does not know that the lock's session has ended, and a lost machine keeps the lock for as long as TCP does.
//   - A rebuild has up to four partitions under way: the log and the decoding of one do not wait for the database's work on
//     another. More would leave no processor to what serves.
//   - The steps of a rebuild wait for no clock: each is notified in its transaction, and who waits looks again. What is not
//     heard is found by a look a second later.
//   - Readers read views. The switch holds the live generation's checkpoints for some milliseconds, in which the new one
//     passes them, and replaces the views last: readers wait from then to the commit. A transaction that has read a view
//     holds its lock, and so the switch, until it ends: it never mixes two generations. No reader is left on the old
//     tables, which retire in the same transaction.
//   - A parked record of a compacted topic is overtaken by the next of its key, parked or not: compaction may take it, and a
//     rebuild must not find less than live has noted. The row that it did not replace stays; compaction may take the record
//     of that too, and then a check of the tables says so (explainCompacted).
//   - An operator's skip is the next record of the chain that it speaks of, folded alone, so that live projection and
//     rebuild meet it at the same place. A retry is no record: it gives what a rebuild by this binary would give.
//     One that an operator leaves out where it holds up no other is still not folded: only its row says so.
package projections
