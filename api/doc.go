// Package api is the HTTP layer: the route table, authentication and authorization, and the shapes
// of responses and errors. It may not import pgx, watermill, sarama or projections.
//
// # Invariants
//
//   - Every path is in the route table with its roles. A route without roles is public or (notices,
//     Socket.IO) authorizes callers itself; a test lists these exceptions.
//   - An error that is not a [domain.Error] is not disclosed: the response is a 500 with the
//     request id only. An error lists all invalid inputs. A foreign id gives the same error as an
//     unknown one.
//   - Ids are converted to lower case in tokens, paths and bodies, for every authenticator: two
//     spellings of the same agency's id would be two streams of the log.
//   - [whyRefused] decides whether a verified caller still has access, for all credentials.
//   - Logs and metrics do not contain queries, headers or bodies, because these contain tokens and
//     tickets.
//
// # Non-obvious
//
//   - PUT: null means absent, as in the old system. Unknown members are ignored, but another spelling
//     of an absent member is an error. A repeated member is refused, because parsers differ about
//     which one counts.
//   - An unknown entity tag in If-Match matches nothing (412). A malformed one returns 400. A weak
//     one counts: proxies that compress make tags weak, and ours name a version, not bytes.
//   - The ETag of a dashboard is for If-Match only, and the response is no-store: the view contains
//     names and sign-ins, which change without a new version. The ETag of figures is a digest of
//     the uncompressed response; compressed responses have a suffix, which is ignored in requests.
//   - Streams bypass the compressor and the timeout. If an EventSource should retry, they return
//     200 and end: after any other status, it gives up permanently.
//   - A client user gets 403 for the closed dashboard of its own account, and 404 for any other
//     dashboard that it may not open.
//   - An audit read is recorded in the log after the query and before the response; if that fails,
//     the response is 503. An export is recorded before its first entry; a header, or the last sheet
//     of a workbook, says whether it is complete. An error, a 404 and reads of /api/audit/reads are
//     not recorded.
//   - For ?at= and ?to=, a day means its end; for ?from=, its start. The start of a day is looked
//     up, not computed: some days have no midnight, and some have two.
//   - An operation is a function of a [Caller] and a struct with its input. The router and
//     [Server.Call], which is for callers in this process, make the same checks of caller and input.
//     [Operations] lists them without a server. The comment above its registration, and the tags and
//     comments of its structs, describe it: internal/dev/apidoc writes openapi.json and asyncapi.json
//     (`go generate ./api`).
//   - A query that cannot be decoded, a repeated parameter, one that contradicts the path, and one
//     without an effect return 400. Unknown parameters are ignored by the old paths and refused by
//     the newer ones.
package api
