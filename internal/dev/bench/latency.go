package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/projections"
)

const (
	latencyFor   = 15 * time.Second
	latencyWarm  = 3 * time.Second
	probeEvery   = 10  // of so many events one is a probe whose arrival is timed
	probeAccount = 999 // social account of the probes
)

// latency measures, at a steady rate of readings over all partitions with all projections of the
// topic running, the time from before the append until a query sees the row. Beside it stands the
// time from append to acknowledgement, which no design can do without.
func (b *bench) latency(ctx context.Context, perSecond int, print func(result) error) error {
	log, topics, stop, err := b.eventLog(ctx, metricsPartitions)
	if err != nil {
		return err
	}
	defer stop() //nolint:errcheck // a temporary broker
	pool, err := b.database(ctx, 24)
	if err != nil {
		return err
	}
	defer pool.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	running, ctx := errgroup.WithContext(ctx)
	for _, projector := range []projections.Projector{projections.PostInsights{}, projections.AccountInsights{}} {
		engine, err := projections.New(projections.Config{
			Projector: projector, Log: log, DatabaseURL: pool.Config().ConnString(), Pool: pool, Topics: topics, Registry: domain.NewRegistry(), Logger: b.logger,
		})
		if err != nil {
			return err
		}
		running.Go(func() error { return engine.Run(ctx) })
	}
	progress := pg.NewProgress()
	running.Go(func() error { progress.Listen(ctx, pool.Config().ConnString(), b.logger); return nil })
	seen := &probes{sent: map[string]time.Time{}}
	running.Go(func() error { return seen.watch(ctx, pool, progress) })
	acknowledged, err := pace(ctx, log, perSecond, seen)
	if err != nil {
		return err
	}
	readable := seen.wait(10 * time.Second)
	cancel()
	if err := running.Wait(); err != nil {
		return err
	}
	for _, p := range []float64{0.50, 0.99} {
		name := fmt.Sprintf("append_to_readable_%dps_p%.0f", perSecond, p*100)
		if err := print(against(name, "ms", percentile(readable, p), percentile(acknowledged, p))); err != nil {
			return err
		}
	}
	return nil
}

// probes are the readings whose arrival is timed.
type probes struct {
	mu       sync.Mutex
	sent     map[string]time.Time // not yet seen
	measured []time.Duration
	begun    time.Time
}

func (p *probes) send(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sent[id] = time.Now()
}

func (p *probes) pending() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	ids := make([]string, 0, len(p.sent))
	for id := range p.sent {
		ids = append(ids, id)
	}
	return ids
}

func (p *probes) seen(ids []string) {
	now := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, id := range ids {
		if now.Sub(p.begun) > latencyWarm {
			p.measured = append(p.measured, now.Sub(p.sent[id]))
		}
		delete(p.sent, id)
	}
}

// watch looks for the pending probes each time a projection moves, as any reader would.
func (p *probes) watch(ctx context.Context, pool *pgxpool.Pool, progress *pg.Progress) error {
	p.begun = time.Now()
	for {
		moved := progress.Moved(projections.PostInsights{}.Name(), "any") // it names no keys
		if ids := p.pending(); len(ids) > 0 {
			rows, err := pool.Query(ctx, `
				select external_id from tSPostInsights where social_account_id >= $1 and external_id = any($2)`, probeAccount, ids)
			if err != nil {
				return ignoreEnd(ctx, err)
			}
			found, err := pgx.CollectRows(rows, pgx.RowTo[string])
			if err != nil {
				return ignoreEnd(ctx, err)
			}
			p.seen(found)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-moved:
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func ignoreEnd(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil //nolint:nilerr // it was ended
	}
	return err
}

// wait gives the last probes time to arrive.
func (p *probes) wait(atMost time.Duration) []time.Duration {
	for end := time.Now().Add(atMost); len(p.pending()) > 0 && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.measured
}

// pace appends at the rate and returns the times to acknowledgement.
func pace(ctx context.Context, log *eventlog.Log, perSecond int, seen *probes) ([]time.Duration, error) {
	var mu sync.Mutex
	var acknowledged []time.Duration
	group, running := errgroup.WithContext(ctx)
	began := time.Now()
	for i := 0; time.Since(began) < latencyFor; i++ {
		if due := began.Add(time.Duration(i) * time.Second / time.Duration(perSecond)); time.Until(due) > 0 {
			time.Sleep(time.Until(due))
		}
		account, external := int64(i%socialCount)+1, fmt.Sprintf("post_%d", i%2000)
		if i%probeEvery == 0 {
			account, external = probeAccount+int64(i/probeEvery%metricsPartitions), fmt.Sprintf("probe_%d", i)
			seen.send(external)
		}
		group.Go(func() error {
			sent := time.Now()
			err := log.AppendBulk(running, []domain.Draft{readingDraft(account, external, firstReading.Add(time.Since(began)), int64(i))})
			mu.Lock()
			defer mu.Unlock()
			if time.Since(began) > latencyWarm {
				acknowledged = append(acknowledged, time.Since(sent))
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, fmt.Errorf("append at a rate: %w", err)
	}
	return acknowledged, nil
}
