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
//	notify.go               what a committed batch tells: progress, whose figures moved
//	checkpoint.go           compare-and-set, steps of a batch
//	generation.go           building → live → retired; a start with no generation
//	generations.go          what operators see of the generations
//	rebuild.go              rebuilds as operators ask for them: request, cancel, accept, list
//	rebuild_run.go          the process that runs one: lease, steps, what happens when it dies
//	rebuild_copy.go         shards: a partition of the log → COPY, in one transaction
//	rebuild_finish.go       keys and indexes, catch up, verify
//	rebuild_disk*.go        how much disk a rebuild needs, and how much there is
//	switch.go               readers get another generation; the way back to an earlier one
//	retire.go               superseded generations retire, retired ones are dropped
//	processes.go            what each process is, folds and reads
//	readers.go              the pool of the generations that readers use
//	views.go                the views of schema lb
//	park.go                 parked records
//	resolve.go              parked events folded again: skips, retries, types that became known
//	parked_list.go          which events are parked, for operators
//	parked_retry.go         retry and acknowledge, by operators
//	parked_inspect.go       one parked event as it stands in the log
//	lag.go                  status: positions, lag, problems
//	builds.go               how far generations are that are being made
//	month_partitions.go     monthly partitions of the reading tables
//	table.go                set-based inserts from typed columns; COPY for many new rows
//	table_copy.go           rows streamed into COPY
//	verify.go report.go     two generations compared at one position; what a comparison says
//	check.go check_daily.go live tables compared with a fold of the log, by hand and once a day
//	digest.go               digests of tables, by tenant; the first row that differs
//	bulk_fold.go bulk_topic.go  a partition, and a topic, folded from an empty state, for a rebuild or a check
//	dashboards*.go          preferences, history, heads, remembered commands, notices
//	account_insights.go     tSAccountIns, account_newest
//	account_months.go       account_months: the figures of accounts by day
//	account_bulk.go         the same in a rebuild
//	latest_reading.go       which of a day's readings counts
//	post_*.go posts.go      tSPosts, tSPostInsights, post_daily, post_gains: post_series.go has the rule of gains
//	bulk_stream.go packed*.go  rows that a rebuild copies; readings packed until then
//	directory*.go           reference entities
//	operations*.go          trail, connection states
//	version*.go             versions of this release and, for rehearsals of an upgrade, of the next
//
// # Non-obvious
//
//   - A small poll is one transaction over all its partitions: at low rates that halves the latency of
//     one transaction per partition. A large one is shared among workers by partition, so that no two
//     transactions touch the same keys.
//   - Transactions commit asynchronously: a crash of the server loses rows and checkpoint together, and
//     the log has them still. Those of dashboards do not: a command is answered once its record shows in
//     the tables, and tables that a crash set back let the next command find "nothing to change", 200,
//     without a record (internal/dev/e2e, TestChaosTablesNeverGoBack).
//   - The newest stored reading of a post comes from post_daily, one probe of one index; asking the
//     monthly partitions would be one probe for each month.
//   - A row of account_months is a month of one figure, a value for each day: an answer reads a row where it would
//     read thirty. A batch is laid over the stored days in one statement, nothing is read before.
//   - A gain belongs to a reading, and is stored with it: the step from the last reading before it that has the figure,
//     in the series of one post and agency. A late reading changes those after it up to the next one of each of its
//     figures, and no sum but by what these gained before and gain now. So the tables do not depend on arrival.
//   - Rows of post_daily are made anew from all readings of a day, which are read with the first late one or second one
//     of the day. Rows of post_gains are sums: added to, and taken from, by the readings that changed.
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
//   - The switch holds the old generation's checkpoints for some milliseconds, in which the new one passes them. Without
//     that, two generations that are followed at full speed would hardly ever be seen in the right order.
//   - Two generations are compared in snapshots that show equal checkpoints. Only the new one is ever held back; live
//     and its readers notice nothing.
//   - An operator's skip is the next record of the chain that it speaks of, folded alone, so that live projection and
//     rebuild meet it at the same place. A retry is no record: it gives what a rebuild by this binary would give.
//     An acknowledged event is still one that is not folded: only its state says that somebody has seen it.
package projections
