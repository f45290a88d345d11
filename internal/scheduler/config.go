package scheduler

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/riverqueue/river"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg"
)

// Schema is where River's tables live.
const Schema = "river"

// DefaultDrainTimeout is how long jobs under way have at the stop, unless [Config] says otherwise.
const DefaultDrainTimeout = 20 * time.Second

// MinEvery is the shortest time between two looks at what is due.
const MinEvery = time.Second

// Config is what a [Scheduler] is made of. DatabaseURL, Every, Due, Claim, Work and Release are required.
type Config struct {
	DatabaseURL string // a pool of the scheduler's own is opened and closed by Run

	Every     map[string]time.Duration // by kind of fetching: how often to look for what is due; a kind that is not in it does not run
	Platforms []domain.Platform        // nil: all

	// Due names what is due and may be read until the next look, the most overdue first. What the quota has no room for it
	// leaves out: that stays due.
	Due func(ctx context.Context, queue domain.FetchQueue, every time.Duration) ([]domain.DueAccount, error)

	// Claim claims, in the transaction, those of them that nobody else has claimed meanwhile.
	Claim func(ctx context.Context, tx pgx.Tx, queue domain.FetchQueue, due []domain.DueAccount, lasts time.Duration) (domain.FetchClaim, error)

	// Work reads what is claimed. Its context ends with the claim or with the process: it should begin with what is most
	// overdue, because what it did not reach is due again. The error is of our own side.
	Work func(ctx context.Context, claim domain.FetchClaim) error

	// Release gives back what of a claim has no result, so that nobody waits for the claim's end.
	Release func(ctx context.Context, claim domain.FetchClaim) error

	// Ready is asked before anything: until it is true nothing is inserted and nothing runs. When it
	// turns false later, no job begins until it is true again. Nil: always ready.
	Ready func() bool

	// Paused tells whether an operator has paused the fetching of a platform. It is asked before each claim and
	// job of the platform, and every second while a job runs, whose context ends then: what it did not reach is
	// due after the pause. Nil: nothing is ever paused.
	Paused func(ctx context.Context, platform domain.Platform) (bool, error)

	// Pictures takes the pictures of posts that are wanted, some at a time: a job of its own, of which one runs at a time. The error is of
	// our own side. Nil: this process takes none.
	Pictures func(ctx context.Context) error

	MaxWorkers   int           // jobs at once of each kind and platform in this process; 4
	ClaimFor     time.Duration // how long a claim lasts: after a crash its connections are due again then; ten times Every, 1 to 5 min
	DrainTimeout time.Duration // how long Run lets jobs finish when it is to end; 20 s

	Logger     *slog.Logger          // nil: slog.Default()
	Registerer prometheus.Registerer // nil: metrics are kept but not exposed

	connect     func(context.Context) (*pgxpool.Pool, error) // tests hand in a database that fails at first
	adjust      func(*river.Config)                          // tests only
	beginWithin time.Duration                                // tests shorten it
	hardStop    time.Duration                                // tests shorten it
}

func (c Config) withDefaults() Config {
	if c.Platforms == nil {
		c.Platforms = domain.Platforms()
	}
	if c.Ready == nil {
		c.Ready = func() bool { return true }
	}
	if c.Paused == nil {
		c.Paused = func(context.Context, domain.Platform) (bool, error) { return false, nil }
	}
	c.MaxWorkers, c.Logger = cmp.Or(c.MaxWorkers, DefaultMaxWorkers), cmp.Or(c.Logger, slog.Default())
	c.DrainTimeout = cmp.Or(c.DrainTimeout, DefaultDrainTimeout)
	c.hardStop, c.beginWithin = cmp.Or(c.hardStop, hardStop), cmp.Or(c.beginWithin, beginWithin)
	if c.connect == nil {
		c.connect = func(ctx context.Context) (*pgxpool.Pool, error) {
			return pg.Open(ctx, pg.Config{URL: c.DatabaseURL, SearchPath: []string{Schema}, Name: "scheduler", MaxConns: Conns})
		}
	}
	if c.adjust == nil {
		c.adjust = func(*river.Config) {}
	}
	return c
}

// validate reports everything that is wrong at once.
func (c Config) validate() error {
	var errs []error
	refuse := func(wrong bool, format string, args ...any) {
		if wrong {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	refuse(c.DatabaseURL == "", "DatabaseURL is missing")
	refuse(c.Due == nil || c.Claim == nil || c.Work == nil || c.Release == nil, "Due, Claim, Work or Release is missing")
	refuse(c.MaxWorkers < 1 || c.MaxWorkers > river.QueueNumWorkersMax, "MaxWorkers must be 1 to %d", river.QueueNumWorkersMax)
	refuse(len(c.Every) == 0, "no kind is scheduled")
	for kind, every := range c.Every {
		refuse(every < MinEvery, "kind %q: looking every %s is too often; use %s or more", kind, every, MinEvery)
	}
	return errors.Join(errs...)
}
