package scheduler

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/riverqueue/river"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg"
)

// Schema is where River's tables live.
const Schema = "river"

// Job is one shard of one platform in one slot, or one connection of it that is tried again by itself.
type Job struct {
	domain.FetchSlot

	Shard      int   // from 0
	Connection int64 // 0: the whole shard
}

// Defaults of [Config].
const (
	DefaultMaxWorkers     = 4                // jobs at a time
	DefaultDrainTimeout   = 20 * time.Second // for jobs under way at the stop
	defaultAttemptTimeout = 5 * time.Minute
)

// Config is what a [Scheduler] is made of. DatabaseURL, Every, Shards and Work are required.
type Config struct {
	DatabaseURL string // a pool of the scheduler's own is opened and closed by Run

	Every     map[string]Schedule // by kind of fetching; a kind that is not in it does not run
	Platforms []domain.Platform   // nil: all

	// Shards divides what is due in a slot, which lasts so long, into shards and returns their number; lower
	// ones are worked first. It is called once for each slot, but once more when that call, or what followed, has failed.
	Shards func(ctx context.Context, slot domain.FetchSlot, lasts time.Duration) (int, error)

	// Work does one job. Its context ends with the slot, with AttemptTimeout or with the process: it
	// should begin with what is most overdue, because what it did not reach is left to the next slot.
	// The same job may be given again (after an error, a timeout or a crash), so what is done already
	// must be found out from its effects. An error is retried with back-off while the slot lasts; one
	// made by [RetryAfter] when it says; a panic is an error. One made by [RetryConnections] names
	// connections each of which becomes a job of its own.
	Work func(ctx context.Context, job Job) error

	// Ready is asked before anything: until it is true nothing is inserted and nothing runs. When it
	// turns false later, no job begins until it is true again. Nil: always ready.
	Ready func() bool

	// Paused tells whether an operator has paused the fetching of a platform. It is asked before each plan and
	// job of the platform, which wait meanwhile, and every second while a job runs, whose context ends then:
	// what it did not reach is worked after the pause, when the slot still lasts. Nil: nothing is ever paused.
	Paused func(ctx context.Context, platform domain.Platform) (bool, error)

	MaxWorkers     int           // jobs at once of each kind and platform in this process; 4
	AttemptTimeout time.Duration // the longest a job runs; after a crash it is repeated somewhat later than that; 5 min
	DrainTimeout   time.Duration // how long Run lets jobs finish when it is to end; 20 s

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
	c.AttemptTimeout, c.DrainTimeout = cmp.Or(c.AttemptTimeout, defaultAttemptTimeout), cmp.Or(c.DrainTimeout, DefaultDrainTimeout)
	c.hardStop, c.beginWithin = cmp.Or(c.hardStop, hardStop), cmp.Or(c.beginWithin, beginWithin)
	if c.connect == nil {
		c.connect = func(ctx context.Context) (*pgxpool.Pool, error) {
			return pg.Open(ctx, pg.Config{URL: c.DatabaseURL, SearchPath: []string{Schema}, Name: "scheduler", MaxConns: poolConns})
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
	refuse(c.Shards == nil, "Shards is missing")
	refuse(c.Work == nil, "Work is missing")
	refuse(c.MaxWorkers < 1 || c.MaxWorkers > river.QueueNumWorkersMax, "MaxWorkers must be 1 to %d", river.QueueNumWorkersMax)
	refuse(len(c.Every) == 0, "no kind is scheduled")
	for kind, schedule := range c.Every {
		refuse(schedule == Schedule{}, "kind %q: schedule is missing", kind)
	}
	return errors.Join(errs...)
}
