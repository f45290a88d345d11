// Package assembly assembles a process of ledgerboard: the log, the pools, the read models, the
// commands, notices, live updates, the HTTP layer, and the platform fetchers. The service, every
// subcommand, the soak test, and api/mount in a main application all use it.
//
// # Invariants
//
//   - [Parts] opens each part on first use and closes them in reverse order. No other package opens
//     the log, the database or the vault to serve. [Open] makes a service of the parts.
//   - The package neither reads the environment nor prints: callers pass settings and report
//     errors.
//   - [Open] starts no background work; [Service.Follow], [Service.Stream], [Service.Fold] and
//     [Fetcher.Run] run until their context is done. [Parts.Close] closes everything that was
//     opened, even after a failed Open.
//   - Every process monitors the read models, whichever process fills them (internal/monitor).
//   - Separate subjects are separate packages: operator actions (internal/operations), who may sign
//     in (internal/signin), and whether tables are current (internal/monitor). They get the parts
//     that are opened here, and none of them imports this package.
//   - Nothing is deleted on the basis of tables that differ from the log.
//
// It is the only internal package that imports all of commands, projections, readmodels, api,
// migrations and deploy; internal/dev/archtest/rules.go lists the exceptions. It may not import the
// simulator, the demo or internal/embedded, which callers pass in, because a main application must
// not link them. Only cmd/ledgerboard, api/mount and internal/dev import it.
//
// # Notes
//
//   - Streams are closed before requests: first the context of [Service.Stream], then
//     [api.Server.Close], then the HTTP server, then the context of [Service.Follow], which wakes
//     commands that wait for their fold.
//   - [Parts.Close] unregisters the metrics: a main application may open, close and open again with
//     one registry.
//   - [Open] opens the log before it changes the database, so that wrong settings are reported
//     first.
//   - AttachMonths runs at every startup, even without the role projector. On new tables it costs
//     nothing; if the database user may not create tables, it only logs a warning.
package assembly
