package quota

import (
	"cmp"
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ledgerboard/ledgerboard/domain"
)

// Config is what a [Gate] is made of; Store is required.
type Config struct {
	Store  Store
	Limits []domain.Quota // nil: [DefaultLimits]
	// Share is the part of each quota that is used; the rest is for others who use the same app, and for jitter;
	// 0.9, which is also the most.
	Share float64

	BreakerOpen time.Duration // how long a platform that failed is left alone; 30 s

	// Now is the time of simulations. By default it is the present, and the store's clock counts.
	Now func() time.Time
	// Speed is how much faster than real time Now runs; default 1. For simulations with compressed time.
	Speed float64

	Registerer prometheus.Registerer // nil: metrics are kept but not exposed

	ownTime bool // Now was given
}

func (c Config) withDefaults() Config {
	if c.Limits == nil {
		c.Limits = DefaultLimits()
	}
	c.Share, c.Speed = cmp.Or(c.Share, defaultShare), cmp.Or(c.Speed, 1)
	c.BreakerOpen = cmp.Or(c.BreakerOpen, defaultBreakerOpen)
	if c.ownTime = c.Now != nil; !c.ownTime {
		c.Now = time.Now
	}
	return c
}

// Store keeps the budgets of all processes.
type Store interface {
	// Draw takes calls out of budgets: as many as all of them have, up to those that are wanted; 0 only looks. It returns what is left
	// of each. A budget has grown since it was last drawn from, up to its burst; one that was never drawn from is full, and a closed one
	// gives nothing. One without a limit gives all that is wanted while it is not closed. now is the store's own time when it is zero.
	Draw(ctx context.Context, want int, from []Budget, now time.Time) (granted int, left []Left, err error)
	// Hold closes a budget until a time, unless it is closed for longer already.
	Hold(ctx context.Context, name string, until time.Time) error
}

// Left is what a budget has.
type Left struct {
	Calls     float64
	HeldUntil time.Time // zero: it is not closed
}
