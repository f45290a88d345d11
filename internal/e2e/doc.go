// Package e2e tests the program as its users have it: a process with a data directory, an address and
// a command line, the stock JavaScript clients in front, kill -9 from behind. All of it is behind the
// build tag e2e (`make e2e`); nothing here runs in `make test`.
//
// # File map
//
//	harness_test.go   the binary, one demo as a process: start, kill, stop, requests, database
//	chaos*_test.go    kill -9 under load
//	…_test.go         one file per promise
//
// # Non-obvious
//
//   - LEDGERBOARD_E2E_RACE=1 builds the program with the race detector; LEDGERBOARD_E2E_BINARY names one
//     that is built already.
//   - A process is killed alone, not with its group: that the embedded PostgreSQL vanishes by itself is
//     part of what every test here checks at its end.
//   - Servers that run from an open descriptor (internal/embedded) do not show the data directory on
//     their command line; they are found by their working directory.
package e2e
