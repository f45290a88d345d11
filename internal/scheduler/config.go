package scheduler

import (
	"cmp"
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ledgerboard/ledgerboard/domain"
)

const (
	// DefaultDrainTimeout is the default time for running readings to finish when the scheduler
	// stops.
	DefaultDrainTimeout = 20 * time.Second
	// maxWorkers is how many claims per kind and platform a process reads concurrently.
	maxWorkers = 4
	// MinEvery is the shortest interval between two checks for due accounts.
	MinEvery = time.Second
	// hardStop is how long Run waits for work with a canceled context. The renewal of a token is
	// not interrupted: a call to the platform takes up to 15 s, storing its result up to 9 s more.
	hardStop = 25 * time.Second
)

// How long a claim lasts, as a number of check intervals.
const (
	longestClaim  = 5 * time.Minute
	shortestClaim = time.Minute
	looksInAClaim = 10
)

// Config configures a [Scheduler].
type Config struct {
	Every map[string]time.Duration // interval of checks for due accounts by kind; kinds without an entry do not run

	// Due lists the accounts that are due and may be read until the next check, the most overdue
	// first. It omits accounts for which there is no quota; they remain due.
	Due func(ctx context.Context, queue domain.FetchQueue, every time.Duration) ([]domain.DueAccount, error)

	// Claim claims the accounts that no other process has claimed or read in the meantime.
	Claim func(ctx context.Context, queue domain.FetchQueue, due []domain.DueAccount, lasts time.Duration) (domain.FetchClaim, error)

	// Work reads the claimed accounts. Its context ends with the claim or the process. It should
	// start with the most overdue accounts, because the accounts that it does not reach are due
	// again. An error is a failure on our side.
	Work func(ctx context.Context, claim domain.FetchClaim) error

	// Release releases the accounts of a claim that have no result, so that they can be claimed
	// before the claim ends.
	Release func(ctx context.Context, claim domain.FetchClaim) error

	// Woken returns a channel that is closed when accounts of the queue become due.
	Woken func(queue domain.FetchQueue) <-chan struct{}

	// Ready is checked first: nothing is claimed until it returns true. If it returns false later,
	// no reading starts until it returns true again. Nil means always ready.
	Ready func() bool

	// Paused reports whether an operator has paused the fetching of a platform. It is called before
	// each claim and every second during a reading, whose context then ends: accounts that the
	// reading did not reach are due after the pause.
	Paused func(ctx context.Context, platform domain.Platform) (bool, error)

	// Pictures downloads wanted pictures of posts, a few at a time. An error is a failure on our
	// side. Nil means that this process downloads none.
	Pictures func(ctx context.Context) error

	DrainTimeout time.Duration // time for readings to finish when Run stops; default 20 s

	Logger     *slog.Logger          // nil: slog.Default()
	Registerer prometheus.Registerer // nil: metrics are kept but not exposed
}

func (c Config) withDefaults() Config {
	if c.Ready == nil {
		c.Ready = func() bool { return true }
	}
	c.Logger, c.DrainTimeout = cmp.Or(c.Logger, slog.Default()), cmp.Or(c.DrainTimeout, DefaultDrainTimeout)
	return c
}

// claimFor returns how long claims of a kind last: after a crash, their connections are due again
// after this time.
func (c Config) claimFor(kind string) time.Duration {
	return min(max(looksInAClaim*c.Every[kind], shortestClaim), longestClaim)
}
