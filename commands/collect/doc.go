// Package collect reads accounts, posts and their history from the platforms and records the
// results. It decides what is due and when the platforms may be called, and renews the tokens that
// it needs. The table kept.fetch_state is the queue of what is due.
//
// # Invariants
//
//   - A connection has at most one claim at a time. It expires at its time, or when its result is
//     stored or it is released. A process starts no reading without a claim, and results do not
//     overwrite those of the next claim. Work ends before its claim, so that what it appends at its
//     end is appended within the claim.
//   - Platforms and kinds have their own loops and workers. A failing account, metric or platform
//     does not delay the others, and neither does a post, a part of a listing or a day of the history
//     that always fails. A new connection is claimed before a backlog, and while all workers
//     are busy with one. No claim waits for a measurement of the backlog.
//   - In any window of a quota, all processes together make at most the allowed calls. They are taken
//     before they are made, from all budgets that they count against or from none: a crash wastes
//     calls but never exceeds a quota.
//   - A reading consists of steps. Each takes all of its calls in one statement, also where no quota
//     limits them, or is refused with the time when they are available. If it needs more, it takes as
//     many again. A refused account keeps its due time, which orders the claims, and is not claimed
//     before its quota has calls. Once a process has held a budget, because a platform asked for a wait
//     or reported high usage, each call of its steps that counts against the budget asks for itself.
//   - A claim brings what its readings need. The progress of listings and unused calls are stored with
//     the results.
//   - A third of an app's budget, at most ten calls, is kept for sign-ins, renewals and first
//     readings. Posts leave half of a budget to accounts, and then take turns with them.
//   - A platform's response is recorded even if the claim expires in the meantime, because the
//     request has used quota. A renewed token is stored before it is used. If it cannot be stored, the
//     process keeps it and tries again until it stops. Then the next renewal may be refused, and the
//     state of the connection says that the token was lost.
//   - What ends the token of a page does not end the grant with which other pages are read. What ends
//     the grant is recorded once, for all of its pages.
//   - Capture times are checked against the clock when they are recorded, never in a fold.
//
// The package may not import pgx, watermill, chi, projections, readmodels or api.
//
// # Arithmetic
//
// A budget for Q calls in a window W grows by the rate r = share × Q/W up to a burst B, half of the calls
// that the share leaves unused. If W is at least an hour, B is at least ten calls or half of a smaller
// quota, because a step takes the calls of a reading at once. Calls that take at most J to arrive are in
// one window only if they were drawn within W + J: at most B + r(W + J). The largest J for which this is
// within Q is the slack: with the default share of 0.9, 3.3 s for 600 calls per minute and more than an
// hour for daily quotas. Calls of quotas with a short window are therefore taken one by one, because a
// step may take minutes. Budgets grow by the store's clock.
//
// # Non-obvious
//
//   - A due time is derived from the previous due time, not from the time of the last reading, which
//     would drift. Readings missed during downtime are not repeated; an account reading requests the
//     days since the last one, at most 28. A due time more than a day ahead was written with a wrong
//     clock and is ignored.
//   - The displayed pace is measured: the time between the last two readings, and the quota that
//     refused a step in between.
//   - The last attempt to read a post is stored, even if it failed. Posts tried least recently come
//     first, so a post that fails does not keep the others from being read.
//   - History is read backward in parts, one with each reading. If the quota had no calls for a part
//     after a reading, the part comes before the next reading.
//   - Claims of a process that was killed expire within 5 minutes. A stopping process lets readings
//     finish for a time, then cancels and releases them. A renewal is not canceled: the platform may
//     already have rotated the refresh token.
package collect
