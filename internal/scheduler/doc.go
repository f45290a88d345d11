// Package scheduler schedules the reading of due connections across any number of processes. The
// queue is the table kept.fetch_state. The package receives functions that claim due connections
// and read them.
//
// # Invariants
//
//   - A connection has at most one claim at a time. By the database's clock, a claim expires at its
//     time, or earlier when its result is stored or it is released.
//   - A process claims only connections that it can read immediately.
//   - Work ends before its claim, so that what it appends at its end is appended within the claim.
//   - A new connection is claimed before a backlog.
//   - While a quota of the whole platform is used up, nothing is claimed until it has calls again,
//     the queue is woken, or Config.Every has passed.
//   - No connection is claimed before Config.Ready returns true, or while Config.Paused returns
//     true for its platform.
//   - Platforms and kinds do not block each other: each pair has its own loop and workers.
//
// Of this module, the package may import only domain.
//
// # Failures
//
//   - A process is killed: its claims expire within 5 minutes, and the next check finds their
//     connections due.
//   - A process shuts down: it lets readings finish for a time, then cancels them and releases the
//     connections without a result; the next check claims them.
//   - A process freezes and resumes, or a call ignores its context: the claim has expired, so no
//     further reading starts, and results do not overwrite those of the next claim. A reading that
//     was completed is in the log with its own time.
//   - Two processes check at the same time: the first to lock a row gets it, and the other skips it
//     (for update skip locked).
//   - A clock is changed: claims use the database's clock. A due time more than a day in the future
//     was written with a wrong clock and is ignored.
//   - The quota is used up: the step is refused with the time when calls are available again. The
//     connections that were not read are released and keep their places.
//   - The platform is paused while connections are claimed: the work stops within about a second,
//     and the claims are released.
//   - While a connection is claimed, it is disconnected or loses its subscription: it is read once
//     more. The result of an erased connection is not stored.
//
// Work that ignores its context continues after its claim has expired and occupies a worker.
// Another process may then read the same connections concurrently.
package scheduler
