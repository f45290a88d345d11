// Package api is the HTTP layer: one route table, from which the router and the tests of roles are
// made; who is calling; the one shape of answers and the one shape of errors.
//
// # Invariants
//
//   - Every path stands in the route table with the roles that it serves. No roles means public, or
//     (notices, Socket.IO) judged by the endpoint itself; a test names the exceptions.
//   - One table from codes to statuses ([statusOf]); what is not a [domain.Error] stays inside and
//     answers 500 with nothing but the request id.
//   - Ids are lower-cased here, in tokens, paths and bodies, regardless of what verified them: two spellings of one
//     agency would be two streams of the log.
//   - What a caller got wrong is named, all of it at once; a foreign id reads like an unknown one.
//   - Every verified caller, of whatever kind its credentials are, passes one rule ([whyRefused]): who has left is refused.
//   - Neither log nor metrics see a query, a header or a body: tokens and tickets live there.
//
// It may not import pgx, watermill, sarama or projections.
//
// # Non-obvious
//
//   - A main application mounts [Server] with package mount. It verifies its callers itself and leaves them
//     with [WithPrincipal], or hands in an [Authenticator]; its ids are still lower-cased.
//   - PUT: null is an absent member, as in the old system. An unknown member is ignored; a member given
//     twice is refused, because parsers differ about which one counts.
//   - The request digest is over what a body means (known members, ids in lower case, lists as sets) and
//     over our own path, not over the prefix that we are mounted under. If-Match is no part of it.
//   - A weak or unknown entity tag in If-Match matches nothing (412); anything else is a 400.
//   - The ETag of a dashboard serves If-Match only, and its answer is no-store: the view shows names and
//     sign-ins, which change without a new version. The ETag of figures is a digest of the answer before it
//     is compressed; compressed ones have a suffix, which If-None-Match ignores.
//   - Live updates wait for the tables' NOTIFY: what they announce can be read.
//   - RateLimit headers follow draft-ietf-httpapi-ratelimit-headers-10. Each process counts by caller.
//   - Streams bypass compressor and timeout. They answer 200 and end where an EventSource should try again:
//     it gives up for good after any other status.
//   - A client user gets 403 for its own account's closed dashboard; any other dashboard that it may not
//     open does not exist (404).
//   - A ticket is sealed, not stored: a restarted process, and any other with Deps.TicketKey, opens it.
//   - An auditor's reading is recorded in the log after it was queried and before it is sent (else 503). A
//     refusal or a 404 shows nothing and is not recorded, and neither is /api/audit/reads.
//   - An export is recorded before its first entry. Its last line says whether it is complete. CSV says it
//     in a comment row; cells that begin like a formula get an apostrophe.
//   - ?at= and ?to= of a day mean its end, ?from= its beginning; a number below 100,000,000 where a version
//     or a time may be given is a version.
//   - openapi.json and asyncapi.json are written by internal/dev/apidoc from [Describe] and from the
//     comments of the answers' structs: run `go generate ./api`. What the parser of a route reads of [Params] is what the
//     route takes, and the document shows.
//   - A query that does not decode, a parameter given twice or against the path, and one that has no effect
//     are a 400. Unknown names pass at the old paths; the newer ones refuse them.
//   - Parameters are decoded once: chi matches on the escaped path when there is one.
//   - The start of a day is looked up, not computed: there are days without a midnight and days with two.
package api
