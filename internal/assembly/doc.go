// Package assembly puts a process of ledgerboard together: the log, the pools, the read models, the commands,
// notices, live updates, the HTTP layer over them, and what reads the platforms. The program does it here, each of
// its subcommands, the soak, and api/mount for a main application: there is one assembly.
//
// # Invariants
//
//   - [Parts] open each thing when it is first asked for, and give all back last first. Nothing else in the module
//     opens the log, the database or the vault to serve. [Open] makes a service of them.
//   - Nothing is read from the environment and nothing is printed: who calls has settings and says what is wrong
//     with them.
//   - [Open] starts nothing that goes on by itself; [Service.Follow], [Service.Stream], [Service.Fold] and
//     [Fetcher.Run] run until their context is done. What was opened is given back by [Parts.Close], also after a
//     failed Open.
//   - Read models are looked at by every process, whoever fills them (internal/monitor).
//   - What has a subject of its own is a package of its own: the operators' desk (internal/desk), who comes in (internal/signin),
//     whether tables may be believed (internal/monitor). They are handed what is opened here, and none of them imports this package.
//   - Nothing is deleted by tables that do not hold what the log does.
//
// Alone among the internal packages it imports all of commands, projections, readmodels, api, migrations and deploy; of
// these packages some import a few of the upper ones, as internal/dev/archtest/rules.go has it.
// It may not import the simulator, the demo or internal/embedded, which is handed in: a main application links none
// of them. Only cmd/ledgerboard, api/mount and internal/dev import it.
//
// # Non-obvious
//
//   - Streams end before requests do: the context of [Service.Stream] first, then [api.Server.Close], then the
//     HTTP server, then the context of [Service.Follow], which wakes commands that wait for their fold.
//   - Metrics are unregistered by [Parts.Close]: a main application may open, close and open again over
//     its one registry.
//   - [Open] opens the log before it touches the database: faults of the settings show first.
//   - AttachMonths runs at every start, also without the role projector: on new tables it costs nothing, and
//     a role that may not create tables only reads a warning.
package assembly
