// Package stream sends notices ("you have lost access") and changes of figures to the listeners of
// this process. It sends both as Server-Sent Events, and notices also over Socket.IO for the
// existing frontends.
//
// # Invariants
//
//   - A row of access_notices never triggers sending. A notice is sent because it follows a
//     connection's cursor, so a rebuild, a restore or an audit replay sends nothing.
//   - A connection gets exactly the notices after its cursor, in order and once.
//   - Figures can be read as soon as their change is announced: projections announce changes in the
//     transaction that changes the rows. Events contain no figures and no position: a client that
//     reconnects must read everything once.
//   - A listener gets at most one FiguresEvent per second, which contains all changes.
//   - Whose notices and figures a listener gets depends only on its verified token, never on the
//     rest of its request. A listener that loses access is disconnected. A slow listener delays no
//     other.
//   - Until the read model has caught up with the log, no notices or heads are read.
//
// # Wake-ups
//
// A wake-up is only a hint that names an agency; each listener of the agency then reads its own
// notices after its own cursor.
//
//   - Notices: a watermill reactor calls [Hub.Wake] after each folded record of `dashboards`. A sweep
//     every 2 s, one query for all agencies with listeners, finds the heads that moved without it.
//   - Figures: NOTIFY calls [Hub.Notify]. After each new LISTEN, notifications may be lost, so every
//     listener must read everything.
//   - Commands that wait for a fold are woken by NOTIFY, without this package.
//
// The package may not import pgx, watermill, chi, internal/pg or any package above internal, except
// domain.
//
// # Notes
//
//   - Streams of events take over their connections from net/http, see [Hijacked], unless HTTP/2, the
//     console or a main application is in between: those are served by their handlers.
//   - A Socket.IO client continues at the offset that the stock client sends when it reconnects, at
//     the user's stored cursor (a new page), or at the head (a new user).
//   - The stored cursor moves when a notice is written to a transport, not when it is read. If a
//     page becomes unreachable (a sleeping laptop) and never resumes, notices written before the
//     ping timeout are lost. Moving the cursor at heartbeats instead would repeat a notice to every
//     page that reloads, and frontends reload because of this notice.
//   - A Socket.IO client does not retry after a refusal, but reconnects after its transport was
//     closed. So an error of the caller is a refusal, and an error of the server closes the
//     transport.
package stream
