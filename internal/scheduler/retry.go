package scheduler

import (
	"errors"
	"fmt"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// Bounds of the pause before a retry; it doubles from the first to the second.
const (
	firstRetryPart = 30 // of the slot: 1 s in a slot of 30 s
	maxFirstRetry  = 30 * time.Second
	maxRetry       = 15 * time.Minute
)

// RetryAfter makes an error that has the job tried again after a pause, as when a platform's quota is
// used up, instead of by back-off. A pause that would end behind the slot skips the rest of the slot.
func RetryAfter(pause time.Duration, cause error) error {
	return &retryAfterError{max(pause, 0), cause}
}

type retryAfterError struct {
	pause time.Duration
	cause error
}

func (e *retryAfterError) Error() string {
	if e.cause == nil {
		return "to be tried again after " + e.pause.String()
	}
	return e.cause.Error() + " (to be tried again after " + e.pause.String() + ")"
}

func (e *retryAfterError) Unwrap() error { return e.cause }

// pauseOf returns the pause that a [RetryAfter] in err asks for.
func pauseOf(err error) (time.Duration, bool) {
	if e, ok := errors.AsType[*retryAfterError](err); ok {
		return e.pause, true
	}
	return 0, false
}

// backOff returns the pause after a failed attempt (counted from 1) of a job whose slot has the given
// length: doubling, and never so long that one pause eats a slot.
func backOff(attempt int, slot time.Duration) time.Duration {
	pause := min(slot/firstRetryPart, maxFirstRetry)
	limit := min(slot/4, maxRetry)
	for range attempt - 1 {
		if pause >= limit {
			break
		}
		pause *= 2
	}
	return min(pause, limit)
}

// RetryConnections makes an error that says: these connections of the shard are to be tried again by
// themselves. Each becomes a job of its own, unless its pause ends behind the slot; then the next slot finds
// it due. What becomes of the shard itself cause says; nil: it is done but for them.
func RetryConnections(cause error, retries ...domain.FetchRetry) error {
	return &retryConnectionsError{cause, retries}
}

type retryConnectionsError struct {
	cause   error
	retries []domain.FetchRetry
}

func (e *retryConnectionsError) Error() string {
	return errors.Join(fmt.Errorf("%d connections are to be tried again", len(e.retries)), e.cause).Error()
}

func (e *retryConnectionsError) Unwrap() error { return e.cause }
