// Package launch starts the made-up agency of `ledgerboard demo` and `serve --mock`: the simulated platforms, the
// secrets that a demo generates and finds again, the seeding through the real log and commands, and the screen.
//
// # Invariants
//
//   - Every part of a start may be repeated: a start that was killed goes on where it ended.
//   - Generated secrets are in the data directory, readable by its owner alone, and nowhere else.
package launch
