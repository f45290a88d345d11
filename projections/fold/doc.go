// Package fold defines projectors: what the engine requires of a projector, and what the projector
// receives.
//
// # Invariants
//
//   - A projector's name, version, topic and tables never depend on the process that runs it.
//   - Apply alone decides whether an event is folded, parked with a reason, or stale. Load and
//     Write fail only if the database does.
//   - A capability of only some projectors is an optional field. The package contains no projection
//     names.
//
// The package must not import projections or projections/projectors, which both import it, nor
// watermill, commands, readmodels or api.
//
// # Design notes
//
//   - A bulk fold is the fold of one batch that never loads and never writes, so live projection,
//     rebuild and check run the same Apply.
package fold
