package platforms

import (
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

// Class says what to do about an [Error].
type Class string

// The classes.
const (
	ClassReconnect         Class = "reconnect"          // the token is dead: a person must sign in again
	ClassPermission        Class = "permission"         // a scope or role is missing; other reads may work
	ClassThrottled         Class = "throttled"          // leave the account alone for RetryAfter
	ClassRetry             Class = "retry"              // a hiccup of the platform or the network
	ClassUnsupportedMetric Class = "unsupported_metric" // the metric is retired or not for this object
	ClassNotFound          Class = "not_found"          // deleted, or invisible to this token
	ClassBlocked           Class = "blocked"            // blocked for policy: stop
	ClassNoData            Class = "no_data"            // the object has no such data (too few viewers, too old); the token is fine
	ClassInvalid           Class = "invalid"            // our request or configuration is wrong; repeating it does not help
)

// Sentinels.
var (
	// ErrNoRefresh answers Refresh where there is none: Facebook page tokens do not expire, LinkedIn gives refresh
	// tokens to approved partners only. Such a token is good until it ends; then only a person can sign in again.
	ErrNoRefresh = errors.New("there is no token refresh: the person must sign in again")
	// ErrNoHandler answers [Set.For] for a platform without a client.
	ErrNoHandler = errors.New("no client for this platform")
)

// Error is every failure of a platform. It never contains a token or an address, and its text never the platform's words:
// they name people, and errors end in logs and events, some of which are kept for ever.
type Error struct {
	Class      Class
	Platform   domain.Platform
	Op         string        // our name of the call, for example "page_insights"
	Status     int           // HTTP; 0 when there was no answer
	Code       string        // the platform's code as text ("190", "rate_limit_exceeded"); "" without one
	Subcode    int           // Meta's error_subcode, LinkedIn's serviceErrorCode; 0 without one
	Message    string        // ours: what was wrong; "" where the code says it
	Words      string        // the platform's, tokens removed, at most 300 characters; for [Words] alone
	RetryAfter time.Duration // from now; set for throttled, 0 elsewhere unless the platform said so

	cause error // context.Canceled or context.DeadlineExceeded of the caller, nothing else
}

// Error implements error.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s: %s", e.Platform, e.Op, e.Class)
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

// Words are the platform's own about a failure, "" without any. They may name people: they go to schema kept, where they end
// with their time, and to the terminal of who asks, nowhere else.
func Words(err error) string {
	if e := asError(err); e != nil {
		return e.Words
	}
	return ""
}

// detail says in our words why something is missing.
func (e *Error) detail() string {
	switch {
	case e.Message != "":
		return e.Message
	case e.Subcode != 0:
		return fmt.Sprintf("the platform answered with code %s/%d", e.Code, e.Subcode)
	case e.Code != "":
		return "the platform answered with code " + e.Code
	default:
		return "the platform refused it"
	}
}

// Unwrap gives the caller's context error, when that was the reason.
func (e *Error) Unwrap() error { return e.cause }

// ClassOf returns the class of the first [Error] in err's chain, "" when there is none.
func ClassOf(err error) Class {
	if e := asError(err); e != nil {
		return e.Class
	}
	return ""
}

// wholeConnection says that an error concerns more than the one object at hand.
func wholeConnection(err error) bool {
	return slices.Contains([]Class{ClassReconnect, ClassBlocked, ClassThrottled, ClassRetry}, ClassOf(err))
}

func asError(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return nil
}

// Codes of our own, where the platform gave none.
const (
	codeTooLarge  = "body_too_large"
	codeMalformed = "malformed_answer"
	codeNetwork   = "network"
	codeTimeout   = "timeout"
	codeWrongID   = "wrong_account"
)

// CodeCancelled is the code of a call that its caller gave up.
const CodeCancelled = "cancelled"

// Codes of refusals: our own program did not make the call (see [Admit]).
const (
	CodeQuota   = "own_quota" // the budget that the configuration gives has no room now
	CodeBreaker = "breaker"   // the platform failed so often that it is left alone for a while
)

// Refuse is what an [Admit] answers instead of letting a call through.
func Refuse(class Class, code, message string, retryAfter time.Duration) error {
	return &Error{Class: class, Code: code, Message: message, RetryAfter: max(retryAfter, 0)}
}

// Refused tells whether our own program did not make the call, as against a refusal by the platform.
func Refused(err error) bool {
	e := asError(err)
	return e != nil && e.Status == 0 && (e.Code == CodeQuota || e.Code == CodeBreaker)
}

// Unsent tells whether our own program found the request wrong, or the token, before it asked the platform. What goes
// wrong on the way, or with an answer, has a code.
func Unsent(err error) bool {
	e := asError(err)
	return e != nil && e.Status == 0 && e.Code == "" && (e.Class == ClassInvalid || e.Class == ClassReconnect)
}

// Cancelled tells whether the caller gave the call up.
func Cancelled(err error) bool {
	e := asError(err)
	return e != nil && (e.Code == CodeCancelled || e.cause != nil)
}

// malformed is an answer that is not what was expected: asked again, it may be.
func malformed() *Error {
	return &Error{Class: ClassRetry, Code: codeMalformed, Message: "the answer is not the JSON that was expected"}
}

// about checks whom an answer is about, by the ids that it holds. One without an id is odd, and says
// nothing about the token; one with another account's id must not be recorded.
func about(p domain.Platform, op, want string, got ...text) error {
	switch {
	case slices.Contains(got, text(want)):
		return nil
	case slices.ContainsFunc(got, func(id text) bool { return id != "" }):
		return wrongAccount(p, op)
	default:
		return untold(p, op, "the answer does not say whom it is about")
	}
}

// untold refuses an answer that does not say what it is asked for: absent is not none.
func untold(p domain.Platform, op, message string) *Error {
	return &Error{Class: ClassRetry, Code: codeMalformed, Platform: p, Op: op, Message: message}
}

// wrongAccount refuses an answer that is about somebody else: recording it would give an account the
// figures of another one.
func wrongAccount(p domain.Platform, op string) *Error {
	const message = "the token belongs to another account than the one connected"
	return &Error{Class: ClassReconnect, Code: codeWrongID, Platform: p, Op: op, Message: message}
}

// WrongAccount tells whether the token was of another account than the one it was used for.
func WrongAccount(err error) bool {
	e := asError(err)
	return e != nil && e.Code == codeWrongID
}

// invalid is a request that must not be sent.
func invalid(p domain.Platform, op, format string, args ...any) *Error {
	return &Error{Class: ClassInvalid, Platform: p, Op: op, Message: fmt.Sprintf(format, args...)}
}

// networkError turns a failure without an answer into an [Error]. Only a context error is kept as
// the cause: url.Error prints the whole address, which may carry a token.
func networkError(ctx context.Context, err error) *Error {
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return &Error{Class: ClassRetry, Code: CodeCancelled, Message: "the call was cancelled", cause: context.Canceled}
	case ctx.Err() != nil:
		return &Error{Class: ClassRetry, Code: codeTimeout, Message: "the caller's deadline passed", cause: context.DeadlineExceeded}
	case errors.Is(err, context.DeadlineExceeded):
		return &Error{Class: ClassRetry, Code: codeTimeout, Message: "no complete answer within the time limit"}
	default:
		return &Error{Class: ClassRetry, Code: codeNetwork, Message: "no complete answer: the connection failed"}
	}
}

const (
	redacted   = "[redacted]"
	maxMessage = 300 // characters of a platform's message that are kept
)

// tokenLike finds runs that could be a token; [looksSecret] decides.
var tokenLike = regexp.MustCompile(`[A-Za-z0-9_|.!~%-]{20,}`)

// scrub makes a platform's words safe to keep: Meta repeats a malformed token in its message. The
// secrets of the call go wherever they stand, and so does whatever looks like a token.
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

// codeLike is what a platform's code looks like; a sentence in its place may name people.
var codeLike = regexp.MustCompile(`^[A-Za-z0-9_.:-]{1,64}$`)

// cleanCode is a code, or that there was something else in its place.
func cleanCode(code string) string {
	if code == "" || code == redacted || codeLike.MatchString(code) {
		return code
	}
	return "unreadable"
}

// looksSecret: metric names are lower case, ids are digits; tokens mix digits with capitals.
func looksSecret(run string) bool {
	return strings.ContainsFunc(run, unicode.IsUpper) && strings.ContainsFunc(run, unicode.IsDigit)
}

func mask(secret string) string {
	if secret == "" {
		return "none"
	}
	return redacted
}
