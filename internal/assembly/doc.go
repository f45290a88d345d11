// Package assembly puts a process of ledgerboard together: the log, the pools, the read models, the commands,
// notices, live updates and the HTTP layer over them. The program does it here, and so does api/mount for
// a main application: there is one assembly.
//
// # Invariants
//
//   - Every dependency of the roles api and projector is made here and nowhere else. Nothing is read from
//     the environment and nothing is printed: who calls has settings and says what is wrong with them.
//   - [Open] starts nothing that goes on by itself; [Service.Follow], [Service.Stream] and [Service.Fold] run
//     until their context is done. What was opened is given back by [Service.Close], also after a failed Open.
//   - Read models are looked at by every process, whoever fills them: no command is taken and no figure
//     shown on tables that do not hold what the log does.
//
// Alone among the internal packages it imports commands, projections, readmodels, api, migrations and deploy.
// It may not import platforms, quota, the simulator or the demo: fetching is the program's. Only
// cmd/ledgerboard and api/mount import it.
//
// # File map
//
//	service.go    Config, Service, Open, Close
//	closers.go    what was opened is given back last first
//	migrate.go topics.go    what every start does first; the topics of the log
//	engines.go    one engine for each projection; Fold
//	months.go     partitions for coming months
//	monitor.go    whether read models can be relied upon
//	streams.go    the hub of notices and live updates
//	reactors.go   wake-ups from the log
//	run.go        Follow, Stream
//	handler.go    the HTTP layer, its checks
//	observe.go registrations.go  metrics; giving their names back
//
// # Non-obvious
//
//   - Streams end before requests do: the context of [Service.Stream] first, then [api.Server.Close], then the
//     HTTP server, then the context of [Service.Follow], which wakes commands that wait for their fold.
//   - Metrics are unregistered by [Service.Close]: a main application may open, close and open again over
//     its one registry.
//   - AttachMonths runs at every start, also without the role projector: on new tables it costs nothing, and
//     a role that may not create tables only reads a warning.
package assembly
