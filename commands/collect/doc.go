// Package collect reads accounts, posts and their history from the platforms and records the
// results. It decides what is due, and renews the tokens that it needs.
//
// # Invariants
//
//   - A process never reads an account that another process has claimed. No connection is read more
//     often than configured. A failing account, metric or platform does not delay the others, and
//     neither does a post, a part of a listing or a day of the history that always fails.
//   - A platform's response is recorded even if the claim expires in the meantime, because the
//     request has used quota.
//   - A renewed token is stored before it is used.
//   - Capture times are checked against the clock when they are recorded, never in a fold.
//
// The package may not import pgx, watermill, chi, projections, readmodels or api.
//
// # Non-obvious
//
//   - The due time of a connection is derived from the previous due time, not from the time of the
//     last reading. Otherwise it would drift later each time and miss rounds.
//   - A reading consists of steps. Each takes its calls from the quotas or is refused. A
//     refused account keeps its due time, which orders the claims, and is not claimed before its
//     quota has calls. After a part of its posts was read, the others come first.
//   - The displayed pace is measured: the time between the last two readings, and the quota that
//     refused a step in between.
//   - The progress of a pass through an account's posts is stored, because the next pass would not
//     reach the posts that are missing. The last attempt to read a post is stored too, even if it
//     failed; otherwise a deleted post would always be due. Posts tried least recently come first,
//     so a post that fails does not keep the others from being read. If three posts in a row fail,
//     the round ends: the connection is more likely to fail than each of them.
//   - History is read backward in parts, one with each reading. If the quota had no calls for a part
//     after a reading, the part comes before the next reading. After each failure, the next attempt
//     waits longer, because readings take precedence over history.
//   - Readings missed during downtime are not repeated. An account reading requests the days since
//     the last reading, at most 28, so their day flows are not lost.
//   - Results are stored in batches. After a crash, connections without a stored result are read
//     again when their claim has expired.
//   - A renewal continues after its claim expires or the process is stopped, and the process waits
//     for it: the platform may already have rotated the refresh token.
//   - A process marks a change of a connection's state before it appends the record. The mark
//     expires unless the process confirms the append, because the process may have died.
//   - A renewal makes an account due immediately but is not a sign-in: it does not make a
//     connection that waits for a sign-in due.
package collect
