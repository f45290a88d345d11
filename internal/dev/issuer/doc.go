// Package issuer is a small OpenID Connect provider for tests: discovery, keys, a page where one chooses who to be, codes that count once
// and only with the proof of who asked for them (PKCE), and signed tokens. It lies only where a test tells it to.
//
// It may not import any package of this module.
package issuer
