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

// ScopeErrors returns what is wrong with the form of scopes.
func ScopeErrors(scopes []string) (errs []FieldError) {
	for i, scope := range scopes {
		if !scopeForm.MatchString(scope) {
			errs = append(errs, FieldError{
				fmt.Sprintf("scopes[%d]", i), "is not a scope: use 1 to 64 of a-z 0-9 _ . - and begin with a letter",
			})
		}
	}
	if n := len(set(scopes)); n > maxScopes {
		errs = append(errs, FieldError{"scopes", fmt.Sprintf("are %d; use at most %d", n, maxScopes)})
	}
	return errs
}
