// Package bearer finds out who is calling by the bearer token of a request, a JWT: the standalone [api.Authenticator].
// A main application that mounts the API has its own.
//
// # Invariants
//
//   - The algorithm of a token is pinned by the key that verifies it, never chosen by the token.
//   - A token is read in one way only: names are exact, nothing stands there twice, and what could be read in two ways is refused.
//   - Errors say what to do, and not which check of the signature failed.
//   - If keys behind a URL cannot be read again, the last ones stay in use: a withdrawn key is
//     accepted until then.
//
// It may import api and domain of this module.
//
// # Non-obvious
//
//   - It is a package of its own because the API asks an [api.Authenticator] and knows no token; only the program puts the two together.
//   - Ids are lower-cased by [api.Principal.Canonical], regardless of what verified them.
package bearer
