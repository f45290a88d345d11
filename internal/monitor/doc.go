// Package monitor polls the read models and keeps the latest state. Readiness, the gate of commands
// and the metrics ask the monitor instead of the brokers.
//
// # Invariants
//
//   - Readers ask [Monitor.MayRead]: tables that do not yet contain everything that the log
//     contained at startup are not read. Commands ask [Monitor.MayCommand]: no command is accepted
//     while the tables lack records of the log beyond the limit.
//   - The state ages: commands are refused if it is older than [staleAfter], reads are not.
//   - Reasons contain no addresses and no personal data.
//
// It may import domain, internal/operator and internal/pg of this module. Callers pass the
// projections that commands depend on.
//
// # Notes
//
//   - It is a separate package because it makes decisions: internal/assembly only asks it and
//     passes its answers on.
//   - Before tables are read for the first time, they must contain everything that the log
//     contained when the process started. Later, a lag does not prevent reading.
//   - A generation may have no process that folds it for some seconds, while another process takes
//     over.
package monitor
