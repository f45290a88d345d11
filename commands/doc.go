// Package commands holds the use cases that write: each loads what it must see, lets domain decide,
// appends one record and waits until reads show it.
//
// # Invariants
//
//   - One command is one record, so all of its effects are visible or none is.
//   - A success is told only after the head of the stream has passed the record's version and the
//     record there is the command's own; a refusal only when no earlier attempt of the same command
//     can still take effect. In between the only answer is "unavailable" with the command id.
//   - A record's time is later than its predecessor's.
//   - Capture times are checked against the clock here and nowhere else.
//
// It may not import pgx, watermill, chi, projections, readmodels or api; what it needs of the log and
// of the read side it declares as interfaces.
//
// # File map
//
//	caller.go            who asks
//	dashboards.go        load → decide → append → wait, shared by the dashboards' use cases
//	update_dashboard.go  PUT: link, unlink, users, settings
//	open_dashboard.go    an agency's first GET
//	record_readings.go   readings and posts
//	collect.go           platforms → readings: parts, limits, tokens around a read
//	collect_plan.go      what is due in a slot, within the quotas, the most overdue first
//	collect_work.go      a shard of a slot, or one connection again
//	collect_account.go   an account's reading
//	collect_history.go   an account's history, in parts
//	collect_posts.go     readings of the posts that are due
//	collect_listing.go   posts that are not known yet
//	collect_tokens.go    tokens that expire soon
//	collect_once.go      one account, by hand
//	collect_outcome.go   what becomes of a connection after a read, and what to do about a failure
//	post_notes.go        posts that were asked for in vain
//	post_ladder.go       how often posts are read by age
//	tokens.go            access tokens: stored ones, who renews when
//	verify_tokens.go     whose a new token is, before its first use
//	renew_tokens.go unsaved_tokens.go  renewals; renewed tokens that could not be stored
//	hand_over_tokens.go  the tokens of a new sign-in
//	directory.go         reference entities
//	import_world.go      the directory as an import sees it
//	import_entities.go   a line of a file of entities
//	import_rows.go       legacy rows become events
//	import_secrets.go    their tokens and password hashes are sealed
//	import_dashboards.go legacy dashboards, agency by agency
//	erase_person.go      a person disappears from the directory
//	forget_secrets.go    what the main application deletes leaves no secret behind
//	record_audit.go      readings and exports of the audit trail, recorded before they are shown
//	keyed_lock.go        one queue per agency
//
// # Non-obvious
//
//   - The deadline does not wait for the publisher: a record that was handed over may come later, so
//     the caller is told that the outcome is open, and a repetition under the same key finds it.
//   - The lock is only politeness: correctness against other processes comes from the chain's verdict.
//   - A connection is due by slots, not by the time of its last reading: by that time it would be due a
//     little later each time, and miss every second slot.
//   - Planning only guesses how many calls a reading takes (it learns the mean). What keeps the quotas is
//     the gate before every call; a connection that it refuses stays due and comes first in the next slot.
//   - A post that is known does not end a listing: what lies behind it may not be. Only what a walk that came
//     to its end has seen does, and how far a walk came is kept, because what it did not reach would never be
//     looked for again.
//   - History goes back in parts that fit into a slot of 30 s, one with each reading, and how far it came is
//     kept. A part that fails waits ever longer: the account's quota is for its readings.
//   - A post without a reading is no post without attempts: what is deleted would be due for ever. When it was
//     last asked for is kept apart, because the log holds readings only.
//   - A slot missed by a downtime is not made up for: all connections are overdue then and are read once.
//     Account readings ask for the days since the last one, so that no day's flow is lost.
//   - What became of connections is stored in batches. After a crash those whose result was not stored are
//     read once more in the slot: a reading more, of a later time.
//   - A token that still lives is used when its renewal fails for a reason that may pass.
//   - A renewal is not cut by the end of its slot or of the process, which waits for it, and is stored before
//     it is used: TikTok has rotated the refresh token by then. What cannot be stored is kept in memory for
//     the next attempt; only if the process ends before is it lost.
//   - A connection is dead by the platform's word only: not where a renewal failed on our side, and not where
//     a refused one meets a token that somebody else has stored meanwhile.
//   - A change of a connection's state is marked before it is appended, so that of several fetchers one
//     records it; a mark that does not show on the read side within a minute is void, because its holder
//     may have died in between.
//   - A command that changes nothing appends nothing, so its idempotency key is not remembered; a
//     repetition is decided anew.
//   - An import appends one record of an agency at a time and reads the stream again before the next: a
//     record that rests on one which lost a race would look like tampering and park the stream.
//   - Ids of imported readings follow from whose they are and when they were captured, so that a row is
//     one event however often it is imported. Tokens that are stored already stay: TikTok's refresh
//     tokens work once, and the legacy ones are used up by the first renewal here.
package commands
