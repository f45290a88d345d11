// Package app puts a process of ledgerboard together: the log, the pools, the read models, the
// commands, notices, live updates, the HTTP layer, the platform fetchers, and the views and actions
// of operators ([Operators]). The service, the subcommands, the soak test, and api/mount in a main
// application use it.
//
// [Config] is the one configuration. Each setting is a field, whose tags are its variable, default and
// help: the command line, an environment and a main application fill the same struct, and
// [Config.Validate] reports every error at once. A new setting is a field and the line that uses it.
//
// # Invariants
//
//   - No other package opens the log or the database of a process: [Open] opens those of a service, in
//     order, and a command opens its own with [Parts.OpenLog] and [Parts.OpenDatabase]. [Parts.Close]
//     closes all in reverse order.
//   - The package does not read the environment and does not print. Callers pass settings and
//     report errors.
//   - [Open] starts no background work. [Service.Loops], [Service.Stream] and [collect.Collector.Run]
//     run until their context is done. [Parts.Close] closes everything that was opened, even after Open
//     returned an error.
//   - Every process monitors the read models, no matter which process fills them
//     (internal/monitor).
//   - Separate subjects have separate packages: who may sign in (internal/signin), and whether
//     tables are current (internal/monitor). This package passes them the parts that it opens; none
//     of them imports it.
//   - Nothing is deleted based on tables that differ from the log.
//
// It is the only internal package that imports all of commands, projections, readmodels, api,
// migrations and deploy; internal/dev/archtest/rules.go lists the exceptions. It may not import the
// simulator, the demo or internal/embedded, which callers pass in, because a main application must
// not link them. Only cmd/ledgerboard, api/mount and internal/dev import it.
//
// # Notes
//
//   - The types of what operators see are a package of their own (internal/operator), because
//     projections, readmodels and api return them.
//   - During shutdown, streams end before requests. The order is: cancel the context of
//     [Service.Stream], call [api.Server.Close], shut down the HTTP server, and cancel the context
//     of [Service.Loops]: one loop wakes commands that wait for a fold.
//   - [Parts.Close] unregisters the metrics, so that a main application can open, close and reopen
//     the service with one registry.
//   - [Open] opens the log before it changes the database, so that wrong settings are reported
//     first.
package app
