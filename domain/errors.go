package domain

import (
	"errors"
	"fmt"
	"slices"
)

// Code is the machine-readable class of an error. Package api owns the only table that maps codes
// to HTTP statuses.
type Code string

// The codes of an [Error].
const (
	CodeInvalid            Code = "invalid"             // the request is malformed
	CodeUnauthenticated    Code = "unauthenticated"     // the credentials are missing or invalid
	CodeForbidden          Code = "forbidden"           // the caller is authenticated but lacks permission
	CodeNotFound           Code = "not_found"           // it does not exist or belongs to another tenant
	CodeUnprocessable      Code = "unprocessable"       // the request is well-formed but violates a rule
	CodeConflict           Code = "conflict"            // the request conflicts with the state or a concurrent change
	CodePreconditionFailed Code = "precondition_failed" // the precondition in If-Match or If-Preview failed
	CodeTooLarge           Code = "too_large"           // the body is too large
	CodeRateLimited        Code = "rate_limited"        // the caller has exceeded its limit
	CodeUnavailable        Code = "unavailable"         // temporarily unavailable; the outcome may be unknown
	CodeInternal           Code = "internal"            // a defect of ledgerboard
)

// FieldError describes one invalid input, so that a caller can correct all of them at once.
type FieldError struct {
	Field  string `json:"field"`  // path of the input, for example "users[2]" or "startTime"
	Detail string `json:"detail"` // what was wrong and what to do
}

// Error is a failure that is shown to a person. All layers return errors of this type.
type Error struct {
	Code    Code
	Message string       // a sentence for people: what was wrong and what to do
	Fields  []FieldError // the invalid inputs; may be empty

	// CommandID is set if the outcome of a command is open ([CodeUnavailable] after the record was
	// passed to the log). Repeating the request with it as the Idempotency-Key returns the outcome.
	CommandID string
	// RequestID identifies the request that the API refused.
	RequestID string
	// RetryAfter is in seconds; 0 means no advice.
	RetryAfter int
}

// Error implements error.
func (e *Error) Error() string { return string(e.Code) + ": " + e.Message }

// Is reports whether code and message are equal, so errors.Is can compare sentinels made with
// [NewError].
func (e *Error) Is(target error) bool {
	var t *Error
	return errors.As(target, &t) && t.Code == e.Code && t.Message == e.Message
}

// NewError returns an [Error] with a formatted message.
func NewError(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// maxFields bounds the fields of an [Error]; further ones are omitted.
const maxFields = 100

// WithField returns a copy of e with one more [FieldError], or e itself if it already has
// [maxFields].
func (e *Error) WithField(field, detail string) *Error {
	if len(e.Fields) >= maxFields {
		return e
	}
	c := *e
	c.Fields = append(append([]FieldError(nil), e.Fields...), FieldError{Field: field, Detail: detail})
	return &c
}

// InvalidField returns an [Error] about one input of a malformed request.
func InvalidField(field, detail string) *Error {
	return NewError(CodeInvalid, "The request is not well-formed: %s %s.", field, detail).WithField(field, detail)
}

// FieldErrors collects the invalid inputs of a request.
type FieldErrors struct {
	Count  int // number of invalid inputs, including those that are not listed
	fields []FieldError
}

// Addf adds an error for an input. Later errors for the same input are ignored.
func (f *FieldErrors) Addf(field, format string, args ...any) {
	if slices.ContainsFunc(f.fields, func(named FieldError) bool { return named.Field == field }) {
		return
	}
	if f.Count++; f.Count > maxFields {
		return
	}
	f.fields = append(f.fields, FieldError{Field: field, Detail: fmt.Sprintf(format, args...)})
}

// HexID returns an id of 24 hex digits in lower case. If the id is malformed, it adds an error and
// returns "".
func (f *FieldErrors) HexID(field, value string) string {
	id, ok := HexID(value)
	switch {
	case ok:
		return id
	case value == "":
		f.Addf(field, "is missing: use an id of 24 hex digits")
	default:
		f.Addf(field, "is not an id: use 24 hex digits")
	}
	return ""
}

// Err returns an [Error] that names the invalid inputs, or nil if all inputs are valid.
func (f *FieldErrors) Err() error {
	switch len(f.fields) {
	case 0:
		return nil
	case 1:
		return InvalidField(f.fields[0].Field, f.fields[0].Detail)
	}
	invalid := NewError(CodeInvalid, "The request is not well-formed in %d places; see errors.", f.Count)
	invalid.Fields = f.fields
	return invalid
}

// CodeOf returns the code of the first [Error] in err's chain, and [CodeInternal] for any other
// error.
func CodeOf(err error) Code {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return CodeInternal
}

// AccessRefused reports whether err means that the caller has no access. Any other error is
// temporary and says nothing about access.
func AccessRefused(err error) bool {
	switch CodeOf(err) { //nolint:exhaustive // the others are one case
	case CodeUnauthenticated, CodeForbidden, CodeNotFound:
		return true
	default:
		return false
	}
}

// NotAppendedError is the part of an error of the log that means that a record was certainly not
// appended, and will not be.
type NotAppendedError struct {
	Reason string // the code of the brokers that refused it, such as INVALID_TIMESTAMP, or ""
}

func (n NotAppendedError) Error() string { return "nothing was appended " + n.Reason }

// Sentinel errors that several layers compare with.
var (
	// ErrMainAccount is returned for a PUT on the caller's own main account (rule 1). Frontends
	// show its text, which is that of the legacy system.
	ErrMainAccount = NewError(CodeForbidden, "You cannot update dashboard settings of main account")
	// ErrDashboardNotFound is returned for unknown sub-accounts and for those of another agency.
	ErrDashboardNotFound = NewError(CodeNotFound, "There is no such dashboard. Check the sub-account id.")
)
