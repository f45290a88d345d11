// Package mount serves the whole HTTP layer inside of a main application: under its router, with its
// authentication, over the log and the database of a running ledgerboard.
//
// The package's example is a whole program. [Open] makes a [Mounted]: the main application mounts its Handler, calls Run while it
// serves, and Close after its server has shut down.
//
// The main application is then a process of the role api. One or more processes of the program do the rest
// beside it: ledgerboard serve --roles projector,fetcher,signer, on the same brokers and database.
// testdata/mainapp is a whole main application, a Go module of its own; the tests build and run it.
//
// # Invariants
//
//   - It is put together where the program is, in internal/assembly: a route or a check that the program has
//     is here too.
//   - Who is calling is the main application's word: a middleware's [api.WithPrincipal], else
//     Config.Authenticator. No token of the program is believed here.
//   - Nothing is read from the environment, and no metric is registered with a registerer that was not given.
//
// It may not import pgx, watermill, sarama, commands, projections, readmodels or cmd.
//
// # Non-obvious
//
//   - The console (Config.ConsoleSignIn) writes Config.HTTP.Prefix before its addresses: it must be set also where a router takes the prefix off.
//   - Under a prefix everything moves with it: Socket.IO clients take it as their path
//     (io({path: "/boards/socket.io/"})), EventSource as new EventSource("/boards/api/notices"). With cookies
//     neither needs a token or a ticket.
//   - A Socket.IO client that begins with polling must come back to the same process: several of them behind
//     one address need sticky requests, or clients with transports: ["websocket"]. Tickets of streams are
//     opened by any process: their key stands in the database.
//   - Run outlives the requests: a change that was taken is answered once its fold is heard of, and Run hears.
//     So it is not given the context that a signal ends, but ends with Close, after the server's shutdown.
//   - The main application's own middleware must leave streams alone: no buffering, no time limit, and a
//     ResponseWriter that http.ResponseController can flush and hijack through (Unwrap).
//   - Until Run has seen the read models caught up with the log once, every route but /healthz, /readyz and
//     the documents answers 503. A process of the role projector must be running for that.
//   - There is no /metrics: what Config.Registerer is given, the main application shows with its own.
package mount
