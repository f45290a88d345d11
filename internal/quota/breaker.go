package quota

import (
	"errors"
	"math"
	"time"

	"github.com/sony/gobreaker/v2"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

const defaultBreakerOpen = 30 * time.Second

// A breaker opens if most of at least breakerCalls calls within breakerWindow have failed. A
// platform that fails one call in twenty is still usable; one that fails most calls is down.
const (
	breakerCalls  = 20
	breakerPart   = 0.6
	breakerWindow = 10 * time.Second
	breakerProbes = 5 // calls allowed to check whether the platform is back
)

var (
	errDown    = errors.New("the platform failed")
	errNotMade = errors.New("the call was not made, or was canceled") // says nothing about the platform
)

// breaker is the circuit breaker of one platform. It uses real time, independent of Config.Now.
type breaker = gobreaker.TwoStepCircuitBreaker[struct{}]

func newBreaker(p domain.Platform, open time.Duration) *breaker {
	return gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		Name: p.String(), MaxRequests: breakerProbes, Interval: breakerWindow, Timeout: open,
		ReadyToTrip: func(c gobreaker.Counts) bool {
			return c.Requests >= breakerCalls && float64(c.TotalFailures) >= breakerPart*float64(c.Requests)
		},
		IsExcluded: func(err error) bool { return errors.Is(err, errNotMade) },
	})
}

// callsThrough returns the number of calls that a breaker allows.
func callsThrough(b *breaker) float64 {
	switch b.State() {
	case gobreaker.StateOpen:
		return 0
	case gobreaker.StateHalfOpen:
		return breakerProbes
	default:
		return math.MaxInt32
	}
}

func verdict(s platforms.CallStats) error {
	switch {
	case s.Code == platforms.CodeCanceled:
		return errNotMade
	case s.Class == platforms.ClassRetry:
		return errDown
	default:
		return nil
	}
}
