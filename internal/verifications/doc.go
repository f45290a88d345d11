// Package verifications runs the verifications that auditors ask for over HTTP. Package proof verifies; here it is decided who waits for
// which run, and who is told what it found.
//
// # Invariants
//
//   - Runs go on beside the requests that ask for them: one of the whole log at a time, which all who ask share, and one of an agency's
//     stream at a time.
//   - Only who started or joined a run is shown what it found, and the look that starts it is on record before it gets in line.
//   - What failed proves nothing and refutes nothing, and says so.
//
// It may import api, which has the port and its answers, domain and internal/proof of this module.
//
// # Non-obvious
//
//   - It is a package of its own because nothing else of a process takes part in it; internal/assembly hands in what verifies.
//   - The keys of checkpoints are known to whoever puts the HTTP layer together: [Runs.By] may come after [Runs.Run] has begun.
package verifications
