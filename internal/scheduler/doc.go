// Package scheduler has work done on time: slots by the wall clock, divided into shards of connections by
// the application, done by as many processes as there are. The queue is River's, in schema
// river; the work itself is handed in as functions.
//
// # Invariants
//
//   - A slot is a function of the wall clock and the schedule, so all processes mean the same one.
//   - A job is unique by kind, platform, shard, slot and, when single connections of a shard are tried
//     again, connection, across processes; after an error, a timeout or a crash the same job is given again.
//   - A slot lasts until the next one begins and is never made up for: what waits longer is dropped and
//     counted, what runs longer is cut, a retry never begins after it.
//   - There is at most one waiting job for each kind, platform and shard, however slow the work is.
//   - Nothing is inserted and nothing runs before Config.Ready has said yes, and nothing of a platform while
//     Config.Paused says yes.
//   - Platforms and kinds do not hold up each other: each pair has its own queue and workers.
//
// It may not import any package of this module but domain and internal/pg.
//
// # File map
//
//	config.go     Job, Config
//	slot_times.go Schedule: slots by interval or cron
//	scheduler.go  New, Run
//	migrate.go    River's tables
//	jobs.go       what is stored in River: arguments, queues, uniqueness
//	plan.go       from a slot to its shards
//	plan_records.go the transaction of a plan
//	work.go       from a shard to the application, and what becomes of it
//	pause.go      jobs of a platform that an operator has paused
//	retry.go      back-off, RetryAfter
//	metrics.go    outcomes, skipped slots, lag
//	operate.go    jobs as operators see them; run one now, cancel one
//	run_now.go    a slot that an operator begins now
//	quiet_logger.go River's log
//
// # How a slot goes
//
// River's leader makes a job "plan_slot" for each kind and platform when the slot begins. In one
// transaction its worker inserts a job "slot_planned" that sleeps until the slot ends, has the application
// divide what is due, drops the jobs of earlier slots that still wait, and inserts a job "work_shard" for
// each shard. Any process works them.
//
// # Non-obvious
//
//   - "slot_planned" is the memory. Done jobs are kept for 10 minutes, so River's uniqueness alone would
//     let a process that becomes leader at 00:30 plan the slot of midnight again. While the sleeping job
//     is there, planning the slot again does nothing; when it is not, the slot was missed so far and is
//     worked at once. So a restart catches up with the present slot, and only with that one.
//   - It also tells after a pause of all processes how many slots were missed (reason "unplanned").
//   - Jobs must not be inserted with a time (ScheduledAt): River looks for those only every 5 s.
//   - After kill -9 a job stays "running" until River's leader rescues it: up to AttemptTimeout × 1.2,
//     plus 30 s, plus 15 s if the dead one led; then it waits like after an error. For short slots the next slot comes sooner, and is not
//     held up by it. A drained or cancelled job is given back at once.
//   - Work that ignores its context goes on beyond its slot. In the same process the shard's next slots
//     are then skipped (reason "overlap"); another process would begin one beside it.
//   - Which shards come first when there is too much work is the application's to say, by their numbers:
//     it puts what is most overdue into the first one, so that what waited in vain comes first next time.
//   - "slot_planned" is inserted before the application divides the slot: a second planner of the same slot
//     waits for it and does not divide it anew while jobs of the first division run.
//   - River fetches at most once in 100 ms for each queue, so a kind and platform begins at most
//     10 × MaxWorkers jobs a second in each process.
//   - River may make a periodic job up to 100 ms early; slots are computed for a moment after that, and
//     the plan waits for its slot.
//   - Errors of the work are stored with its job in schema river and logged: they must not hold tokens.
package scheduler
