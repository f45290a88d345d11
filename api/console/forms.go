package console

import (
	"cmp"
	"errors"
	"strings"

	"github.com/ledgerboard/ledgerboard/domain"
)

// maxForm is the maximum size of a form, in bytes. A board's form can contain thousands of people,
// each once as shown and once as submitted.
const maxForm = 1 << 20

type formFaults struct {
	Said   string            // about the form as a whole
	Fields map[string]string // error texts by form field
}

func (f formFaults) Any() bool { return f.Said != "" }

// fieldWords maps an API field to a form field and its error text. If Words is empty, the text is
// the API's detail.
type fieldWords struct{ Field, Words string }

const correctMarked = "Nothing has been done yet. Correct the marked fields and submit the form again."

// faultsOf converts an error of the API to form errors. The keys of words are API fields; "users"
// also matches users[2], and the form field "user2" then has the API's detail. Taken is false for
// errors that do not belong in a form: internal errors, and an unavailable service if it is unknown
// whether the request had an effect.
func faultsOf(err error, words map[string]fieldWords) (f formFaults, taken bool) {
	why, known := errors.AsType[*domain.Error](err)
	if !known || why.Code == domain.CodeInternal || why.Code == domain.CodeUnavailable && why.CommandID != "" {
		return formFaults{}, false
	}
	f = formFaults{Said: why.Message, Fields: map[string]string{}}
	for _, wrong := range why.Fields {
		name, which, isOne := strings.Cut(strings.TrimSuffix(wrong.Field, "]"), "[")
		at, known := words[name]
		if !known {
			continue
		}
		f.Said = correctMarked
		detail := capital(wrong.Detail) + "."
		f.Fields[at.Field] = cmp.Or(at.Words, detail)
		if isOne {
			f.Fields[at.Field+which] = detail
		}
	}
	return f, true
}

// faultsOfAsked is faultsOf for the form of a GET request. Taken is also false if the error names
// no field of the form.
func faultsOfAsked(err error, words map[string]fieldWords) (f formFaults, taken bool) {
	f, taken = faultsOf(err, words)
	return f, taken && len(f.Fields) > 0
}
