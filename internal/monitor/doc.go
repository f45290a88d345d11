// Package monitor looks at the read models now and then, and remembers what it saw: readiness, the gate of commands and the metrics ask it,
// and not the brokers.
//
// # Invariants
//
//   - Who reads asks [Monitor.MayRead]: nothing is shown of tables that never held what the log did at the start. Who changes asks
//     [Monitor.MayCommand]: no command is taken on tables that do not hold what the log does.
//   - What was seen ages: commands are refused by a picture that is older than [staleAfter], reads are not.
//   - A reason names no address and no person.
//
// It may import domain, internal/operator and internal/pg of this module. Which projections commands rest on is handed in.
//
// # Non-obvious
//
//   - It is a package of its own because it judges: internal/assembly only asks it and passes its answers on.
//   - What the log held when the process started must be folded once before tables are read; afterwards a lag keeps nobody from reading.
//   - A generation may be followed by nobody for some seconds: a process that takes over needs a moment to say so.
package monitor
