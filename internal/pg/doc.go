// Package pg is how ledgerboard reaches PostgreSQL: pools with their settings, consistent snapshots,
// the one place that reads SQLSTATEs, and the signal that a projection has moved.
//
// # Invariants
//
//   - Every pool names its schema; times are scanned as UTC.
//   - Only pools of what the log can fold again commit asynchronously.
//   - The simple protocol is never used.
//
// It may not import any package of this module but domain.
//
// # File map
//
//	pool.go                  Config, Open, Snapshot
//	poolers_refused.go       poolers in transaction mode are refused
//	room_for_connections.go  whether the server takes as many connections as a process may hold
//	connection_refusals.go   which part of the URL a refusal speaks of; servers that are spoken to in the open
//	dial*.go                 a server that vanished is noticed
//	durably.go               a transaction that outlives a crash of the server
//	sqlstates.go             what an SQLSTATE means to us
//	progress.go              LISTEN on projection progress
//	pgtest/                  a schema per test on a shared server
//
// # Non-obvious
//
//   - Progress payloads are projection names and keys, not positions: PostgreSQL folds equal payloads of
//     one transaction into one, and a waiter must look at the tables anyway.
package pg
