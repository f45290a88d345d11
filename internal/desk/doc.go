// Package desk is where operators look and act, over HTTP and on the command line alike.
//
// # Invariants
//
//   - What acts is looked at first, recorded, then done, and then what came of it is recorded: an action that cannot be
//     recorded is not done.
//   - What only looks stands on the database alone ([Looks]): it works while the brokers are away, and whatever is wrong with the log.
//   - A refusal comes before the record, and changes nothing.
//
// It may not import internal/assembly, which opens what the desk stands on and hands it in.
//
// # Non-obvious
//
//   - It is a package of its own because it has rules of its own, one for every act; internal/assembly only opens and wires.
//   - A process that answers people may lack the right to change tables: then the same is done on the command line, by another login.
//   - Read models are opened when a look needs them ([NewLooks]): operators must see what is wrong before there are any.
package desk
