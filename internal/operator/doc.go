// Package operator says what operators see of the service, as data: package projections fills it, package api and the
// command line show it. It does nothing.
//
// # Invariants
//
//   - The JSON of these types is what /api/ops answers and what --json prints.
//   - Nothing personal stands here but what a record shown on demand holds ([ParkedRecord]).
//
// It may import package domain only.
package operator
