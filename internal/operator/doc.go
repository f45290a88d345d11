// Package operator contains the data that operators see: package projections fills it, package api
// and the command line show it. It has no behavior.
//
// # Invariants
//
//   - The JSON of these types is the response of /api/ops and the output of --json.
//   - It contains no personal data, except in a record that is shown on demand ([ParkedRecord]).
//
// It may import package domain only.
package operator
