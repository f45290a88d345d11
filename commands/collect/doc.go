// Package collect reads the platforms and records what they say: what is due, the readings of
// accounts and posts, their history, and the tokens that all of this needs.
//
// # Invariants
//
//   - Nobody reads what another has claimed, no connection is read more often than configured, and
//     one failing account, metric or platform never holds up the others.
//   - What a platform has answered is recorded, also when the claim ends meanwhile: it has cost its
//     part of the quota.
//   - A renewed token is stored before it is used.
//   - Capture times are checked against the clock when they are recorded, never in a fold.
//
// It may not import pgx, watermill, chi, projections, readmodels or api; what it needs of the read
// side and of the vault it declares as interfaces.
//
// # Non-obvious
//
//   - A connection is due at a time that follows from the last due time, not from the time of its
//     last reading: by that it would be due a little later each time, and miss looks.
//   - Where a quota sets the pace, a connection is first due again after a phase that its id gives,
//     so that those made at one moment are read spread over the window. Readings are planned with
//     the calls that they were measured to take; what keeps the quotas is the gate before every
//     call, and a connection that it refuses is due when there is room.
//   - The pace that is shown is the least time between two turns, beyond six hours in whole hours.
//     A reading is put off until there are its calls, which posts or others of its quota may have
//     taken, and those after it move with it: a profile with five posts at a pace of 262 minutes
//     was read every 275 to 290 on average.
//   - How far a walk through an account's posts came is kept, because what it did not reach would
//     never be looked for again. So is when a post without a reading was last asked for: what is
//     deleted would be due for ever.
//   - History goes back in parts, one with each reading, or, where a small quota has no room for
//     both, in a turn between two readings. A part that fails waits ever longer: the account's
//     quota is for its readings.
//   - What a downtime missed is not made up for: all connections are overdue then and are read
//     once. Account readings ask for the days since the last one, so that no day's flow is lost.
//   - What became of connections is stored in batches. After a crash those whose result was not
//     stored are read once more when their claim has ended: a reading more, of a later time.
//   - A renewal is not cut by the end of its claim or of the process, which waits for it: the
//     platform may have rotated the refresh token by then. What cannot be stored is kept in memory; only if the
//     process ends before the next attempt is it lost.
//   - A mark of a changed state whose append was not answered is void after some minutes, by the
//     database's clock, because its holder may have died in between.
//   - A renewal makes an account due at once, and is no sign-in: a connection that waits for a
//     person is not tried again because of it.
package collect
