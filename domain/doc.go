// Package domain holds what ledgerboard knows regardless of how it is stored or served: the events
// and their registry, the rules that decide a change of dashboards, and the arithmetic of growth.
//
// # Invariants
//
//   - Everything here is a pure function of its arguments: no clock, no context, no configuration,
//     no randomness. A time is an argument; a new id is derived from what is unique about its owner.
//   - An event version that was ever written decodes for ever (testdata/ holds a frozen sample of each).
//   - [DashboardChange.Fold] is the only definition of what a record on `dashboards` means.
//   - Absent is nil, never 0.
//
// It may not import anything but the standard library, and not context, net/http or log/slog.
//
// # File map
//
//	errors.go            Error, its codes, the sentinels
//	ids.go platform.go   id shapes, platforms
//	computed_ids.go      ids of what is connected here
//	deletion_request.go  what a person asked Meta to have deleted
//	grant.go connect_attempt.go connect_link_events.go  what a person gave one of our apps; a sign-in and what came of it; links for it
//	event.go registry.go envelope, drafts and recorded events; type name → decoder
//	readings.go post_gains.go readings, posts; what a reading of a post gained
//	metric_kinds.go      names of figures, and how each kind may be combined over time
//	content.go           what a post says: texts, media addresses, permalinks
//	latest_record.go     which record of a key of a compacted topic counts
//	heartbeat.go         what lets a broker's cleaner at a silent partition
//	figure_change.go     what listeners are told of changed figures
//	directory.go         reference entities of the main application
//	silent_sources.go    when a platform or a kind of posts is silent
//	connected_account.go fetching.go what fetchers are told of an account and its posts; claims, and what became of an account
//	person.go            what an erasure must find of a person
//	position.go          a position in the log
//	foreign_record.go    records of strangers in it
//	connection_state.go data_imported.go  whether a connection works; what was imported
//	operator_actions.go operator_outcome.go  what an operator does, and on what; what came of it
//	reason.go pause.go   why an operator acts; what stands still
//	skip_parked_rules.go whether a parked record may be left out for good
//	token_place.go secret_times.go  where a connection stands between sign-ins; what is known of a stored secret without its key
//	figure_scopes.go           which scopes each figure needs, and which figures lack one
//	erasure_order.go     who ordered an erasure, on which ground, by when
//	erased_id.go         the list of erasures, from which a restored log is erased again
//	audit.go             who read or exported the audit trail; who was erased
//	sign_in_refused.go   somebody was not let in to the console
//	checkpoint.go        a signed checkpoint of the history
//	epoch.go log_restored.go  by which log id and which key records are judged; what a restore withdrew
//	storable.go          bounds of what the read models can index and store
//	dashboard.go         the document, and the facts that a decision may look at
//	dashboard_facts.go   what a decision needs and gets: the seam between commands and read side
//	dashboard_events.go  the events and the fold
//	dashboard_notices.go who is told of an event, and of what
//	dashboard_scopes.go  the form of scopes, and how many there may be
//	idempotency_remembered.go  how long an idempotency key is remembered
//	dashboard_plain.go metrics_plain.go plain_reader.go  quick readers of payloads that come by the million
//	metrics_plain_write.go plain_writer.go  quick writers of readings
//	dashboard_decide.go  the numbered rules
//	dashboard_poc.go     whose orders make points of contact
//	dashboard_preview.go what a change would do, and to whom
//	dashboard_decided_on.go what a record says that it was decided on, and whether that was so
//	dashboards_imported.go dashboard_import_rules.go  dashboards of the old system: the event; the numbered rules of taking over
//	dashboard_diff.go    what lies between two states of a dashboard
//
// # Non-obvious
//
//   - A dashboard's lists are sets and always sorted, so that equality is equality of content and a
//     PUT that only reorders users appends nothing.
//   - A payload's Validate is part of decoding: what it refuses is parked as undecodable, live and in
//     a rebuild alike.
//   - Events carry verdicts (who lost access, whether growth counts), because configuration and
//     subscriptions of the day cannot be asked for in a replay.
package domain
