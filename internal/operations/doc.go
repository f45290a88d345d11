// Package operations implements the operator views and actions for HTTP and the command line.
//
// # Invariants
//
//   - An action is checked, recorded, executed, and then its outcome is recorded. An action that
//     cannot be recorded is not executed.
//   - Views need only the database ([Views]), so they work without the brokers and with a damaged
//     log.
//   - Refusals happen before the record and change nothing.
//
// It may not import internal/assembly, which opens its dependencies.
//
// # Notes
//
//   - The database user of an api process may not be allowed to change tables. Operators then run
//     the action on the command line with another database user.
//   - Views open the read models only if they need them ([NewViews]): operators must see problems
//     before read models exist.
package operations
