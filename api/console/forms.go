package console

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"errors"
	"regexp"
	"slices"
	"strings"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/domain"
)

// maxForm is the maximum size of a form, in bytes. A board's form can contain thousands of people,
// each once as shown and once as submitted.
const maxForm = 1 << 20

// ownerField is the hidden field with the [ownerOf] the visitor for whom a form was drawn. Another
// person may use another tab by now, and must not act with that form.
const ownerField = "drawn_for"

// ownerOf identifies a person in an account. It does not depend on the session: a form still works
// after the same person has signed in again.
func ownerOf(p api.Principal) string {
	return hex.EncodeToString(Digest(p.UserID + "\x00" + p.AccountID)[:16])
}

// postForm matches the start tag of a form that changes something. It cannot match text that people
// have entered, because angle brackets in text are escaped.
var postForm = regexp.MustCompile(`<form\b[^>]*\bmethod="post"[^>]*>`)

// withOwner adds the owner to each form of a page that changes something, except a submitted form
// that the page offers again: it has its owner already.
func withOwner(v *visit, body []byte) []byte {
	if v.who.UserID == "" {
		return body
	}
	field := `<input type="hidden" name="` + ownerField + `" value="` + ownerOf(v.who) + `">`
	return postForm.ReplaceAllFunc(body, func(form []byte) []byte {
		if bytes.Contains(form, []byte(" data-refilled ")) {
			return form
		}
		return append(slices.Clip(form), field...)
	})
}

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
