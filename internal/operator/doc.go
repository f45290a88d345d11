// Package operator says what operators see of the service, as data: package projections fills it, package api and the
// command line show it. It does nothing.
//
// # Invariants
//
//   - The JSON of these types is what /api/ops answers and what --json prints.
//   - Nothing personal stands here but what a record unmasked on demand holds ([ParkedRecord]).
//
// It may import package domain only.
//
// # File map
//
//	projection.go  Projection, Partition, Build
//	generation.go  State, Generation, Prepared
//	rebuild.go     Rebuild and its states
//	parked.go      parked events and what became of them
//	count.go       how many parked events, in words
//	topic.go       Topic of the log
//	job.go         Job of the fetchers
//	action.go      Action: what an operator did, and what came of it
package operator
