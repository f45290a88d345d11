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
// # File map
//
//	seen_by_operators.go  Looks: what operators see of the database alone
//	desk.go               Desk: record, do, record what came of it; projections, topics
//	pauses.go             what an operator pauses, and resumes
//	generations.go        rebuilds, switches, generations
//	parked.go             parked events: seen, folded again, acknowledged
//	parked_skip.go        parked events: left out for good
//	foreign_records_shown.go  records that nobody of ours wrote; what an agency is told of them
//	jobs.go               jobs of the fetchers
//	connections.go check_connections.go  how connected accounts are read; what the platforms say of their tokens
//	person.go             a person found, and exported
//	sign_in_links.go      links that sign in, and for how long; links to an identity provider
//	operator_actions.go   what operators did
//
// # Non-obvious
//
//   - It is a package of its own because it has rules of its own, one for every act; internal/assembly only opens and wires.
//   - A process that answers people may lack the right to change tables: then the same is done on the command line, by another login.
//   - Read models are opened when a look needs them ([LooksConfig].Tables): operators must see what is wrong before there are any.
package desk
