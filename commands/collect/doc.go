// Package collect reads the platforms and records the results: accounts, posts and their history.
// It decides what is due and renews the tokens that this requires.
//
// # Invariants
//
//   - A process never reads what another has claimed. No connection is read more often than
//     configured. A failing account, metric or platform does not delay the others.
//   - A platform's answer is recorded even if the claim expires in the meantime, because it has
//     used quota.
//   - A renewed token is stored before it is used.
//   - Capture times are checked against the clock when they are recorded, never in a fold.
//
// The package may not import pgx, watermill, chi, projections, readmodels or api.
//
// # Non-obvious
//
//   - The due time of a connection is derived from the previous due time, not from the time of the
//     last reading. Otherwise it would drift later each time and miss rounds.
//   - If a quota sets the pace, the first due time includes a phase derived from the id, so that
//     connections made at the same time are spread over the window. Readings are planned with the
//     measured number of calls. The gate before every call enforces the quotas; a connection that
//     it refuses is due when there is room.
//   - The displayed pace is the minimum time between two readings. A reading waits until its calls
//     are available, and later readings move with it: a profile with five posts at a pace of 262
//     minutes was read every 275 to 290 minutes on average.
//   - The progress of a pass through an account's posts is stored, because the next pass would not
//     reach what is missing. So is the last attempt for a post without a reading; otherwise a
//     deleted post would always be due.
//   - History is read backward in parts, one with each reading. If a small quota has no room for
//     both, a part gets its own turn between two readings. A failing part waits longer each time,
//     because the account's quota is for its readings.
//   - Readings missed during downtime are not repeated. Account readings request the days after the
//     last one, so no day's flow is lost.
//   - Results are stored in batches. After a crash, connections without a stored result are read
//     again when their claim has expired.
//   - A renewal continues after its claim expires or the process is stopped, and the process waits
//     for it: the platform may already have rotated the refresh token.
//   - A mark of a changed state without a confirmed append expires: its process may have died.
//   - A renewal makes an account due immediately but is not a sign-in: a connection that waits for
//     a sign-in is not retried because of it.
package collect
