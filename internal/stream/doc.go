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
//   - Figures can be read as soon as their change is announced: projections announce changes in the
//     transaction that changes the rows. Events contain no figures. A lost event does not go
//     unnoticed: a listener that cannot get exactly the missed changes must read everything.
//   - A listener gets at most one FiguresEvent per second, which contains all changes.
//   - Whose notices and figures a listener gets depends only on its verified token, never on the
//     rest of its request. A listener that loses access is disconnected. A slow listener delays no
//     other.
//   - Until the read model has caught up with the log, no notices or heads are read.
//
// The package may not import pgx, watermill, chi, internal/pg or any package above internal, except
// domain.
//
// # Notes
//
//   - Idle connections cost no queries. The source reads the notices of all agencies after their
//     scanned positions in one query. Only listeners with new notices, and those that reconnect
//     with a cursor, read the store themselves.
//   - A Socket.IO client continues at the offset that the stock client sends when it reconnects, at
//     the user's stored cursor (a new page), or at the head (a new user).
//   - The stored cursor moves when a notice is written to a transport, not when it is read. If a
//     page becomes unreachable (a sleeping laptop) and never resumes, notices written before the
//     ping timeout are lost. Moving the cursor at heartbeats instead would repeat a notice to every
//     page that reloads, and frontends reload because of this notice.
//   - Last-Event-ID of figures is "<process>.<number>.<milliseconds>": a position in the list of
//     one process, and a time. At another process, after a restart or after more than maxSteps, a
//     stream gets "all": true and the connection events after that time.
//   - A Socket.IO client does not retry after a refusal, but reconnects after its transport was
//     closed. So an error of the caller is a refusal, and an error of the server closes the
//     transport.
package stream
