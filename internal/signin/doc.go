// Package signin decides who may sign in to the console, with a link or through an identity provider
// (OpenID Connect), and stores sessions, links, and who is linked to the provider. It also says for
// which of its people an agency may create links. Package console has the pages.
//
// # Invariants
//
//   - Sessions and links are stored under digests of their secrets.
//   - Every sign-in of a person in the directory is recorded before the session is valid. Refused
//     sign-ins are counted and logged.
//   - People are looked up only in complete tables. A table that is being built may lack people,
//     and a person who was refused with "no access" does not try again.
//   - Only the provider with the configured issuer is trusted. It does not decide what a person may
//     do: the directory decides or, for auditors and operators, a list in the configuration
//     ([Staff]). Claims can restrict that, but never extend it.
//   - State, nonce and code verifier (PKCE, S256) of a sign-in are derived from a secret that only
//     one browser has.
//   - An email address is used only if the provider reports it as verified, or if the operator
//     trusts all addresses of the provider. It is converted to lower case.
//   - A sign-in through the provider is refused if more than one active person has the email
//     address. The first sign-in of a person is also refused while it is unknown who has left.
//   - What the userinfo endpoint adds to a token belongs to the token's subject.
//   - No error of this package contains a code, a token or the client secret.
//
// Of this module, the package may import only domain and internal packages: it receives the
// directory and the function that records a sign-in.
//
// # Not obvious
//
//   - Auditors and operators are not in the directory, which does not record their sign-ins.
//   - Package internal/app creates links, because it records every operator action. [Agency] only
//     says for whom.
//   - Discovery runs at the first sign-in, and a failure is not cached: the service also starts
//     while the provider is not available. It runs again after an hour, and after a failure that a
//     change at the provider may have caused.
//   - Package oauth2 does not exchange the code, because it rejects responses without an access
//     token (Azure AD B2C sends none for the scope openid).
//   - Only ASCII letters are converted to lower case. The lower case of another character may be an
//     ASCII letter (the Kelvin sign becomes k), and the result would be someone else's address.
//   - A list entry with an @ is an address, never a subject, because some providers let people
//     choose their subjects.
package signin
