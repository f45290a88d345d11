// Package fold says what a projector is: what the engine asks of one, and what it is given.
//
// # Invariants
//
//   - A projector's name, version, topic and tables never depend on the process that runs it.
//   - Whatever happens to an event is said by Apply alone: folded, parked for a reason, or stale. Load and Write fail only with the database.
//   - What only some projectors are is a field that others leave empty: no name of a projection stands here.
//
// It may not import projections or projections/projectors, which both stand on it, nor watermill, commands, readmodels or api.
//
// # Non-obvious
//
//   - A fold in bulk is the fold of a batch that never loads and never writes: so live projection, rebuild and check run one Apply.
package fold
