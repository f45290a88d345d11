// Package signin decides who may sign in to the console, with a link or through an identity
// provider, and creates the sessions. It also lets an agency manage the sign-ins of its people.
// Package console has the pages and calls this package; internal/identity calls the provider.
//
// # Invariants
//
//   - People are looked up only in complete tables. A table that is being built may lack people,
//     and a person who was refused with "no access" does not try again.
//   - Every sign-in of a person in the directory is recorded before the session is valid. Refused
//     sign-ins are counted and logged.
//   - A sign-in through the provider is refused if more than one active person has the email
//     address. The first sign-in of a person is also refused while it is unknown who has left.
//
// Of this module, the package may import only domain and internal packages: it receives the
// directory and the function that records a sign-in.
//
// # Not obvious
//
//   - Auditors and operators are not in the directory: a list in the configuration names them
//     ([identity.Staff]), and the directory does not record their sign-ins.
//   - Package internal/app creates links, because it records every operator action. [Agency] only
//     says for whom.
package signin
