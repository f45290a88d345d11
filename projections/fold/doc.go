// Package fold defines the contract between the projection engine and its projectors: the
// declaration and the fold that a projector provides, and the events that it receives.
//
// # Invariants
//
//   - The name, version, topic and tables of a projector do not depend on the process that runs it.
//   - Apply decides whether an event is folded or a dead letter. Load and Write
//     return an error only if the database does.
//   - If only some projectors need a capability, it is an optional field. The package contains no
//     projection names.
//
// The package must not import projections or projections/projectors, which both import it, nor
// watermill, commands, readmodels or api.
//
// # Design notes
//
//   - A rebuild or check folds a whole partition as one batch, without Load and Write. The live
//     fold, rebuilds and checks therefore run the same Apply.
package fold
