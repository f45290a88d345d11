// Package mount serves the complete HTTP layer inside a main application: with its router and its
// authentication, on the log and the database of a running ledgerboard.
//
// [Open] returns a [Mounted]: the main application mounts its Handler, calls Run while it serves,
// and calls Close after its server has shut down. The package example is a complete program;
// testdata/mainapp is another one, in its own Go module.
//
// The main application is then a process with the role api. One or more processes of the program
// have the other roles: ledgerboard serve --roles projector,fetcher,signer, with the same brokers
// and database.
//
// # Invariants
//
//   - The program's HTTP layer is assembled by the same code: it has the same routes and checks.
//   - The main application authenticates callers: with [api.WithPrincipal] in a middleware, or with
//     Config.Authenticator. The program's tokens are not accepted.
//   - The package does not read the environment, and registers metrics only with Config.Registerer.
//
// It may not import pgx, watermill, sarama, commands, projections, readmodels or cmd.
//
// # Non-obvious
//
//   - The console (Config.ConsoleSignIn) puts Config.HTTP.Prefix before its URLs, so the prefix
//     must be set even if a router strips it.
//   - The prefix applies to all paths, including those of Socket.IO clients (io({path:
//     "/boards/socket.io/"})) and of EventSource (new EventSource("/boards/api/notices")). With
//     cookies, neither needs a token or a ticket.
//   - A Socket.IO client that starts with polling must reach the same process with every request.
//     Multiple processes at one address require sticky sessions, or clients with transports:
//     ["websocket"]. Every process can open the tickets of streams, because their key is in the
//     database.
//   - Run must outlive the requests: a change is answered after Run has seen its fold. Therefore
//     Run must not use a context that a signal cancels; it stops on Close, after the server's
//     shutdown.
//   - The main application's middleware must not buffer streams or limit their time, and its
//     ResponseWriter must support http.ResponseController for flushing and hijacking (Unwrap).
//   - Until Run has seen the read models catch up with the log once, every route except /healthz,
//     /readyz and the documents returns 503. This requires a process with the role projector.
//   - There is no /metrics: the main application serves Config.Registerer with its own metrics.
package mount
