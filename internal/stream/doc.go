// Package stream brings news to the listeners of this process: "you have lost access" and which figures have
// changed. Both go out as Server-Sent Events, and notices over Socket.IO too, for the existing frontends.
//
// # Invariants
//
//   - A row of access_notices never causes sending. A notice is sent because a connection's cursor is
//     below it, so that a rebuild, a restore or an audit replay delivers nothing.
//   - A connection gets exactly the notices that follow its cursor, in order, once. Wake-ups are hints: a lost
//     one delays a notice until the next sweep, and never loses it.
//   - What is told of figures can be read: the projections tell it in the transaction that changes the rows.
//     It is a hint to read, never a figure: losing one must be known, not impossible. Whoever cannot be told
//     exactly what it has missed hears that anything may have changed.
//   - A listener hears of figures at most once a second, however much changes, and then all of it at once.
//   - What a listener hears follows from its verified token alone, never from what it asks for. Who has lost
//     its access is cut.
//   - A slow listener delays no other and costs no memory: nothing is kept for it but its place.
//   - Until the read model has caught up with the log no notice is looked for and no head is taken.
//   - A cursor beyond the head begins at the head: an older backup was restored since, and its versions are given out again.
//
// It may not import pgx, watermill, chi, internal/pg or any package above internal, domain excepted.
//
// # Non-obvious
//
//   - Idle connections cost no query each: the source keeps one place per agency up to which all notices were
//     found, and asks for what lies above, all agencies in one query. Only whom a notice concerns, and who
//     comes back with a cursor, reads the store by itself.
//   - An agency's scan begins at its head, not at the cursor of its first listener: that is the
//     client's word, and a made-up one would hide notices from everybody else.
//   - Socket.IO clients have three places to go on from: the offset that the stock client sends back on
//     a reconnect, the user's stored cursor (a new page), the head (a new user). Each connection gets
//     its place at once by the event "notice_cursor", as an SSE stream without a cursor is; without
//     it, a client that is cut before its first notice would come back with no offset, and what went
//     into the dead connection would be lost.
//   - The stored cursor moves when a notice has been written to a transport, not when it is read. A page
//     that dies silently (no close, a sleeping laptop) and is never resumed can so lose what was written
//     before the ping timeout. The other choice, moving it on a heartbeat, would repeat a notice to every
//     page that loads anew, and frontends load anew on this very notice.
//   - Last-Event-ID of figures is a place in the list of one process, and an instant: "<process>.<number>.<milliseconds>". A stream
//     that comes back to its process within some minutes gets exactly what it has missed, merged into one event. At
//     another process, after a restart or too late it gets "all": true, and what happened to connections since the instant.
//     A stream without an id begins now, and gets its place at once.
//   - A refusal of a connection has the instant at which the collector met it, and is seen later: looks go
//     back by a margin, and a stream that moves to another process may hear one of the last minutes again.
//   - A change of dashboards changes what clients may see: their streams look again at once.
//   - The first change of figures after a quiet second is sent at once, the next ones a second later.
//   - Refusing a Socket.IO client is final for it, closing its transport is not: what is the caller's fault
//     is refused, and what is ours closes the transport.
//   - The Socket.IO library has no smaller set of packages in v3.0.2: it links quic-go, webtransport-go and
//     brotli, and none of them runs here. The adapter is the plain one: the session-aware adapter restores
//     rooms without asking, and appends its own offset where ours belongs.
package stream
