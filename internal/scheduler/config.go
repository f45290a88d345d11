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
	// DefaultDrainTimeout is how long readings under way have at the stop, unless [Config] says otherwise.
	DefaultDrainTimeout = 20 * time.Second
	// maxWorkers is how many claims of a kind and platform a process reads at once.
	maxWorkers = 4
	// MinEvery is the shortest time between two looks at what is due.
	MinEvery = time.Second
	// hardStop is how long Run waits for work whose context was cancelled. The renewal of a token is not cut:
	// a call to the platform takes up to 15 s, storing what it gave up to 9 s more.
	hardStop = 25 * time.Second
)

// How long a claim lasts: as long as so many looks at what is due.
const (
	longestClaim  = 5 * time.Minute
	shortestClaim = time.Minute
	looksInAClaim = 10
)

// Config is what a [Scheduler] is made of.
type Config struct {
	Every map[string]time.Duration // by kind of fetching: how often to look for what is due; a kind that is not in it does not run

	// Due names what is due and may be read until the next look, the most overdue first. What the quota has no room for it
	// leaves out: that stays due.
	Due func(ctx context.Context, queue domain.FetchQueue, every time.Duration) ([]domain.DueAccount, error)

	// Claim claims those of them that nobody else has claimed or read meanwhile.
	Claim func(ctx context.Context, queue domain.FetchQueue, due []domain.DueAccount, lasts time.Duration) (domain.FetchClaim, error)

	// Work reads what is claimed. Its context ends with the claim or with the process: it should begin with what is most
	// overdue, because what it did not reach is due again. The error is of our own side.
	Work func(ctx context.Context, claim domain.FetchClaim) error

	// Release gives back what of a claim has no result, so that nobody waits for the claim's end.
	Release func(ctx context.Context, claim domain.FetchClaim) error

	// Woken returns a channel that is closed when somebody has made accounts of the queue due.
	Woken func(queue domain.FetchQueue) <-chan struct{}

	// Ready is asked before anything: until it is true nothing is claimed. When it turns false later, no reading begins until it is
	// true again. Nil: always ready.
	Ready func() bool

	// Paused tells whether an operator has paused the fetching of a platform. It is asked before each claim of the platform, and
	// every second while one is read, whose context ends then: what it did not reach is due after the pause.
	Paused func(ctx context.Context, platform domain.Platform) (bool, error)

	// Pictures takes the pictures of posts that are wanted, some at a time. The error is of our own side. Nil: this process takes none.
	Pictures func(ctx context.Context) error

	DrainTimeout time.Duration // how long Run lets readings finish when it is to end; 20 s

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

// claimFor is how long claims of a kind last: after a crash their connections are due again then.
func (c Config) claimFor(kind string) time.Duration {
	return min(max(looksInAClaim*c.Every[kind], shortestClaim), longestClaim)
}
