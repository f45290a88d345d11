// Package e2e tests the program as its users have it: a process with a data directory, an address and
// a command line, and the stock clients of streams in five languages. All of it is behind the
// build tag e2e (`make e2e`); nothing here runs in `make test`.
//
// # Non-obvious
//
//   - LEDGERBOARD_E2E_RACE=1 builds the program with the race detector, and every test then fails on
//     a report in what the program printed; LEDGERBOARD_E2E_BINARY names one that is already built.
//   - LEDGERBOARD_E2E_PICTURES=DIRECTORY has TestConsoleForEveryRoleInBrowser leave pictures of the main views there.
//   - A process of PostgreSQL that is killed alone takes the server into recovery while the program runs
//     on. What was committed asynchronously may be gone then, so a projection may find its checkpoint
//     behind itself; dashboards commit synchronously, because commands decide by their tables.
//   - A process is killed alone, not with its group: that the embedded PostgreSQL vanishes by itself is
//     part of what every test here checks at its end.
//   - Servers that run from an open descriptor (internal/embedded) do not show the data directory on
//     their command line; they are found by their working directory.
package e2e
