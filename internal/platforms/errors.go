package platforms

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/ledgerboard/ledgerboard/domain"
)

// About is what an [Error] is about. It changes nothing for anything else.
type About string

// What errors are about, from the narrowest to the widest.
const (
	AboutObject   About = "object"   // one post, page of a list, metric, or part of a reading
	AboutAccount  About = "account"  // one page or profile
	AboutGrant    About = "grant"    // what one person granted to one app
	AboutApp      About = "app"      // one of our apps: the operator must act
	AboutPlatform About = "platform" // all calls to the platform
)

// Sentinel errors.
var (
	// ErrNoRefresh is returned by [Client.Refresh] for a token that cannot be refreshed: Facebook
	// page tokens do not expire, and LinkedIn issues refresh tokens only to approved partners. When
	// such a token becomes invalid, a person must sign in again.
	ErrNoRefresh = errors.New("the token cannot be refreshed: the person must sign in again")
	// ErrNoHandler is returned by [Set.For] for a platform without a client.
	ErrNoHandler = errors.New("no client for this platform")
)

// Error is a failure of a platform call. It never contains a token or a URL. The Error method omits
// the platform's message, which may name people: errors end up in logs, and in events that are kept
// forever.
type Error struct {
	Reason          domain.StatusCode // what people must do about it
	About           About             // "": see [AboutOf]
	Platform        domain.Platform
	Op              string        // our name of the call, for example "page_insights"
	Status          int           // HTTP status; 0 without an answer
	Code            string        // the platform's code ("190") or ours ("timeout"); may be ""
	Subcode         int           // Meta's error_subcode or LinkedIn's serviceErrorCode; otherwise 0
	Message         string        // our explanation; "" if the code is sufficient
	PlatformMessage string        // the platform's message without tokens, at most 300 characters
	RetryAfter      time.Duration // always set for throttled; otherwise only if the platform reported it

	cause   error // context.Canceled or context.DeadlineExceeded of the caller only
	assumed bool  // see [Assumed]
}

// Kind returns the kind of the reason, see [domain.StatusCode.Kind]. Programs decide by it.
func (e *Error) Kind() domain.StatusCode { return e.Reason.Kind() }

// Error implements error.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s: %s", e.Platform, e.Op, e.Reason)
	if e.Status != 0 {
		fmt.Fprintf(&b, " (HTTP %d", e.Status)
		if e.Code != "" {
			fmt.Fprintf(&b, ", code %s", e.Code)
		}
		if e.Subcode != 0 {
			fmt.Fprintf(&b, "/%d", e.Subcode)
		}
		b.WriteString(")")
	}
	if e.Message != "" {
		b.WriteString(": " + e.Message)
	}
	return b.String()
}

// PlatformMessage returns the platform's message about a failure, or "". The message may name
// people: store it only in the schema `kept`, where it is deleted after a time, and show it only in
// the terminal of the person who ran the command.
func PlatformMessage(err error) string { return errorIn(err).PlatformMessage }

// Unwrap returns the caller's context error if that was the cause.
func (e *Error) Unwrap() error { return e.cause }

// StatusCodeOf returns the reason of the first [Error] in err's chain, otherwise "".
func StatusCodeOf(err error) domain.StatusCode { return errorIn(err).Reason }

// KindOf returns the kind of the reason of the first [Error] in err's chain, otherwise "".
func KindOf(err error) domain.StatusCode { return errorIn(err).Kind() }

// AnswerOf identifies the platform's answer in the first [Error] in err's chain; nil without one.
func AnswerOf(err error) *domain.PlatformAnswer {
	e := asError(err)
	if e == nil {
		return nil
	}
	return &domain.PlatformAnswer{Call: e.Op, Code: e.Code, Subcode: e.Subcode, Status: e.Status}
}

// AboutOf returns what the first [Error] in err's chain is about, or "" without one. A call that
// the caller canceled or that this program refused says nothing about what it asked for.
func AboutOf(err error) About {
	e := errorIn(err)
	switch {
	case e.About != "" || e.Reason == "":
		return e.About
	case IsCanceled(err) || Refused(err):
		return AboutPlatform
	case e.Kind() == domain.StatusRefused:
		return AboutGrant
	case e.Kind() == domain.StatusBlocked, e.Kind() == domain.StatusThrottled:
		return AboutAccount
	}
	switch placeOf(e.Op) {
	case placeAccount:
		return AboutAccount
	case placeSignIn, placeRenewal:
		return AboutGrant
	default:
		return AboutObject
	}
}

// Assumed reports whether an error is only assumed to be about the account: the posts of a call
// failed, and none was answered. Other posts may be.
func Assumed(err error) bool { return errorIn(err).assumed }

// beyondObject reports whether an error is about more than the object that a call asked for, so
// that the calls for other objects would fail too.
func beyondObject(err error) bool { return err != nil && AboutOf(err) != AboutObject }

// asError returns the first Error in err's chain, or nil.
func asError(err error) *Error {
	e, _ := errors.AsType[*Error](err)
	return e
}

// errorIn returns the first Error in err's chain, or an empty one.
func errorIn(err error) *Error { return cmp.Or(asError(err), new(Error)) }

// Our own codes, for failures without a platform code.
const (
	codeTooLarge  = "body_too_large"
	codeMalformed = "malformed_answer"
	codeNetwork   = "network"
	codeTimeout   = "timeout"
	codeWrongID   = "wrong_account"
	codeNoWayOn   = "no_way_on"
)

// CodeCanceled is the code of a call that its caller canceled.
const CodeCanceled = "canceled"

