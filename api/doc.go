// Package api is the HTTP layer: one route table, from which the router and the tests of roles are
// made; who is calling; the one shape of answers and the one shape of errors.
//
// # Invariants
//
//   - Every path stands in the route table with the roles that it serves. No roles means public, or
//     (notices, Socket.IO) judged by the endpoint itself; a test names the exceptions.
//   - One table from codes to statuses ([statusOf]); what is not a [domain.Error] stays inside and
//     answers 500 with nothing but the request id.
//   - Ids are lower-cased here, in tokens, paths and bodies, whoever verified them: two spellings of one
//     agency would be two streams of the log.
//   - What a caller got wrong is named, all of it at once; a foreign id reads like an unknown one.
//   - Every verified caller, of whatever kind its credentials are, passes one rule ([whyRefused]): who has left is refused.
//   - Neither log nor metrics see a query, a header or a body: tokens and tickets live there.
//
// It may not import pgx, watermill, sarama or projections.
//
// # File map
//
//	handler.go routes.go            Deps, Handler; the route table
//	roles.go                        agency, client, auditor, operator, main application
//	principal.go auth.go            who is calling
//	doorkeeper.go withdrawn.go       who has no rights any more, by the directory and by a list; what is remembered of that
//	errors.go respond.go body.go    errors and their statuses; answers; JSON bodies
//	request_id.go access_log.go cors.go panics.go metrics.go  request id, access log, CORS, panics; request metrics
//	request_timeout.go rate_limit.go compress.go  time for requests; requests per caller; gzip and zstd
//	path_folding.go                 addresses in any letter case, with a slash at the end or none
//	accept_header.go etag.go           which form of an answer; tags of answers, 304
//	csv_headers.go                  headers of answers as tables
//	meta_brief.go                    answers with meta=brief
//	dashboards.go dashboard_body.go dashboard_ports.go  GET and PUT of a dashboard
//	idempotency_key.go if_match.go  the headers of a PUT
//	declared_params.go              every parameter and header that a route can take, as data
//	params.go params_range.go params_page.go params_accounts.go  what reads parameters by their declarations; ranges and time zones;
//	                                pages; accounts
//	unknown_params.go               what becomes of a parameter that a route does not declare
//	operation.go                    an endpoint with what it takes and answers; all of them, for the generator of the documents
//	api_documents.go headers.go     /openapi.json, /asyncapi.json: what internal/dev/apidoc wrote, without what is not served; names
//	                                of headers, and those of every answer
//	analytics_endpoint.go analytics_routes.go analytics_params.go  the one shape of an analytics endpoint; the 22 of them; what they take
//	notices.go stream_tickets.go    stream of notices, Socket.IO; sealed tickets
//	client_package.go               /client.tgz and /client.js: the client of frontends in typescript/, packed as npm does
//	activity_picture.go  the picture of a post
//	entities_routes.go entities_params.go  users, platforms, activities, stats, accounts, members, categories: lists, one by its id,
//	                                what hangs on one; parameters
//	entities_discovery.go           who is calling; every client with its dashboard
//	directory_routes.go directory_feed.go  what a main application writes; clients and people that staff adds
//	sign_in_links.go sign_ins.go    links by which an agency's people sign in to the console; their sessions seen and ended
//	main_app_routes.go main_app_ports.go   tokens and pages of a main application that signs people in itself
//	live.go                         stream of changed figures
//	audit_routes.go audit_params.go auditors: history, state, diff, access; their parameters
//	audit_proofs.go                 checkpoints, the proof that two are of one log, the bundle of an agency
//	audit_verify.go                 verifications: started or joined, asked for while they run
//	audit_access.go                 who had access to any dashboard of an agency, from when to when
//	audit_excluded.go               what lies in the log and not in the history: parked and foreign records
//	audit_ports.go audit_export.go audit_export_formats.go audit_export_columns.go audit_reads.go  what they stand on; exports, as CSV
//	                                or JSON Lines; who read
//	ops_routes.go ops_ports.go ops_rebuilds.go ops_parked.go ops_actions.go ops_connections.go  operators: what they see and do, progress of rebuilds,
//	                                parked events, what came of what they did
//	connect_meta.go  what Meta calls about people who let our apps in
//	connect_routes.go connect_ports.go connect_pages.go  connecting: what agencies and clients ask; what it stands on; pages in the browser
//	health.go                       /healthz, /readyz
//
// # Non-obvious
//
//   - A main application mounts [Server] with package mount, below this one, which puts together what Deps
//     need. It verifies its callers itself and leaves them with [WithPrincipal], or hands in an
//     [Authenticator]; what it says is still canonicalised.
//   - PUT: a null is an absent member, as the old system read it. An unknown member is ignored; a member
//     given twice is refused, because parsers differ about which one counts.
//   - The request digest is over what a body means (known members, ids in lower case, lists as sets), not
//     over its bytes, and over our own path, not over the prefix that we are mounted under. Old frontends
//     send members that nobody reads; they may change between repetitions. If-Match is no part of it.
//   - A weak or unknown entity tag in If-Match is well-formed and matches nothing (412); anything that
//     is no entity tag is a 400.
//   - The ETag of a dashboard serves If-Match only and its answer is no-store: the view shows names and
//     sign-ins, which change without a new version.
//   - The ETag of figures is a digest of the answer before it is compressed: it changes when what this viewer
//     is shown changes, and with nothing else. It was made of the question and the tables' checkpoints once,
//     which saved the query of a 304. But every other agency's reading moves a checkpoint, so that where it
//     mattered no tag lived for longer than seconds; If-None-Match: * said 304 of what does not exist; and an
//     answer could rest on nothing that stands outside of those tables. A query takes milliseconds, and a
//     page need not poll: /api/live says when there is something new.
//   - The tag of compressed figures has a suffix, without which If-None-Match compares. Dashboards are not
//     compressed: their tag is a version, and stays one for clients that take gzip without saying so.
//   - Live updates wait for the tables' NOTIFY, not for the log's record: what is told can be read.
//   - RateLimit headers follow draft-ietf-httpapi-ratelimit-headers-10. Each process counts by itself, by
//     the caller and not by the token, of which a caller may have several.
//   - Streams go through neither compressor nor timeout: both would hold events back or cut them.
//   - A client user is told that its own account's dashboard is closed to it (403); any other dashboard
//     that it may not open does not exist (404).
//   - A ticket is sealed, not stored: a restarted process, and any other that has Deps.TicketKey, opens it, so that
//     an EventSource comes back by itself. It is the caller's login for one stream of one page, and ends with the login.
//   - Streams answer 200 and end where an EventSource should try again: it gives up for good after any other status.
//   - An auditor's reading is recorded in the log after it was queried and before it is sent: the record
//     says which version was shown, and what is not recorded is not shown (503). A refusal or a 404 shows
//     nothing and is not recorded, and neither is a look at /api/audit/reads, which would grow by it. One
//     request is one record, polls included.
//   - A verification outlives its request. Starting or joining it is the recorded look, and only who did so is shown what it finds:
//     a GET of its progress needs no record of its own.
//   - An export is recorded before its first entry is sent. Its last line says whether it is complete; one
//     without that line was cut on the way. CSV says it in a comment row ("# complete=true …") as wide as
//     the others. Cells that begin like a formula get an apostrophe.
//   - ?at= and ?to= of a day mean its end, ?from= its beginning; a number below 100,000,000 where a version
//     or a time may stand is a version.
//   - openapi.json and asyncapi.json are written by internal/dev/apidoc from [Describe] and from the comments of the
//     answers' structs; `go generate ./api` after a change of either, and a test there fails until it is done. A route
//     declares its parameters, and [Params] reads no others and all of them: where the two differ, each request is a
//     500, so that no test of the route passes.
//   - What a lenient parser drops without a word is a 400: a query that does not decode, a parameter given twice or
//     against the path, one that is known and does nothing at an address. Names that nobody knows pass at the old
//     paths, whose frontends add some against caches, unless they look like a slip; the newer reads refuse them.
//   - Parameters are decoded once: chi matches on the escaped path when there is one, and browsers escape
//     the colons of an instant.
//   - The start of a day is looked up, not computed: there are days without a midnight and days with two.
package api
