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
//	engine.go               sessions: open the generation; poll, fold, done; pause, note the end of the log
//	batch.go                one poll: decode, share among workers, fold, bisect, wait for the database
//	notify.go               what a committed batch tells: progress, whose figures moved
//	checkpoint.go           compare-and-set, steps of a batch
//	generation.go           building → live → retired; a start with no generation
//	park.go                 parked records
//	resolve.go              parked events folded again: skips, retries, types that became known
//	parked_list.go          which events are parked, for operators
//	parked_retry.go         retry and acknowledge, by operators
//	parked_inspect.go       one parked event as it stands in the log
//	lag.go                  status: positions, lag, problems
//	month_partitions.go     monthly partitions of the reading tables
//	table.go                set-based inserts from typed columns; COPY for many new rows
//	dashboards*.go          preferences, history, heads, remembered commands, notices
//	account_insights.go     tSAccountIns, account_newest
//	account_months.go       account_months: the figures of accounts by day
//	latest_reading.go       which of a day's readings counts
//	post_*.go posts.go      tSPosts, tSPostInsights, tSPostGrowth, post_daily, post_gains
//	directory*.go           reference entities
//	operations.go           trail, connection states
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
//   - post_gains holds sums over all readings. A batch adds what its readings and their neighbours gain
//     with it, less what the neighbours gained without it: so a late reading moves what later ones gained.
//     Each figure gains against the last reading that had it. Where a neighbour lacks one that a reading
//     has, the next reading that has it is looked for.
//     Readings of several agencies of one post are rare, and only then their neighbours are asked for
//     one by one.
//   - A post of tSPosts knows under which other clients of its agency it was registered later, so that an
//     answer that sees several of them shows it once without looking for the others.
//   - A record in a wrong partition is parked there and does not stop the stream's own partition:
//     which reader is faster must not decide what the tables hold. Commands are refused all the same.
//   - An operator's skip is the next record of the chain that it speaks of, folded alone, so that live projection and
//     rebuild meet it at the same place. A retry is no record: it gives what a rebuild by this binary would give.
//     An acknowledged event is still one that is not folded: only its state says that somebody has seen it.
package projections
