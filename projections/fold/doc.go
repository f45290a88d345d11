// Package fold defines the contract between the projection engine and its projectors: the
// declaration and the fold that a projector provides, and the events that it receives.
//
// # Invariants
//
//   - The name, version, topic and tables of a projector do not depend on the process that runs it.
//   - Apply decides whether an event is folded or a dead letter. Load returns an error only if the
//     database does.
//   - If only some projectors need a capability, it is an optional field. The package contains no
//     projection names.
//
// The package must not import projections or projections/projectors, which both import it, nor
// watermill, commands, readmodels or api.
//
// # Design notes
//
//   - A build or check gives a Fold all events of a key, a batch some events of many keys. They differ
//     in who groups the events and in the sink. Everything else is the same code, so the tables are too.
package fold
