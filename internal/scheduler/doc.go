// Package scheduler schedules the reading of due connections across any number of processes. The
// queue is the table kept.fetch_state. The package receives functions that list due connections,
// claim them and read them.
//
// # Invariants
//
//   - A connection has one claim at a time. The claim expires at its time, by the database's clock,
//     or earlier with its result or release.
//   - A process claims only what it reads immediately.
//   - Connections without quota are not claimed, and are due later.
//   - Nothing is claimed before Config.Ready returns true, and nothing of a platform while
//     Config.Paused returns true.
//   - Platforms and kinds do not block each other: each pair has its own loop and workers.
//
// The package may import no other package of this module except domain.
//
// # Failures
//
//   - A process is killed: its claims expire (after 5 minutes at most), and the next check finds
//     their connections due.
//   - A process stops: it lets readings finish, then cancels them and releases the connections
//     without a result; the next check claims them.
//   - A fetcher freezes and resumes, or calls ignore their context: its claim has expired, so it
//     starts nothing more, and its results do not overwrite those of the next claim. A reading that
//     the platform has answered is in the log with its own time.
//   - Two processes check at once: the first to lock a row gets it, the other skips it (for update
//     skip locked). A process that checked before the other's reading and claims after it finds a
//     changed due time and gets nothing.
//   - A clock steps: claims use the database's clock. A due time more than a day in the future,
//     written by a wrong clock, is ignored.
//   - The quota is used up: the call is refused with the time when there is room, and the
//     connection is due then.
//   - The platform is paused while connections are claimed: the work stops within about a second
//     and the claims are released.
//   - A connection is disconnected, waits for a person or lapses while it is claimed: the reading
//     does not find it. The result of an erased one is not stored.
//
// Work that ignores its context continues beyond its claim and occupies a worker; another process
// may then read the same connections concurrently.
package scheduler
