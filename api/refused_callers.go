package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// CredentialError is a refusal of credentials (unauthenticated). The caller sees only the
// [domain.Error]; the log also says which part of the credentials is not as expected.
type CredentialError struct {
	public *domain.Error

	Claim          string // the claim of a token, or a word for what else is wrong; one of a few
	Expected, Came string
}

// maxCame limits a part of refused credentials in the log, in bytes.
const maxCame = 200

// Refuse returns a [*CredentialError]. Neither expected nor came may contain a token or a secret;
// they are formatted with [fmt.Sprint] and clipped.
func Refuse(claim string, expected, came any, format string, args ...any) error {
	text := func(value any) string { return domain.Storable(fmt.Sprint(value), maxCame) }
	return &CredentialError{unauthenticated(format, args...), claim, text(expected), text(came)}
}

// Error implements error.
func (c *CredentialError) Error() string {
	return fmt.Sprintf("%s (%s: expected %s, came %s)", c.public, c.Claim, c.Expected, c.Came)
}

// Unwrap returns what the caller sees.
func (c *CredentialError) Unwrap() error { return c.public }

// refusalEvery is the minimum time between two lines of the log about refusals for the same reason.
const refusalEvery = 10 * time.Second

// refusalLog logs why callers are refused. Anyone can cause refusals, so it writes at most one line
// per reason and [refusalEvery], with the number of refusals since the previous one. It is safe for
// concurrent use.
type refusalLog struct {
	logger *slog.Logger

	mu      sync.Mutex
	reasons map[string]refusalCount // reasons are few and fixed
}

type refusalCount struct {
	loggedAt time.Time
	since    int
}

// failed logs an error of an [Authenticator] whose reason the caller does not see.
func (r *refusalLog) failed(ctx context.Context, err error) {
	_, isPublic := err.(*domain.Error) //nolint:errorlint // a wrapped one has a reason besides
	if known, ok := errors.AsType[*CredentialError](err); ok {
		r.add(ctx, known.Claim, "claim", known.Claim, "expected", known.Expected, "came", known.Came)
	} else if domain.CodeOf(err) == domain.CodeUnauthenticated && !isPublic {
		r.add(ctx, "other", "error", err)
	}
}

// add counts a refusal, and logs it if that is due.
func (r *refusalLog) add(ctx context.Context, reason string, attributes ...any) {
	r.mu.Lock()
	count := r.reasons[reason]
	count.since++
	refusals, due := count.since, time.Since(count.loggedAt) >= refusalEvery
	if due {
		count = refusalCount{loggedAt: time.Now()}
	}
	r.reasons[reason] = count
	r.mu.Unlock()
	if due {
		r.logger.WarnContext(ctx, "caller refused", append(attributes, "refusals", refusals)...)
	}
}
