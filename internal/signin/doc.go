// Package signin is how people come in to the console: the sessions that they get, and who they are by a link or by an identity
// provider; and how an agency looks after that. Package console has the pages and asks it; internal/identity asks the provider.
//
// # Invariants
//
//   - Nobody is found in tables that are being made: who is refused for good does not come back.
//   - Every sign-in of a person whom the directory holds is on record before its session counts, and so is a refused one, once an hour.
//   - Whose address two active people have is refused, and so is everybody while it is not known who has left.
//
// It may not import internal/assembly, internal/desk or commands/collect: the vault, the log and the read models are handed in.
//
// # Non-obvious
//
//   - It is a package of its own because it decides who comes in; internal/assembly only says with what.
//   - Auditors and operators are in no directory: a list of the configuration names them ([identity.Staff]), and their sign-ins are
//     not recorded there.
//   - The link itself is made at the operators' desk (internal/desk), which records every act; [Agency] is handed the function.
package signin
