// Package identity authenticates people with an identity provider (OpenID Connect). The provider
// does not decide what a person may do: the directory decides or, for auditors and operators, a
// list in the configuration.
//
// # Invariants
//
//   - Only the provider with the configured issuer is trusted.
//   - State, nonce and code verifier (PKCE, S256) of a sign-in are derived from a secret that only
//     one browser has.
//   - An email address counts only if the provider reports it as verified, and in lower case.
//   - Claims restrict what a person may do here and never extend it.
//   - No error of this package contains a code, a token or the client secret.
//
// The package may import no other package of this module except domain.
//
// # Not obvious
//
//   - Discovery runs at the first sign-in, and a failure is not cached: the service starts without
//     the provider.
//   - Only ASCII letters are converted to lower case. Other letters may have ASCII lower case forms
//     (the Kelvin sign), and an address with one belongs to someone else.
//   - A list entry with an @ is an address, never a subject: with some providers, people choose
//     their subjects.
package identity
