// Package operator contains the types of the data that operators see in the HTTP API, in the
// console and on the command line.
//
// # Invariants
//
//   - The JSON of these types is the response of /api/ops and the output of --json.
//   - They contain no personal data, except in a record that is shown on demand ([DeadRecord]).
//
// The package may import only package domain.
package operator
