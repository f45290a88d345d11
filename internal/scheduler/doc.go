// Package scheduler has what is due read, by as many processes as there are. The queue is a table, kept.fetch_state: what is due, who
// has claimed it and what reading means is handed in as functions.
//
// # Invariants
//
//   - A connection has one claim at a time. It ends by its time, by the database's clock, or sooner by its result, or when it is
//     given back.
//   - A process claims what it reads at once: nothing waits between the claim and its reading.
//   - What a quota cannot serve is not claimed, and due later.
//   - Nothing is claimed before Config.Ready has said yes, and nothing of a platform while Config.Paused says yes.
//   - Platforms and kinds do not hold up each other: each pair has its own loop and workers.
//
// It may not import any package of this module but domain.
//
// # Failures
//
//   - A process is killed: its claims end by their time (5 minutes at most), and the next look finds their connections due.
//   - A process stops: it drains its readings, then cuts them and gives back what has no result; the next look claims it.
//   - A fetcher is frozen and thaws, or calls that ignore their context go on: its claim's time is over, so it begins nothing
//     more, and results that it still has are not stored over those of the next one. A reading that the platform has
//     answered is in the log, with a time of its own.
//   - Two processes look at once: the one that locks a row first has it, the other skips it (for update skip locked). A process that
//     looked before the other's reading and claims after it finds another due time than it saw, and gets nothing.
//   - A clock steps: claims go by the database's clock. A due time that was written more than a day ahead of now, by its
//     own writer's clock, counts for nothing.
//   - The quota is used up: the call is refused with the time when there is room, which is when the connection is due.
//   - The platform is paused while connections are claimed: the work ends within a second or so and the claims are given back.
//   - A connection is disconnected, waits for a person or lapses while it is claimed: the reading does not find it any more. It is
//     erased: its row is gone, and no result is stored.
//
// Work that ignores its context goes on beyond its claim, and holds a worker; another process may read the same connections at the
// same time.
package scheduler
