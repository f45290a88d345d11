// Package monitor polls the read models and keeps their latest state. Readiness, the gate of
// commands, and the metrics use this state instead of asking the brokers.
//
// # Invariants
//
//   - Readers ask [Monitor.MayRead]: tables are not read until they have once contained everything
//     that was in the log at startup. A later lag does not prevent reading. Commands ask
//     [Monitor.MayCommand]: no command is accepted while the tables are wrong, or are more than
//     [maxLag] events behind without progress.
//   - If the state is older than [staleAfter], commands are refused, but reads are not.
//   - Reasons contain no addresses and no personal data.
//
// It may import domain, internal/operator and internal/pg of this module. Callers pass the
// projections that commands depend on.
//
// # Notes
//
//   - It is a separate package because it makes decisions. internal/app only asks it and
//     passes on its answers.
//   - For some seconds, a generation may have no process that folds it, because another process is
//     taking over.
package monitor
