// Package stream sends notices ("you have lost access") and changes of figures to the listeners of
// this process. It sends both as Server-Sent Events, and notices also over Socket.IO for the
// existing frontends.
//
// # Invariants
//
//   - A row of access_notices never triggers sending. A notice is sent because it follows a
//     connection's cursor, so a rebuild, a restore or an audit replay sends nothing.
//   - A connection gets exactly the notices after its cursor, in order and once. Wake-ups are only
//     hints: a lost wake-up delays a notice until the next sweep.
//   - Announced figures can be read: projections announce changes in the transaction that changes
//     the rows. An event is a hint to read and contains no figures. It may be lost, but not
//     unnoticed: a listener that cannot get exactly what it missed must read everything.
//   - A listener gets at most one event of figures per second, which contains all changes.
//   - What a listener gets depends only on its verified token, never on its request. A listener
//     that loses its access is disconnected.
//   - A slow listener delays no other listener. Only its position is kept in memory.
//   - Until the read model has caught up with the log, no notices are read and no heads are taken.
//   - A cursor beyond the head starts at the head: an older backup was restored, and its versions
//     are assigned again.
//
// The package may not import pgx, watermill, chi, internal/pg or any package above internal, except
// domain.
//
// # Notes
//
//   - Idle connections cost no queries. The source keeps one position per agency, up to which all
//     notices were found, and reads the later notices of all agencies in one query. Only listeners
//     with new notices, and those that reconnect with a cursor, read the store themselves.
//   - An agency's scan starts at its head, not at the cursor of its first listener: clients could
//     send a made-up cursor, which would hide notices from all others.
//   - A Socket.IO client continues at the offset that the stock client sends when it reconnects, at
//     the user's stored cursor (a new page), or at the head (a new user). Each connection gets its
//     position at once in the event "notice_cursor", like an SSE stream without a cursor. Otherwise
//     a client that is disconnected before its first notice would reconnect without an offset and
//     lose the notices that were written to the dead connection.
//   - The stored cursor moves when a notice is written to a transport, not when it is read. If a
//     page dies silently (a sleeping laptop) and never resumes, notices written before the ping
//     timeout are lost. Moving the cursor at heartbeats instead would repeat a notice to every page
//     that reloads, and frontends reload because of this notice.
//   - Last-Event-ID of figures is a position in the list of one process and a time:
//     "<process>.<number>.<milliseconds>". A stream that returns to the same process within some
//     minutes gets exactly what it missed, merged into one event. At another process, after a
//     restart or later, it gets "all": true and the connection events after that time. A stream
//     without an id starts now and gets its position at once.
//   - A connection's refusal carries the time at which the collector encountered it, but appears
//     later. Queries therefore go back by a margin, and a stream that moves to another process may
//     get a refusal of the last minutes twice.
//   - A change to dashboards changes what clients may see, so their streams check access at once.
//   - The first change of figures after a quiet second is sent at once, later ones after a second.
//   - A refusal is final for a Socket.IO client, a closed transport is not: faults of the caller
//     are refused; faults of the server close the transport.
//   - The Socket.IO library v3.0.2 always links quic-go, webtransport-go and brotli, which are not
//     used. The plain adapter is used: the session-aware adapter would restore rooms without
//     authentication and append its own offset in place of this one.
package stream
