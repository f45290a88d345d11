// Package operations implements the operator views and actions of the HTTP API and the command
// line.
//
// # Invariants
//
//   - An action is checked, recorded and executed, and then its outcome is recorded. An action that
//     cannot be recorded is not executed.
//   - [Views] need only the database, so they work without the brokers and with a damaged log.
//   - An action is refused before it is recorded; a refusal changes nothing.
//
// It may not import internal/assembly, which opens its dependencies.
//
// # Notes
//
//   - Views open the read models only if they need them ([NewViews]), because operators must see
//     problems even before read models exist.
package operations
