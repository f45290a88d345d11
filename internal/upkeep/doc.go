// Package upkeep keeps log and vault in order beside a service: what was erased or deleted goes for good, and what counts stays.
//
// # Invariants
//
//   - Several processes may do each of it: what is done twice is done once, and each alarms.
//   - Nothing is deleted by tables that do not hold what the log does.
//   - What cannot be done now is told in the log and tried again.
//
// It may not import internal/assembly, which opens what it stands on and says what runs, or api.
//
// # Non-obvious
//
//   - It is a package of its own because its loops need no request and answer none: internal/assembly only says in which process they run.
package upkeep
