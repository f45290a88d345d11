// Package bearer authenticates requests by a JWT bearer token. It is the [api.Authenticator] of the
// standalone server; a main application that mounts the API has its own.
//
// # Invariants
//
//   - The key that verifies a token determines the algorithm; the token does not choose it.
//   - A token has exactly one interpretation: names are case-sensitive, duplicate members and other
//     ambiguities are refused.
//   - Errors say what to do, but not which check of the signature failed.
//   - If keys cannot be reloaded, the last ones stay in use: a withdrawn key is accepted until the
//     next successful load.
//   - A key that is not usable does not affect the other keys of its set.
//
// It may import only api, domain, internal/jwks and internal/secret of this module.
//
// # Non-obvious
//
//   - The package is separate because the API depends only on [api.Authenticator] and knows nothing
//     about tokens; the program combines them.
//   - [api.Principal.Canonical] converts ids to lower case for every authenticator.
package bearer
