// Package projections folds the log into the read models: one engine, and one projector per group of
// tables that must move together.
//
// # Invariants
//
//   - One transaction holds the rows of a batch and the checkpoints of its partitions. The first
//     statement moves the checkpoints by compare-and-set, generation and state included; who loses it
//     writes nothing. That is the fence against a process that lost its partition and does not know.
//   - A projection reads one topic and writes its own tables; it has no handle to send anything. The
//     NOTIFYs in its transaction only say that tables have moved, and whose figures in them.
//   - Folds are functions of the events: no clock, no configuration, no Kafka timestamp. Two folds of
//     one log give equal tables; for the projections of `metrics` any order does.
//   - Poison is decided by decoding and Apply alone, and parked in the checkpoint's transaction, alike
//     live and in a rebuild. On `dashboards` the later events of the stream are parked behind it.
//   - Heads of hash chains are loaded and stored in the transaction that moves the checkpoint, never
//     kept ahead of it; a record that cannot be decoded is still the head.
//
// It may not import watermill, commands, readmodels or api.
//
// # File map
//
//	all.go                  which projections there are
//	projector.go            what a projector and the fold of a batch are; events, reasons of parking
//	engine.go               begins a session for each generation, runs rebuilds and retirement
//	session.go              one generation: poll, fold, done; pause, note the end of the log
//	batch.go                one poll: decode, share among workers, fold, bisect, wait for the database
//	notify.go               what a committed batch tells: progress, whose figures moved; steps of generations
//	pass_over.go            records of other projections of the topic
//	checkpoint.go           compare-and-set, steps of a batch
//	checkpoint_topic.go     of which topic an offset is: who has read another one folds nothing
//	blockers.go             the sessions of frozen processes are ended by who waits for them
//	generation.go           building → live → retired; a start with no generation
//	generation_live.go      the moment when it is read
//	generations.go          what operators see of the generations
//	leave_all.go            all tables are left: an older state of the log was restored
//	rebuild.go              rebuilds as operators ask for them: request, cancel, accept, list
//	rebuild_run.go          the process that runs one: lease, steps, what happens when it dies
//	rebuild_open.go         its generation, and the shards of it
//	rebuild_copy.go         who folds which shards, and what follows when all are done
//	rebuild_shard.go        a shard: a partition of the log → COPY, in one transaction
//	rebuild_finish.go       keys and indexes, vacuum, table by table; catch up, verify
//	rebuild_abandon.go      cancelled or failed: what is dropped, what is said; which errors are final
//	rebuild_throttle.go     when a rebuild goes slower: live or a standby is behind
//	rebuild_disk*.go        how much disk a rebuild needs, and how much there is
//	switch.go               readers get another generation; the way back to an earlier one
//	retire.go               superseded generations retire, retired ones are dropped
//	erase.go                generations that no erasure reaches, and that hold a person
//	erase_elsewhere.go      they are dropped by a process that folds, for one that may not
//	orphans.go              tables that belong to no generation any more
//	processes.go            what each process is, folds and reads
//	readers.go readers_still.go  the pool of the generations that readers use; of those that answer as of a time
//	readers_swap.go readers_statements.go  from one pool to the next without going back; statements on the pool that is the right one
//	views.go                the views of schema lb
//	park.go                 parked records
//	resolve.go              parked events folded again: skips, retries, types that became known
//	parked_detail.go        what is wrong with an event, in words that hold none of its values
//	parked_list.go          which events are parked, for operators
//	parked_retry.go         retry and acknowledge, by operators
//	parked_inspect.go       one parked event as it stands in the log
//	lag.go                  status: positions, lag, problems
//	builds.go               how far generations are that are being made
//	month_partitions.go     monthly partitions of the reading tables
//	table.go                set-based inserts from typed columns; COPY for many new rows
//	table_copy.go copy_binary.go  rows streamed into COPY; how a rebuild encodes them
//	verify.go report.go     two generations compared at one position; what a comparison says
//	check*.go               live tables compared with a fold of the log, by hand and once a day; connections of their own
//	compacted.go            why rows differ whose records compaction took away
//	digest.go               digests of tables, by tenant; the first row that differs
//	bulk_fold.go bulk_topic.go  a partition, and a topic, folded from an empty state, for a rebuild or a check
//	dashboards*.go          preferences, history, heads, remembered commands, notices
//	account_insights.go     tSAccountIns, account_newest
//	account_months.go       account_months: the figures of accounts by day
//	account_bulk.go         the same in a rebuild
//	erasures.go             up to when figures of accounts are erased, for both projections of metrics
//	account_erased.go post_erased.go  what an erasure takes out of stored rows
//	latest_reading.go       which of a day's readings counts
//	post_*.go posts.go      posts, their readings and their roll-ups: post_series.go has the rule of gains
//	bulk_stream.go packed*.go  rows that a rebuild copies; readings and commands packed until then
//	contents.go contents_erased.go  what posts say; erasures of all texts of an account
//	directory*.go           reference entities
//	operations*.go          trail, connection states
//	version*.go             versions of this release and, for rehearsals of an upgrade, of the next
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
//   - No time-out of the server ends a COPY whose client says nothing, so that sessions of frozen processes are ended by who waits
//     for them. The time-outs that folds carry hold where nobody waits; the one of attaching a month is short, because readers wait.
//   - Records of other projections of the topic are passed over without a transaction of their own: the checkpoint follows with
//     the next event, or a tenth of a second later. Only what readers use may stand behind so: a switch waits for the
//     checkpoints of the next generation. What was passed over and not noted is read again, by whoever goes on.
//   - Transactions commit asynchronously: a crash of the server loses rows and checkpoint together, and
//     the log has them still. Those of dashboards do not: a command is answered once its record shows in
//     the tables, and tables that a crash set back let the next command find "nothing to change", 200,
//     without a record (internal/dev/e2e, TestChaosTablesNeverGoBack).
//   - The newest stored reading of a post comes from post_daily, one probe of one index; asking the
//     monthly partitions would be one probe for each month, and a plan over all of them at each batch. They are asked for days
//     on which a reading comes late, in a round trip of their own.
//   - COPY of new rows runs beside the fold that works out the next ones: nobody else uses the transaction until it is waited for.
//   - A row of account_months is a month of one figure, a value for each day: an answer reads a row where it would
//     read thirty. A batch is laid over the stored days in one statement, nothing is read before.
//   - A gain belongs to a reading, and is stored with it: the step from the last reading before it that has the figure,
//     in the series of one post and agency. A late reading changes those after it up to the next one of each of its
//     figures, and no sum but by what these gained before and gain now. So the tables do not depend on arrival.
//   - A row of post_daily goes on from its sums when the next reading comes behind the newest of the day. A late reading
//     makes the rows of its day anew from all its readings. Rows of post_gains are sums: added to, and taken from, by the readings that
//     changed.
//   - A first filling that is killed begins again from the start: the log then has most readings twice. Those of the second time come
//     late, thousands in a batch. Where the stored reading of the instant stays, nothing changes, and nothing behind it is read. What
//     follows the others is read by the key, whatever statistics the server has: ANALYZE did not keep it from joining all readings.
//   - A row of post_months goes on from its last sum: what a batch changes at the end of a month is appended. Anything
//     else, a late reading or an owner gone, makes the month anew from its days. Sums go by month and not for ever, so
//     that a late reading changes no row of a later month but that of the reading after it.
//   - A rebuild packs the readings of a partition into some 50 bytes each and makes their rows at the end, by the same
//     functions: any later event may change what a reading gained.
//   - What a reading that lost its instant leaves behind is mended by a look at the readings; it is rare.
//   - A post of tSPosts knows under which other clients of its agency it was registered later, so that an
//     answer that sees several of them shows it once without looking for the others.
//   - A record in a wrong partition is parked there and does not stop the stream's own partition:
//     which reader is faster must not decide what the tables hold. Commands are refused all the same.
//   - A shard of a rebuild is one transaction whose first statement claims it under the rebuild's lease. A takeover raises
//     the lease of every shard that is not done, after it has ended the sessions of the process before: there is no moment
//     at which two processes can fold the same shard.
//   - Rows that no later event changes are copied while their shard is folded on: one goroutine has the fold, another the
//     transaction. Nobody else uses the transaction until what was handed on is copied, also after an error.
//   - A rebuild has as many partitions in the fold as in COPY: the log and the decoding of one do not wait for the database's
//     work on another. More of both at a time would leave no processor to what serves.
//   - The steps of a rebuild wait for no clock: each is notified in its transaction, and who waits looks again. What is not
//     heard is found by a look a second later.
//   - The switch holds the old generation's checkpoints for some milliseconds, in which the new one passes them. Without
//     that, two generations that are followed at full speed would hardly ever be seen in the right order.
//   - A superseded generation is followed until the views of schema lb show another one: a transaction of somebody with psql
//     may hold a view for hours, and what the view shows is fresh meanwhile.
//   - A parked record of a compacted topic is overtaken by the next of its key, parked or not: compaction may take it, and a
//     rebuild must not find less than live has noted. The row that it did not replace stays; compaction may take the record
//     of that too, and then a rebuild is refused and says so (compacted.go).
//   - Directory: as with contents, the latest record of a key counts, by its ce_time, which is the entity's own time; in entities that come
//     late or twice, a covered row, erased_entities and what is told again it is the same.
//   - Contents: a record counts by its own time (ce_time), not by its place, and the first of one time; a tombstone stands before
//     content of its time. Origins have keys of their own, and rows of their own, in whichever partitions. The cases, each with a test
//     (contents_test.go; projections/compacted.go for the last but one):
//     content before its post: a row that no answer joins until the post is registered;
//     a post before its content: answers say null for texts, and the next listing compares and appends again what was lost;
//     a duplicate: the same time and texts change nothing; writers look at what is stored first, so that one comes of a race alone;
//     topics out of order: neither fold reads the other's tables, answers join them;
//     content that is older than what is known, or than a tombstone, and comes late: it does not count. But compaction keeps a key's
//     last record: the row says that it is covered, and within an hour what counts is appended again, byte for byte
//     (internal/upkeep/compacted.go), long before min.compaction.lag.ms lets the cleaner at it;
//     one projection rebuilt while the other stands: each has its generations and checkpoints, readers join what both point to;
//     a parked record under another one that does not count: it is looked for in the log, and appended again too;
//     a parked record that compaction left alone: a rebuild is refused and names the key, as on `directory`;
//     content of before an erasure of its account that comes behind it: no row, but one in erased_contents that is covered, so that its
//     record gets a tombstone too. Each partition has a record of the erasure, and takes its own alone (contents_erased.go);
//     a record that does not count over the key of an erasure: content_erasures says that it is covered, and the erasure is appended again.
//     An earlier one of the account may go: it erases nothing that the latest does not;
//     tombstones that the log has forgotten: erased_contents remembers more than a rebuild finds, so it is in no comparison.
//   - An erasure of figures counts for what comes behind it too, so each projection of metrics remembers it. An account of which
//     something is erased is folded otherwise in two points, because what is stored must be enough: account_newest is made of readings
//     that count alone, not of those that share their instant with one of a smaller id; and registered_at of a post is the earliest of
//     what each origin last said.
//   - A heartbeat on a compacted topic is folded as nothing.
//   - Two generations are compared in snapshots that show equal checkpoints. Only the new one is ever held back; live
//     and its readers notice nothing.
//   - An operator's skip is the next record of the chain that it speaks of, folded alone, so that live projection and
//     rebuild meet it at the same place. A retry is no record: it gives what a rebuild by this binary would give.
//     An acknowledged event is still one that is not folded: only its state says that somebody has seen it.
package projections
