// Package directory answers queries about accounts, people, members and connected pages: the lists
// of the API, the data about connections and tokens that the commands need, and the data that an
// erasure or an export of a person covers.
//
// It keeps the invariants of package readmodels, which it imports, and has the same import
// restrictions.
//
// The expiry of a token comes from the token stored here, otherwise from what the main application
// last reported. The log contains no expiry times of secrets.
package directory
