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
// # Non-obvious
//
//   - Progress payloads are projection names and keys, not positions: PostgreSQL folds equal payloads of
//     one transaction into one, and a waiter must look at the tables anyway.
package pg
