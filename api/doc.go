// Package api is the HTTP layer: the route table, authentication and authorization, and the shapes
// of responses and errors.
//
// # Invariants
//
//   - Every path is in the route table with its roles. The router and the tests of roles use this
//     table. A route without roles is public or (notices, Socket.IO) authorizes callers itself; a
//     test lists these exceptions.
//   - One table maps error codes to statuses ([StatusOf]). An error that is not a [domain.Error] is
//     not disclosed: the response is a 500 with the request id only.
//   - Ids are converted to lower case in tokens, paths and bodies, for every authenticator: two
//     spellings of the same agency's id would be two streams of the log.
//   - An error lists all invalid inputs. A foreign id gives the same error as an unknown one.
//   - One rule ([whyRefused]) decides whether a verified caller still has access, for all kinds of
//     credentials.
//   - Logs and metrics do not contain queries, headers or bodies, because these contain tokens and
//     tickets.
//
// It may not import pgx, watermill, sarama or projections.
//
// # Non-obvious
//
//   - A main application mounts [Server] with package mount. It verifies callers itself and sets
//     them with [WithPrincipal], or provides an [Authenticator]; their ids are still converted to
//     lower case.
//   - PUT: null means absent, as in the old system. Unknown members are ignored. A repeated member
//     is refused, because parsers differ about which one counts.
//   - The request digest covers the canonical body (known members, ids in lower case, lists as
//     sets) and the path without a mount prefix. It does not cover If-Match.
//   - A weak or unknown entity tag in If-Match matches nothing (412). A malformed one returns 400.
//   - The ETag of a dashboard is for If-Match only, and the response is no-store: the view contains
//     names and sign-ins, which change without a new version. The ETag of figures is a digest of
//     the uncompressed response; compressed responses have a suffix, which If-None-Match ignores.
//   - Live updates wait for the tables' NOTIFY, so that clients can read what an update announces.
//   - RateLimit headers follow draft-ietf-httpapi-ratelimit-headers-10. Each process counts per
//     caller.
//   - Streams bypass the compressor and the timeout. If an EventSource should retry, they return
//     200 and end: after any other status, it gives up permanently.
//   - A client user gets 403 for the closed dashboard of its own account, and 404 for any other
//     dashboard that it may not open.
//   - Tickets are encrypted, not stored: every process with the same Deps.TicketKey can open them,
//     even after a restart.
//   - An audit read is recorded in the log after the query and before the response; if that fails,
//     the response is 503. An error or a 404 discloses nothing and is not recorded, and neither are
//     reads of /api/audit/reads.
//   - An export is recorded before its first entry. Its last line, in CSV a comment row, says
//     whether it is complete. Cells that start like a formula are prefixed with an apostrophe.
//   - For ?at= and ?to=, a day means its end; for ?from=, its start. Where both a version and a
//     time are allowed, a number below 100,000,000 is a version.
//   - internal/dev/apidoc writes openapi.json and asyncapi.json from [Describe] and from the
//     comments of the response types: run `go generate ./api`. A route takes the parameters that
//     its parser reads from [Params], and the document lists them.
//   - A query that cannot be decoded, a repeated parameter, one that contradicts the path, and one
//     without an effect return 400. Unknown parameters are ignored by the old paths and refused by
//     the newer ones.
//   - Parameters are decoded once: chi matches the escaped path if there is one.
//   - The start of a day is looked up, not computed: some days have no midnight, and some have two.
package api
