// Package notices brings "you have lost access" to the listeners of this process: over Socket.IO for
// the existing frontends, and as Server-Sent Events.
//
// # Invariants
//
//   - A row of access_notices never causes sending. A notice is sent because a connection's cursor is
//     below it, so that a rebuild, a restore or an audit replay delivers nothing.
//   - A connection gets exactly what follows its cursor, in order, once. Wake-ups are hints: a lost one
//     delays a notice until the next sweep.
//   - Whose notices a connection gets follows from its verified token alone, never from what it asks for.
//   - A slow connection delays no other: one goroutine reads the store and never waits for a reader.
//     What a connection has no room for stays in the store.
//   - Until the read model has caught up with the log nothing is swept and no head is taken.
//
// It may not import pgx, watermill, chi or any package above internal, domain excepted.
//
// # File map
//
//	notice.go config.go      Notice, ids, Subscriber, Store; settings and the reasons of a cut
//	hub.go                   subscriptions
//	sweep.go catchup.go      the one goroutine that reads: new notices; connections that are behind
//	wake.go recheck.go       hints; whether listeners are still allowed
//	cursors.go               stored cursors of Socket.IO users
//	sse.go                   Server-Sent Events
//	socketio.go              the Socket.IO server and who may connect
//	socketio_connection.go   delivery to one Socket.IO client
//	socketio_transport.go    what keeps the engine's faults from the clients
//
// # Non-obvious
//
//   - Idle connections cost no query each: the hub keeps one place per agency up to which all its
//     connections were offered everything, and asks for what lies above, all agencies in one query.
//     Only a new connection, or one whose buffer was full, is looked up by itself ("behind"), many at once.
//   - An agency's scan begins at its head, not at the cursor of its first listener: that is the
//     client's word, and a made-up one would hide notices from everybody else.
//   - Socket.IO clients have three places to go on from: the offset that the stock client sends back on
//     a reconnect, the user's stored cursor (a new page), the head (a new user). Each connection is told
//     its place at once by the event "notice_cursor", as an SSE stream without a cursor is; without
//     it, a client that is cut before its first notice would come back with no offset, and what went
//     into the dead connection would be lost.
//   - The stored cursor moves when a notice has been written to a transport, not when it is read. A page
//     that dies silently (no close, a sleeping laptop) and is never resumed can so lose what was written
//     before the ping timeout. The other choice, moving it on a heartbeat, would repeat a notice to every
//     page that loads anew, and frontends load anew on this very notice.
//   - The library's session-aware adapter must not be used: it restores rooms without asking, and
//     appends its own offset where ours belongs.
//   - Refusing a Socket.IO client is final for it, closing its transport is not: so what is the
//     caller's fault is refused, and what is ours closes the transport.
package notices
