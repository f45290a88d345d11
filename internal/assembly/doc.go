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
//   - Of a projection two things are asked, and nothing else: [Monitor.MayRead] and [Monitor.MayCommand]. Read models
//     are looked at by every process, whoever fills them: no command is taken and no figure shown on tables that do
//     not hold what the log does.
//
// Alone among the internal packages it imports commands, projections, readmodels, api, migrations and deploy.
// It may not import the simulator, the demo or internal/embedded, which is handed in: a main application links none
// of them. Only cmd/ledgerboard, api/mount and internal/dev import it.
//
// # File map
//
//	settings.go    where the log and the database are, or who starts them
//	parts.go       what is opened, once, and given back last first; the topics of the log
//	room.go        pools, compared with what the server takes
//	keep_compacted.go  heartbeats, and what is appended again on compacted topics
//	read_back.go   whether the log has forgotten what was erased
//	epoch.go       whether log, key and database belong together; epochs that a restore has begun are taken over
//	backup.go backup_known.go backup_lost.go  log and brokers for backups; what the database knows beside one that is restored, and what that lacks
//	foreign.go     records that nobody of ours wrote: kept, shown, counted
//	engines.go     one engine for each projection; Fold, partitions for coming months
//	desk_looks.go  what operators see of the database alone
//	desk.go desk_*.go  where operators look and act: look, record, do, record what came of it
//	service.go     Config, Service, Open
//	people_known.go  whether it is known who has left
//	monitor.go     whether read models may be read, and take commands
//	faults.go      what can be wrong, told by metrics and in the log
//	health.go      what a process says of itself: /readyz
//	streams.go     the hub of notices and live updates
//	reactors.go    wake-ups from the log
//	run.go         Follow, Stream
//	handler.go     the HTTP layer
//	console.go console_identities.go console_passwords.go  the console over it; its sessions, the people of the identity provider and of imported
//	             passwords, refused sign-ins
//	sign_ins.go    links and sessions of an agency's people
//	verify_runs.go verifications that auditors ask for
//	fetching.go    quotas, clients, collecting and its schedule
//	pictures.go    pictures of posts: which are wanted, taken and kept
//	connecting.go  sign-ins in a browser
//	erase_asked.go people who asked a platform to be forgotten
//	reach.go       tokens of a main application; what asks the platforms about stored ones
//	forget_secrets.go    secrets of what was deleted go
//	erasures_read.go     the same list for whoever takes what a main application tells: read again when it has changed
//	erasures_file.go     the list of erasures outside log and database; each start erases again what it names
//	observe.go registrations.go fetch_metrics.go    metrics; giving their names back
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
