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
