// Package identity asks an identity provider (OpenID Connect) who somebody is. What a person may do is not the provider's to say: the directory
// says it, and of auditors and operators a list in the configuration.
//
// # Invariants
//
//   - One provider is believed, by its configured issuer.
//   - A sign-in is one: state, nonce and the proof of the code (PKCE, S256) follow from a word that one browser holds.
//   - An e-mail address counts only if the provider says that it is verified, and in lower case.
//   - Claims narrow what a person may do here, and never add to it.
//   - No error of this package holds a code, a token or the client's secret.
//
// It may import domain alone of this module.
//
// # Non-obvious
//
//   - The provider is looked up when somebody first signs in, and a failure is not remembered: the service starts while it is away.
//   - Lower case is of ASCII alone. Other letters have lower cases that are ASCII (the Kelvin sign), and an address with one is somebody else's.
//   - An entry of the list with an @ is an address and never a subject: at some providers people choose their subjects.
package identity
