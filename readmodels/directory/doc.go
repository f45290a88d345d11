// Package directory answers queries about accounts, people, members and connected pages: lists for
// frontends, what the commands need to know about connections and tokens, and what an erasure or an
// export of a person reaches.
//
// It keeps the invariants of package readmodels, which it imports, and may not import what that
// package may not.
//
// The expiry of a token comes from the token stored here, otherwise from what the main application
// last reported. The log contains no expiry times of secrets.
package directory
