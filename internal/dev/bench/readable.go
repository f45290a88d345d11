package main

import (
	"context"
	"fmt"
	"regexp"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
)

const (
	readableFor   = 20 * time.Second
	readableWarm  = 5 * time.Second
	readableEvery = 2 * time.Millisecond // between two appends
	probeEvery    = 10                   // every tenth reading is timed
	probeAgencies = 12                   // spread the readings over the partitions
)

// readable measures, at 500 readings per second and with both projections of the topic running, the
// time from before an append until a query returns the row. Its limit is the time until a plain
// consumer of the same log has the same record.
func readable(b *bench) {
	log, pool, progress := b.ledger(), b.database(24), pg.NewProgress()
	follow(b, pool, progress, log.engine(b, projectors.PostInsights, pool, progress), log.engine(b, projectors.AccountInsights, pool, progress))
	p := &probes{byID: map[string]*probe{}}
	stop := ledgertest.Run(b,
		func(ctx context.Context) error { return p.watch(ctx, pool, progress) },
		func(ctx context.Context) error { return p.consume(ctx, log.brokers) },
	)
	world, began := crowded(), time.Now()
	var appending errgroup.Group
	for i := 0; time.Since(began) < readableFor; i++ {
		time.Sleep(time.Until(began.Add(time.Duration(i) * readableEvery)))
		event := world.postReads(i%probeAgencies, 1, []int{i % world.posts}, firstReading.Add(time.Since(began)))[0]
		if i%probeEvery == 0 {
			read, _ := event.Data.(domain.PostRead)
			read.ExternalID = fmt.Sprintf("probe_%d", i)
			event.Data = read
			p.send(read.SocialAccount, read.ExternalID)
		}
		appending.Go(func() error { return log.appendFacts(b.ctx, event) })
	}
	require.NoError(b, appending.Wait())
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if _, ids := p.pending(); len(ids) == 0 {
			break
		}
		require.True(b, time.Now().Before(end), "readings are not readable after 10 s")
	}
	stop()
	var bare, read []time.Duration
	for _, probe := range p.byID {
		if probe.sent.Sub(began) > readableWarm {
			bare, read = append(bare, probe.consumed.Sub(probe.sent)), append(read, probe.read.Sub(probe.sent))
		}
	}
	b.comparePercentiles("append_to_readable_500ps", read, bare)
}

// probe is a reading whose way is timed.
type probe struct {
	social               int64
	sent, consumed, read time.Time
}

// probes are safe for concurrent use.
type probes struct {
	mu   sync.Mutex
	byID map[string]*probe
}

func (p *probes) send(social int64, id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.byID[id] = &probe{social: social, sent: time.Now()}
}

// arrive sets the time of probes that were sent and have none yet.
func (p *probes) arrive(at func(*probe) *time.Time, ids ...string) {
	now := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, id := range ids {
		if probe := p.byID[id]; probe != nil && at(probe).IsZero() {
			*at(probe) = now
		}
	}
}

// pending returns the probes that have not arrived everywhere.
func (p *probes) pending() (socials []int64, ids []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for id, probe := range p.byID {
		if probe.read.IsZero() || probe.consumed.IsZero() {
			socials, ids = append(socials, probe.social), append(ids, id)
		}
	}
	return socials, ids
}

// watch looks for the pending probes each time the projection moves, as a reader would.
func (p *probes) watch(ctx context.Context, pool *pgxpool.Pool, progress *pg.Progress) error {
	for {
		moved := progress.Changed(projectors.PostInsights.Name, pg.AnyKey)
		socials, ids := p.pending()
		rows, _ := pool.Query(ctx, `
			select external from unnest($1::bigint[], $2::text[]) as p(social, external)
			where exists ( -- by keys: the view tSPostInsights would read all readings
				select from post_ids i join post_readings r on r.post = i.id
				where i.social_account_id = social and i.external_id = external)`, socials, ids)
		found, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if ctx.Err() != nil {
			return nil //nolint:nilerr // the measurement has ended
		}
		if err != nil {
			return fmt.Errorf("look for readings: %w", err)
		}
		p.arrive(func(p *probe) *time.Time { return &p.read }, found...)
		select {
		case <-ctx.Done():
			return nil
		case <-moved:
		case <-time.After(100 * time.Millisecond):
		}
	}
}

var probeID = regexp.MustCompile(`"external_id":"(probe_[0-9]+)"`)

// consume notes when a client that does nothing else has the probes.
func (p *probes) consume(ctx context.Context, brokers []string) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.ConsumeTopics(domain.TopicMetrics), kgo.FetchMinBytes(1))
	if err != nil {
		return fmt.Errorf("make consumer: %w", err)
	}
	defer client.Close()
	for ctx.Err() == nil {
		client.PollFetches(ctx).EachRecord(func(r *kgo.Record) {
			if id := probeID.FindSubmatch(r.Value); id != nil {
				p.arrive(func(p *probe) *time.Time { return &p.consumed }, string(id[1]))
			}
		})
	}
	return nil
}
