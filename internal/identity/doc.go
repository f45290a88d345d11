// Package identity authenticates people with an identity provider (OpenID Connect). The provider
// does not decide what a person may do: the directory decides or, for auditors and operators, a
// list in the configuration.
//
// # Invariants
//
//   - Only the provider with the configured issuer is trusted.
//   - State, nonce and code verifier (PKCE, S256) of a sign-in are derived from a secret that only
//     one browser has.
//   - An email address is used only if the provider reports it as verified, or if the operator
//     trusts all addresses of the provider. It is converted to lower case.
//   - What the userinfo endpoint adds to a token belongs to the token's subject.
//   - Claims can restrict what a person may do here, but never extend it.
//   - No error of this package contains a code, a token or the client secret.
//
// Of this module, the package may import only domain and internal/jwks.
//
// # Not obvious
//
//   - Discovery runs at the first sign-in, and a failure is not cached: the service also starts
//     while the provider is not available. It runs again after an hour, and after a failure that a
//     change at the provider may have caused.
//   - Package oauth2 does not exchange the code, because it rejects responses without an access
//     token (Azure AD B2C sends none for the scope openid).
//   - Only ASCII letters are converted to lower case. The lower case of another character may be an
//     ASCII letter (the Kelvin sign becomes k), and the result would be someone else's address.
//   - A list entry with an @ is an address, never a subject, because some providers let people
//     choose their subjects.
package identity
