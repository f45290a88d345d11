package collect

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ledgerboard/ledgerboard/domain"
)

// ReadOne reads one claimed account whatever its state is, and says why it was not read.
func (c *Collector) ReadOne(ctx context.Context, claim domain.FetchClaim) error {
	round, err := c.newRound(ctx, claim)
	if err != nil {
		return err
	}
	ctx, f, err := round.begin(ctx, claim.Tasks[0])
	err = round.readOne(ctx, f, err)
	if flushed := round.flush(ctx); err == nil {
		err = flushed
	}
	return err
}

// ClaimSize is the maximum number of connections per claim.
const ClaimSize = claimSize

// MaxWorkers is the maximum number of claims that are read concurrently.
const MaxWorkers = maxWorkers

// ErrStuck means that work did not end although its context was canceled.
var ErrStuck = errStuck

// Scheduler is a scheduler with another queue and other work than those of a [Collector].
type Scheduler struct {
	Schedule

	Claim      func(ctx context.Context, wanted domain.FetchWanted) (domain.FetchClaim, error)
	Look       func(ctx context.Context, queue domain.FetchQueue) error
	Work       func(ctx context.Context, claim domain.FetchClaim) (wait time.Duration, err error)
	Release    func(ctx context.Context, claim domain.FetchClaim) error
	Registerer prometheus.Registerer
}

// Run is [Collector.Run].
func (s Scheduler) Run(ctx context.Context) error {
	all := scheduler{
		s.Schedule, newMetrics(s.Registerer), &pauses{list: s.Pauses}, slog.New(slog.DiscardHandler), s.Claim, s.Look, s.Work, s.Release,
	}
	return all.run(ctx)
}

// ForgetLag is what the check of a queue does while its platform is paused.
func (c *Collector) ForgetLag(paused domain.Platform) {
	pause := []domain.Pause{{Kind: domain.PausePlatform, Name: paused.String()}}
	s := scheduler{metrics: c.metrics, paused: &pauses{
		list: func(context.Context) ([]domain.Pause, error) { return pause, nil },
	}}
	for _, kind := range []string{domain.FetchAccounts, domain.FetchPosts, domain.FetchTokens} {
		s.blocked(context.Background(), domain.FetchQueue{Kind: kind, Platform: paused})
	}
}
