package console

import (
	"errors"
	"strings"

	"github.com/ledgerboard/ledgerboard/domain"
)

// maxForm is the largest form, in bytes. A board's form contains thousands of people, before and
// after.
const maxForm = 1 << 20

type formFaults struct {
	Said   string            // about the form as a whole
	Fields map[string]string // error texts by form field
}

func (f formFaults) Any() bool { return f.Said != "" }

// fieldWords is the form field of an API field, and the page's error text. Without Words the API's
// detail is used.
type fieldWords struct{ Field, Words string }

const correctMarked = "Nothing was done yet. Correct the marked fields and submit the form again."

// faultsOf converts an error of the API to form errors. Words are keyed by API field; "users" also
// matches users[2]. Taken is false for errors that do not belong in a form: internal errors, and an
// unavailable service if it is unknown whether the request had an effect.
func faultsOf(err error, words map[string]fieldWords) (f formFaults, taken bool) {
	why, known := errors.AsType[*domain.Error](err)
	if !known || why.Code == domain.CodeInternal || why.Code == domain.CodeUnavailable && why.CommandID != "" {
		return formFaults{}, false
	}
	f = formFaults{Said: why.Message, Fields: map[string]string{}}
	for _, wrong := range why.Fields {
		name, _, _ := strings.Cut(wrong.Field, "[")
		at, known := words[name]
		if !known {
			continue
		}
		f.Said = correctMarked
		f.Fields[at.Field] = at.Words
		if at.Words == "" {
			f.Fields[at.Field] = capital(wrong.Detail) + "."
		}
	}
	return f, true
}

// faultsOfAsked is faultsOf for a read-only form. Taken is also false if the error names no field
// of the form.
func faultsOfAsked(err error, words map[string]fieldWords) (f formFaults, taken bool) {
	f, taken = faultsOf(err, words)
	return f, taken && len(f.Fields) > 0
}
