// Package readmodels answers questions from the tables that the projections keep. It only reads. The figures are in
// package analytics below it.
//
// # Invariants
//
//   - Every query is bounded, ordered and scoped to a tenant by the columns of the row: a row belongs for
//     ever to the agency and sub-account that its event names, whoever owns the social account today.
//     What lies outside of [Scope] does not exist.
//   - One answer is one [pg.Snapshot]: its parts are of one moment.
//   - The structs with JSON tags are the answers; nobody maps them again. Their comments are the
//     documentation of the fields: unit, kind, platform metric, and what null means.
//   - Absent is null and never 0.
//   - Every pool may be read-only; tests connect with one that refuses writes.
//
// It may not import commands, projections, watermill or api, nor analytics, which imports it.
//
// # File map
//
//	parent_account.go               who belongs to whom
//	scope.go                        whose figures a caller may see
//	page.go cursor.go               pages of lists; the one codec of their cursors
//	missing_rows.go                 a row that may be missing; ids of which some must be there
//	platform_ref.go                 how answers name a platform
//	entities.go entities_users.go entities_platforms.go  users and connected platforms
//	entities_accounts.go entities_members.go entities_categories.go  accounts, members, categories of posts
//	entities_dashboards.go entities_me.go  every client with its dashboard; who is calling
//	connections.go reading_conditions.go  what the fetchers need to know; what decides whether an account is read
//	known_posts.go                  which posts of an account the fetchers know
//	connecting.go client_may_connect.go  what must be known before something is connected; which clients may
//	connection_readings.go          how connected accounts are read, for operators
//	connection_token.go             where a connection's tokens are, and whether it waits for new ones
//	dashboard_view.go dashboard_facts.go  a dashboard as it is shown; what decisions about one need
//	dashboard_preview.go  what a change of one would do, with names
//	access.go access_decisions.go   whether a user had access to a dashboard, and which records decided so
//	access_list.go access_spans.go  who had access to any dashboard of an agency, from when to when, by which records
//	access_by_nobody.go             dashboards to which nobody had access, and who decided that
//	history.go                      the answers about the history of dashboards; pages of it
//	history_pages.go history_entries.go  the keys of a page; the entries behind them
//	history_moment.go history_state.go  moments of a stream; a dashboard at a moment
//	history_diff.go                 one dashboard between two moments; all that were changed in between
//	covered_texts.go covered_at_a_time.go  what posts say, where the log would lose it; how much of that is appended again at a time
//	pictures.go                     posts whose pictures are wanted, and those that are erased
//	told_entities.go                the directory as it was told: whole entities by their keys
//	figures_erased.go               up to when figures of accounts are erased
//	directory_names.go              names beside the ids of a history
//	history_export.go               the whole history, batch by batch
//	audit_reads.go                  who read or exported the history
//	operator_actions.go             what operators did, and what came of it
//	person.go person_rights.go      whom an erasure is about; what rights are judged by
//	erasure_reach.go                what goes with a person: connections, figures, posts whose texts are removed
//	person_export.go person_export_sections.go  everything known of a person as one file; its sections
//	notices.go                      access notices
//	connection_news.go              connections that need a sign-in, or will soon
//
// # Non-obvious
//
//   - "rows, _ := tx.Query": an error of the query comes out of CollectRows or ForEachRow, in which every query ends.
//   - "As of T" is found as a version, once for the whole stream: times grow strictly with versions, and
//     every index that a history walks is by version.
//   - Names in a dashboard and in its history are those of the agency's own directory. An account or user
//     that moved to another agency shows as an id there, as one who was erased does.
//   - A filtered page of a history ends after a bounded number of entries looked at, with a cursor.
//   - An export reads batch by batch, each in its own snapshot and all up to the version of the first.
//   - A platform's expiry is what the main application said last. Fetchers renew tokens without telling the
//     log, which holds no secrets' times; once a token was stored after that expiry, it is not known any more.
package readmodels
