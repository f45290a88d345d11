package main

import (
	"context"
	"fmt"
	"regexp"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/projections"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
)

const (
	latencyFor   = 15 * time.Second
	latencyWarm  = 3 * time.Second
	probeEvery   = 10  // of so many events one is a probe whose arrival is timed
	probeAccount = 999 // social account of the probes
)

// latency measures, at a steady rate of readings over all partitions with all projections of the
// topic running, the time from before the append until a query sees the row. Beside it stands the
// time in which a plain consumer of the same log has the same record, which no design can do without. The parts of the
// whole are printed apart: until the projection's own poll has it, until it is folded, until a query sees it.
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
	seen := newProbes()
	for _, projector := range []fold.Projector{projectors.PostInsights{}, projectors.AccountInsights{}} {
		watched := &polled{Log: log}
		if projector.Name() == (projectors.PostInsights{}).Name() {
			watched.brought, watched.stored = seen.note(stageFetched), seen.note(stageFolded)
		}
		engine, err := projections.New(projections.Config{
			Projector: projector, Log: watched, DatabaseURL: pool.Config().ConnString(), Pool: pool, Topics: topics, Registry: domain.NewRegistry(), Logger: b.logger,
		})
		if err != nil {
			return err
		}
		running.Go(func() error { return engine.Run(ctx) })
	}
	progress := pg.NewProgress()
	running.Go(func() error { progress.Listen(ctx, pool.Config().ConnString(), b.logger); return nil })
	running.Go(func() error { return seen.watch(ctx, pool, progress) })
	running.Go(func() error { return seen.consume(ctx, b.brokers) })
	if err := pace(ctx, log, perSecond, seen); err != nil {
		return err
	}
	seen.wait(10 * time.Second)
	cancel()
	if err := running.Wait(); err != nil {
		return err
	}
	name := fmt.Sprintf("append_to_readable_%dps", perSecond)
	for _, p := range []float64{0.50, 0.99} {
		bare := percentile(seen.took(stageSent, stageBare), p)
		results := []result{against(fmt.Sprintf("%s_p%.0f", name, p*100), "ms", percentile(seen.took(stageSent, stageRead), p), bare)}
		for _, part := range []struct {
			name     string
			from, to stage
		}{{"fetch", stageSent, stageFetched}, {"fold", stageFetched, stageFolded}, {"read", stageFolded, stageRead}} {
			results = append(results, result{
				Name: fmt.Sprintf("%s_%s_p%.0f", name, part.name, p*100), Value: round(percentile(seen.took(part.from, part.to), p)), Unit: "ms",
			})
		}
		for _, r := range results {
			if err := print(r); err != nil {
				return err
			}
		}
	}
	return nil
}

// probes are the readings whose arrival is timed.
type probes struct {
	mu    sync.Mutex
	begun time.Time
	times map[string]*[stages]time.Time // by stage; those of a stage that it has not reached are zero
}

// stage is how far a probe has come.
type stage int

const (
	stageSent    stage = iota
	stageBare          // a plain consumer has it
	stageFetched       // the projection's poll has it
	stageFolded        // the projection has stored its batch
	stageRead          // a query has seen it
	stages
)

func newProbes() *probes { return &probes{begun: time.Now(), times: map[string]*[stages]time.Time{}} }

func (p *probes) send(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.times[id] = &[stages]time.Time{stageSent: time.Now()}
}

func (p *probes) pending() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var ids []string
	for id, times := range p.times {
		if times[stageRead].IsZero() {
			ids = append(ids, id)
		}
	}
	return ids
}

// reach notes that probes have come to a stage.
func (p *probes) reach(at stage, ids ...string) {
	now := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, id := range ids {
		if times := p.times[id]; times != nil && times[at].IsZero() {
			times[at] = now
		}
	}
}

// note returns what notes the probes of a batch.
func (p *probes) note(at stage) func(eventlog.Batch) {
	return func(batch eventlog.Batch) {
		for _, run := range batch.Runs {
			for _, r := range run.Records {
				p.reach(at, probeOf(r.Value)...)
			}
		}
	}
}

var probeID = regexp.MustCompile(`"external_id":"(probe_[0-9]+)"`)

// probeOf is the probe's name, if the reading is one.
func probeOf(value []byte) []string {
	if found := probeID.FindSubmatch(value); found != nil {
		return []string{string(found[1])}
	}
	return nil
}

// consume notes when a client that does nothing else has the probes.
func (p *probes) consume(ctx context.Context, brokers []string) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.ConsumeTopics(domain.TopicMetrics),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchMinBytes(1))
	if err != nil {
		return fmt.Errorf("make consumer: %w", err)
	}
	defer client.Close()
	for ctx.Err() == nil {
		client.PollFetches(ctx).EachRecord(func(r *kgo.Record) { p.reach(stageBare, probeOf(r.Value)...) })
	}
	return nil
}

// took returns how long probes took between two stages, without those of the warm-up.
func (p *probes) took(from, to stage) (took []time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, times := range p.times {
		if times[stageSent].Sub(p.begun) > latencyWarm && !times[from].IsZero() && !times[to].IsZero() {
			took = append(took, max(0, times[to].Sub(times[from])))
		}
	}
	return took
}

// watch looks for the pending probes each time a projection moves, as any reader would.
func (p *probes) watch(ctx context.Context, pool *pgxpool.Pool, progress *pg.Progress) error {
	for {
		moved := progress.Moved(projectors.PostInsights{}.Name(), "any") // it names no keys
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
			p.reach(stageRead, found...)
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
func (p *probes) wait(atMost time.Duration) {
	for end := time.Now().Add(atMost); len(p.pending()) > 0 && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
}

// pace appends at the rate.
func pace(ctx context.Context, log *eventlog.Log, perSecond int, seen *probes) error {
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
			return log.AppendBulk(running, []domain.Draft{readingDraft(account, external, firstReading.Add(time.Since(began)), int64(i))})
		})
	}
	if err := group.Wait(); err != nil {
		return fmt.Errorf("append at a rate: %w", err)
	}
	return nil
}
