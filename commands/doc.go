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
//   - Capture times are checked against the clock here and in commands/collect, and nowhere else.
//
// It may not import pgx, watermill, chi, projections, readmodels or api; what it needs of the log and
// of the read side it declares as interfaces.
//
// # File map
//
//	drafts.go            who asks, what an event starts from
//	clock_skew.go        how far ahead of the clock a time may lie
//	dashboards.go        Dashboards, what its use cases share: its parts and limits
//	append_and_retry.go  load → decide → append → wait, and again after a lost race
//	load_and_decide.go   load and decide; what an answer without a record may rest on
//	idempotency_replay.go a repeated request; what is stored of its key
//	update_dashboard.go  PUT: link, unlink, users, settings
//	preview_dashboard.go what a PUT would do
//	open_dashboard.go    an agency's first GET
//	import_world.go      the directory as an import sees it
//	import_entities.go   a line of entities, of a file or of a request
//	feed_directory.go    what a main application tells over HTTP
//	local_directory.go   agencies, clients and people that are made here
//	names_and_emails.go  how long names may be, and what is an address
//	await_tables.go      waiting until the tables show what was appended
//	import_rows.go       legacy rows become events
//	import_secrets.go    their tokens and password hashes are sealed
//	import_dashboards.go legacy dashboards, agency by agency
//	erase_person.go      a person disappears from the directory, with figures and texts of accounts that go
//	erase_again.go       what a restore brought back disappears again
//	refuse_erased.go     what a file or a main application tells of people who are erased stays out
//	forget_secrets.go    what the main application deletes leaves no secret behind
//	record_audit.go      readings and exports of the audit trail, recorded before they are shown
//	record_operator_action.go  what an operator is about to do, recorded before it is done, and what came of it
//	skip_parked.go       a parked record of an agency is left out for good
//	stored_tokens.go     the sealed form of a connection's tokens
//	keyed_lock.go        one queue per key: agencies, renewals of tokens
//
// # Non-obvious
//
//   - The deadline does not wait for the publisher: a record that was handed over may come later, so
//     the caller is told that the outcome is open, and a repetition under the same key finds it.
//   - The lock is only politeness: correctness against other processes comes from the chain's verdict.
//   - A command that changes nothing appends nothing, so its idempotency key is not remembered; a
//     repetition is decided anew.
//   - An import appends one record of an agency at a time and reads the stream again before the next: a
//     record that rests on one which lost a race would look like tampering and park the stream.
//   - Ids of imported readings follow from whose they are and when they were captured, so that a row is
//     one event however often it is imported. Tokens that are stored already stay: TikTok's refresh
//     tokens work once, and the legacy ones are used up by the first renewal here.
package commands
