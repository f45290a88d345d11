package scheduler

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
)

// Quick makes River look for jobs sooner than in production, so that tests wait less.
func Quick(c Config) Config {
	c.adjust = func(r *river.Config) {
		r.TestOnly = true // no staggered start of maintenance
		r.FetchCooldown = 10 * time.Millisecond
		r.FetchPollInterval = 50 * time.Millisecond
	}
	return c
}

// WithBounds has a start given up, and work that ignores its end, after other times.
func WithBounds(c Config, beginWithin, hardStop time.Duration) Config {
	c.beginWithin, c.hardStop = beginWithin, hardStop
	return c
}

// WithPool has a pool used instead of one that DatabaseURL gives.
func WithPool(c Config, pool *pgxpool.Pool) Config {
	c.connect = func(context.Context) (*pgxpool.Pool, error) { return pool, nil }
	return c
}