// Codes of refusals by this program: the call was not made (see [Admit]).
const (
	CodeQuota   = "own_quota" // the configured budget is used up for now
	CodeBreaker = "breaker"   // the platform failed too often and is not called for a while
)

// Refuse returns the error with which an [Admit] refuses a call.
func Refuse(reason domain.StatusCode, code, message string, retryAfter time.Duration) error {
	return &Error{Reason: reason, Code: code, Message: message, RetryAfter: max(retryAfter, 0)}
}

// Refused reports whether this program, not the platform, refused the call.
func Refused(err error) bool {
	e := errorIn(err)
	return e.Status == 0 && (e.Code == CodeQuota || e.Code == CodeBreaker)
}

// Unsent reports whether the request or the token was found invalid before the platform was called.
func Unsent(err error) bool {
	e := errorIn(err) // network failures and failed answers have a code
	return e.Status == 0 && e.Code == "" && (e.Kind() == domain.StatusInvalid || e.Kind() == domain.StatusRefused)
}

// IsCanceled reports whether the caller canceled the call.
func IsCanceled(err error) bool {
	e := errorIn(err)
	return e.Code == CodeCanceled || e.cause != nil
}

func malformed() *Error {
	return &Error{Reason: domain.StatusRetry, Code: codeMalformed, Message: "the answer is not the expected JSON"}
}

// checkAccount returns an error unless an answer is about the requested account. An answer without
// an ID is malformed and says nothing about the token.
func checkAccount(p domain.Platform, op, want string, got ...text) error {
	switch {
	case slices.Contains(got, text(want)):
		return nil
	case slices.ContainsFunc(got, func(id text) bool { return id != "" }):
		return wrongAccount(p, op)
	default:
		return incompleteAnswer(p, op, "the answer does not name its account")
	}
}

// incompleteAnswer returns the error for an answer that lacks the requested content, which does not
// mean that the platform has none.
func incompleteAnswer(p domain.Platform, op, message string) *Error {
	return &Error{Reason: domain.StatusRetry, Code: codeMalformed, Platform: p, Op: op, Message: message}
}

// NoWayOn returns the error for a page that says that its list goes on, and not how. Such a page is
// not the last one.
func NoWayOn(p domain.Platform, op string) *Error {
	const message = "the list goes on, but the answer does not say how"
	return &Error{Reason: domain.StatusRetry, Code: codeNoWayOn, About: AboutObject, Platform: p, Op: op, Message: message}
}

// wrongAccount returns the error for an answer about another account, which must not be recorded.
func wrongAccount(p domain.Platform, op string) *Error {
	const message = "the token belongs to an account other than the connected one"
	return &Error{
		Reason: domain.StatusWrongAccount, Code: codeWrongID, Platform: p, Op: op, Message: message,
	}
}

// WrongAccount reports whether a call failed because the token belongs to another account.
func WrongAccount(err error) bool { return errorIn(err).Code == codeWrongID }

func invalid(p domain.Platform, op, format string, args ...any) *Error {
	return &Error{Reason: domain.StatusInvalid, Platform: p, Op: op, Message: fmt.Sprintf(format, args...)}
}

// networkError keeps only a context error as the cause: url.Error prints the whole URL, which may
// contain a token.
func networkError(ctx context.Context, err error) *Error {
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return &Error{Reason: domain.StatusRetry, Code: CodeCanceled, Message: "the call was canceled", cause: context.Canceled}
	case ctx.Err() != nil:
		return &Error{
			Reason: domain.StatusRetry, Code: codeTimeout, Message: "the caller's deadline passed",
			cause: context.DeadlineExceeded,
		}
	case errors.Is(err, context.DeadlineExceeded):
		return &Error{Reason: domain.StatusRetry, Code: codeTimeout, Message: "no complete answer within the time limit"}
	default:
		return &Error{Reason: domain.StatusRetry, Code: codeNetwork, Message: "no complete answer: the connection failed"}
	}
}

const (
	redacted   = "[redacted]"
	maxMessage = 300 // characters of a platform's message that are kept
)

var tokenLike = regexp.MustCompile(`[A-Za-z0-9_|.!~%-]{20,}`)

// scrub removes the secrets of the call and everything that looks like a token from a platform's
// message: Meta quotes a malformed token.
func scrub(text string, secrets ...string) string {
	for _, secret := range secrets {
		if secret == "" {
			continue
		}
		text = strings.ReplaceAll(text, secret, redacted)
		text = strings.ReplaceAll(text, url.QueryEscape(secret), redacted)
	}
	text = tokenLike.ReplaceAllStringFunc(text, func(run string) string {
		if looksSecret(run) {
			return redacted
		}
		return run
	})
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
	if runes := []rune(text); len(runes) > maxMessage {
		text = string(runes[:maxMessage]) + "…"
	}
	return text
}

// codeLike matches platform codes. Other text in place of a code may name people.
var codeLike = regexp.MustCompile(`^[A-Za-z0-9_.:-]{1,64}$`)

func cleanCode(code string) string {
	if code == "" || code == redacted || codeLike.MatchString(code) {
		return code
	}
	return "unreadable"
}

// looksSecret relies on the format: metric names are lower case, IDs are digits, and tokens contain
// both digits and capital letters.
func looksSecret(run string) bool {
	return strings.ContainsFunc(run, unicode.IsUpper) && strings.ContainsFunc(run, unicode.IsDigit)
}

func mask(secret string) string {
	if secret == "" {
		return "none"
	}
	return redacted
}
