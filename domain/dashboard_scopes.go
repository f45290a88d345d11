package domain

import (
	"fmt"
	"regexp"
)

// ScopePattern is the form of a scope.
const ScopePattern = `^[a-z][a-z0-9_.-]{0,63}$`

var scopeForm = regexp.MustCompile(ScopePattern)

// maxScopes bounds what every linked dashboard, and every record and answer about it, carries along: a
// body of 1 MiB has room for a hundred thousand.
const maxScopes = 100

// refuseScopes adds, to e, what is wrong with scopes.
func refuseScopes(e *Error, scopes *[]string) *Error {
	e = refuse(e, "scopes", scopes, func(scope string) bool { return !scopeForm.MatchString(scope) },
		"is not a scope: use 1 to 64 of a-z 0-9 _ . - and begin with a letter")
	if n := len(set(valueOr(scopes, nil))); n > maxScopes {
		e = e.WithField("scopes", fmt.Sprintf("are %d; use at most %d", n, maxScopes))
	}
	return e
}
