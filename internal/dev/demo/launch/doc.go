// Package launch starts the made-up agency of `ledgerboard demo` and `serve --mock`: the simulated platforms, the
// secrets that a demo generates and finds again, the seeding through the real log and commands, and the screen.
//
// # Invariants
//
//   - Every part of a start may be repeated: a start that was killed goes on where it ended.
//   - Generated secrets are in the data directory, readable by its owner alone, and nowhere else.
//
// # File map
//
//	defaults.go  settings that a demo needs otherwise than a service
//	state.go     what the next start must find again
//	simulate.go  the platforms
//	pictures.go  the pictures that answers name, and where they are
//	seed.go      the world into the log, and its changes through the commands
//	screen.go    the file of addresses and tokens, and what the terminal shows
package launch
