// Package scheduler has what is due read, by as many processes as there are. What is due, who has claimed it and what
// reading means is handed in as functions; the queue is River's, in schema river.
//
// # Invariants
//
//   - A claim and its jobs are made in one transaction: neither is there without the other.
//   - A connection has one claim at a time. It ends by its time, by the database's clock, or sooner by its result, or when it is
//     given back.
//   - Nothing is queued beyond what is claimed: what a quota cannot serve is not claimed, and due later.
//   - Jobs are not repeated. What one did not do is due again and claimed anew.
//   - Nothing is claimed and nothing runs before Config.Ready has said yes, and nothing of a platform while
//     Config.Paused says yes.
//   - Platforms and kinds do not hold up each other: each pair has its own queue and workers.
//
// It may not import any package of this module but domain and internal packages beside it: operator, pg.
//
// # What goes wrong, and what happens then
//
//   - Crash before the claim: nothing has happened. The next look, by whoever leads then, finds the same due.
//   - Crash between claim and jobs: the transaction is gone with both.
//   - A job is lost, or its process is killed: its claims end by their time (5 minutes at most), and the next look finds them due. River's
//     own rescue of the job comes later, and finds no claim.
//   - A process stops: it drains its jobs, then cuts them and gives back what has no result; the next look claims it.
//   - A fetcher is frozen and thaws, or calls that ignore their context go on: its claim's time is over, so it begins nothing
//     more, and results that it still has are not stored over those of the next one. A reading that the platform has
//     answered is in the log, of a time of its own.
//   - Two processes look at once: whoever locks a row first has it, the other skips it (for update skip locked). Who looked before
//     the other's reading and claims after it finds another due time than it saw, and gets nothing.
//   - A clock steps: claims go by the database's clock. A due time that was written more than a day ahead of now, by its
//     own writer's clock, counts for nothing.
//   - The quota is used up: the call is refused with the time when there is room, which is when the connection is due.
//   - The platform is paused while connections are claimed: the work ends within a second or so and the claims are given back.
//   - A connection is disconnected, waits for a person or lapses while it is claimed: the job does not find it any more. It is
//     erased: its row is gone, and no result is stored.
//
// # Non-obvious
//
//   - Nothing remembers looks: a second look at the same moment claims what the first one left.
//   - Done jobs are kept for 10 minutes: that one claimed says to `jobs --run` that some process fetches.
//   - Work that ignores its context goes on beyond its claim, and holds a worker; another process may read the
//     same connections beside it then.
//   - What is most overdue comes first, in claims and in jobs, so that what waited in vain comes first next time.
//   - River fetches at most once in 100 ms for each queue, so a kind and platform begins at most
//     10 × MaxWorkers jobs a second in each process.
//   - Errors of the work are stored with its job in schema river and logged: they must not hold tokens.
package scheduler
