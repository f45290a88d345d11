// Package signin decides who may sign in to the console, by a link or an identity provider, and
// creates the sessions. It also lets an agency manage the sign-ins of its people. Package console
// has the pages and calls this package; internal/identity calls the provider.
//
// # Invariants
//
//   - No person is looked up in tables that are being built: a person who was refused permanently
//     does not return.
//   - Every sign-in of a person in the directory is recorded before its session is valid. A refused
//     sign-in is recorded once an hour.
//   - A sign-in is refused if two active people have its address. All sign-ins are refused while it
//     is unknown who has left.
//
// The package may not import internal/assembly, internal/operations or commands/collect: it
// receives the vault, the log and the read models.
//
// # Not obvious
//
//   - It is a separate package because it makes the decision; internal/assembly only provides the
//     parts.
//   - Auditors and operators are not in the directory: a list in the configuration names them
//     ([identity.Staff]), and the directory does not record their sign-ins.
//   - Package internal/operations creates the link, because it records every operator action.
//     [Agency] receives the function.
package signin
