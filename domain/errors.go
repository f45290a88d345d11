package domain

import (
	"errors"
	"fmt"
	"slices"
)

// Code is the machine-readable class of an [Error]. The api package owns the one table from
// codes to HTTP statuses; nothing else may decide on a status.
type Code string

// The codes an [Error] may carry.
const (
	CodeInvalid            Code = "invalid"             // the request itself is malformed
	CodeUnauthenticated    Code = "unauthenticated"     // no usable credentials
	CodeForbidden          Code = "forbidden"           // known caller, not allowed
	CodeNotFound           Code = "not_found"           // unknown, or of another tenant: one answer for both
	CodeUnprocessable      Code = "unprocessable"       // well-formed, against a rule
	CodeConflict           Code = "conflict"            // lost too many races
	CodePreconditionFailed Code = "precondition_failed" // If-Match did not hold
	CodeTooLarge           Code = "too_large"           // body or record beyond its limit
	CodeRateLimited        Code = "rate_limited"        // quota used up
	CodeUnavailable        Code = "unavailable"         // cannot be served now; the outcome may be open
	CodeInternal           Code = "internal"            // our defect
)

// FieldError names one offending input, so that a caller can correct all of them at once.
type FieldError struct {
	Field  string `json:"field"`  // path of the input, for example "users[2]" or "startTime"
	Detail string `json:"detail"` // what was wrong and what to do
}

// Error is what every layer returns for a failure that a person will read.
type Error struct {
	Code    Code
	Message string       // a sentence for people: what was wrong and what to do
	Fields  []FieldError // optional detail per input

	// CommandID is set when the outcome of a command is open ([CodeUnavailable] after the record was
	// handed to the log): repeating the request with it as Idempotency-Key gives the outcome.
	CommandID string
	// RequestID names the request that the API refused, for callers of the API.
	RequestID string
	// RetryAfter is in seconds; 0 means no advice.
	RetryAfter int
}

// Error implements error.
func (e *Error) Error() string { return string(e.Code) + ": " + e.Message }

// Is reports two errors as equal when code and message are, so that sentinels made with
// [NewError] can be compared by errors.Is.
func (e *Error) Is(target error) bool {
	var t *Error
	return errors.As(target, &t) && t.Code == e.Code && t.Message == e.Message
}

// NewError makes an [Error] with a formatted message.
func NewError(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// maxFields is the number of fields that an [Error] names: a body full of mistakes is answered with
// the first ones, not with a longer body.
const maxFields = 100

// WithField returns a copy of e with one more [FieldError], as long as it has fewer than [maxFields].
func (e *Error) WithField(field, detail string) *Error {
	if len(e.Fields) >= maxFields {
		return e
	}
	c := *e
	c.Fields = append(append([]FieldError(nil), e.Fields...), FieldError{Field: field, Detail: detail})
	return &c
}

// InvalidField is an [Error] about one input of a malformed request.
func InvalidField(field, detail string) *Error {
	return NewError(CodeInvalid, "The request is not well-formed: %s %s.", field, detail).WithField(field, detail)
}

// FieldErrors collects what is wrong with the inputs of a request, so that a caller can correct all of them at once.
type FieldErrors struct {
	Count  int // of all inputs with a fault, listed or not
	fields []FieldError
}

// Addf names an input, the first time that something is wrong with it.
func (e *FieldErrors) Addf(field, format string, args ...any) {
	if slices.ContainsFunc(e.fields, func(named FieldError) bool { return named.Field == field }) {
		return
	}
	if e.Count++; e.Count > maxFields {
		return
	}
	e.fields = append(e.fields, FieldError{Field: field, Detail: fmt.Sprintf(format, args...)})
}

// HexID reads an id of 24 hex digits, in lower case; one that is malformed is noted, and "".
func (e *FieldErrors) HexID(field, value string) string {
	id, ok := HexID(value)
	if !ok {
		e.Addf(field, "is not an id: use 24 hex digits")
		return ""
	}
	return id
}

// Err returns an [Error] that names the inputs, nil if there are none.
func (e *FieldErrors) Err() error {
	switch len(e.fields) {
	case 0:
		return nil
	case 1:
		return InvalidField(e.fields[0].Field, e.fields[0].Detail)
	}
	invalid := NewError(CodeInvalid, "The request is not well-formed in %d places; see errors.", e.Count)
	invalid.Fields = e.fields
	return invalid
}

// CodeOf returns the code of the first [Error] in err's chain, and [CodeInternal] for any other error.
func CodeOf(err error) Code {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return CodeInternal
}

// AccessRefused reports whether err says that the caller has no access, now that it was looked at. Any other
// failure of such a look is a passing fault, and says nothing.
func AccessRefused(err error) bool {
	switch CodeOf(err) { //nolint:exhaustive // the others are one case
	case CodeUnauthenticated, CodeForbidden, CodeNotFound:
		return true
	default:
		return false
	}
}

// Sentinels that several layers compare with.
var (
	// ErrMainAccount answers a PUT on the caller's own main account (rule 1); the
	// text is the old system's, which frontends show.
	ErrMainAccount = NewError(CodeForbidden, "You cannot update dashboard settings of main account")
	// ErrDashboardNotFound is the one answer for an unknown sub-account and for one of another agency.
	ErrDashboardNotFound = NewError(CodeNotFound, "There is no such dashboard. Check the sub-account id.")
)
