package domain

import (
	"fmt"
	"regexp"
)

// SignInRefused says that somebody whom the directory holds was not let in to the console. It is appended on `operations` under the
// agency's key, or [OperationsKeyAll] where that is not known, at most once in an hour for one user. It holds ids alone.
type SignInRefused struct {
	User string `json:"user"` // its id
	Way  string `json:"way"`  // how the person tried to sign in
	Why  string `json:"why"`  // a word of ours
}

// EventType implements [Data].
func (SignInRefused) EventType() string { return "operations.sign_in_refused.v1" }

var signInWord = regexp.MustCompile(`^[a-z_]{1,40}$`)

// Validate keeps free text out.
func (e SignInRefused) Validate() error {
	for name, word := range map[string]string{"way": e.Way, "why": e.Why} {
		if !signInWord.MatchString(word) {
			return fmt.Errorf("%s %.50q is not 1 to 40 characters of a-z, '_'", name, word)
		}
	}
	return checkLengths(e.User)
}
