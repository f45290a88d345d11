// Package pg connects ledgerboard to PostgreSQL: it provides pools with their settings, consistent
// snapshots, the only code that reads SQLSTATEs, and the signal that a projection has moved.
//
// # Invariants
//
//   - Every pool names its schema; times are scanned as UTC.
//   - Only pools for data that can be refolded from the log commit asynchronously.
//   - The simple protocol is never used.
//
// It may not import any package of this module except domain.
//
// # Notes
//
//   - Progress payloads contain projection names and keys, not positions: PostgreSQL merges equal
//     payloads of one transaction, and waiters must read the tables anyway.
package pg
