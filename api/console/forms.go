package console

import (
	"errors"
	"strings"

	"github.com/ledgerboard/ledgerboard/domain"
)

// maxForm bounds a form. That of a board sends whole lists: some thousands of people, as they were and as they are to be.
const maxForm = 1 << 20

// formFaults is what is wrong with a form that was sent.
type formFaults struct {
	Said   string            // about the form as a whole
	Beside map[string]string // by the names of the form's fields
}

// Any tells whether something is wrong.
func (f formFaults) Any() bool { return f.Said != "" }

// fieldWords says which field of a form a field of the API is, and what is wrong with it in the words of the page; without words, the
// API's detail is the text.
type fieldWords struct{ Field, Words string }

const correctMarked = "Nothing was done yet. Correct what is marked, and send the form again."

// faultsOf puts a refusal of the API into a form. Words are by the API's fields, where "users" stands for users[2] too. Taken is false for
// an error that has no place in a form, as while the service cannot answer.
func faultsOf(err error, words map[string]fieldWords) (f formFaults, taken bool) {
	why, known := errors.AsType[*domain.Error](err)
	if !known || why.Code == domain.CodeUnavailable || why.Code == domain.CodeInternal || why.Code == domain.CodeRateLimited {
		return formFaults{}, false
	}
	f = formFaults{Said: why.Message, Beside: map[string]string{}}
	for _, wrong := range why.Fields {
		name, _, _ := strings.Cut(wrong.Field, "[")
		at, known := words[name]
		if !known {
			continue
		}
		f.Said = correctMarked
		f.Beside[at.Field] = at.Words
		if at.Words == "" {
			f.Beside[at.Field] = capital(wrong.Detail) + "."
		}
	}
	return f, true
}

// faultsOfAsked is faultsOf for a form that only asks for something to be shown. Taken is also false if the refusal names no field of it.
func faultsOfAsked(err error, words map[string]fieldWords) (f formFaults, taken bool) {
	f, taken = faultsOf(err, words)
	return f, taken && len(f.Beside) > 0
}
