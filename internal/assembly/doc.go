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
//     whether tables may be believed (internal/monitor), what keeps log and vault in order (internal/upkeep), runs of verifications
//     (internal/verifications), what a database knows beside a restored log (internal/knownlog), the list of erasures
//     (internal/erasures). They are handed what is opened here, and none of them imports this package.
//
// Alone among the internal packages it imports all of commands, projections, readmodels, api, migrations and deploy; of
// these packages some import a few of the upper ones, as internal/dev/archtest/rules.go has it.
// It may not import the simulator, the demo or internal/embedded, which is handed in: a main application links none
// of them. Only cmd/ledgerboard, api/mount and internal/dev import it.
//
// # File map
//
//	settings.go              where the log and the database are, or who starts them
//	parts.go                 what is opened, once, and given back last first; the topics of the log
//	database_connections.go  how large the pools are, compared with what the server takes
//	epoch.go                 whether log, key and database belong together; epochs that a restore has begun are taken over
//	backup.go                log and brokers for backups and restores; what the database knows beside them
//	engines.go               one engine for each projection; Fold, partitions for coming months
//	desk.go                  what operators look and act on
//	service.go               Config, Service, Open
//	readiness.go             what a process says of itself: /readyz
//	streams.go               the hub of notices and live updates
//	reactors.go              wake-ups from the log
//	follow_and_stream.go     Follow, Stream
//	handler.go               the HTTP layer
//	console.go               the console over it, and how people sign in to it
//	fetching.go              quotas, clients, collecting and its schedule
//	pictures.go              pictures of posts: which are wanted, taken and kept
//	connecting.go            sign-ins in a browser
//	public_url.go            where browsers find this service
//	tokens_and_platforms.go  tokens of a main application; what asks the platforms about stored ones
//	erase_again.go           what the list of erasures names is erased again at each start; the directory, record by record
//	foreign_records_counted.go       records that nobody of ours wrote, in readiness and metrics
//	metrics.go metrics_registered.go fetch_metrics.go  metrics; giving their names back
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
