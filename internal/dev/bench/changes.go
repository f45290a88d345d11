package main

import (
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/internal/proof"
	"github.com/ledgerboard/ledgerboard/projections"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
)

const changes = 100_000 // of all agencies of a partition

// replay measures the replay of an agency out of those that share its partition, next to a plain consumer
// of the partition.
func replay(b *bench) {
	for _, agencies := range []int{1, 100} {
		log := b.ledger()
		one := log.change(b, agencies)
		ours, limit := b.inTurns(func() float64 {
			began := time.Now()
			done, err := proof.Replay(b.ctx, log, proof.ReplayConfig{Parent: one.key, Yield: func(proof.Change) error { return nil }})
			took := time.Since(began).Seconds()
			require.NoError(b, err)
			require.Equal(b, one.head.Version, done.Version)
			require.Empty(b, done.Broken)
			return changes / took
		}, func() float64 { return changes / log.consume(b, changes) })
		b.compare(fmt.Sprintf("replay_1_agency_of_%d_vs_raw_consume", agencies), "records/s", ours, limit)
		log.stop()
	}
}

// foldAgain measures how long it takes to fold a stopped stream again from its start, next to a plain
// consumer of the same records, and how long the streams of its partition wait meanwhile, because their
// checkpoint is locked.
func foldAgain(b *bench) {
	log, pool, progress := b.ledger(), b.database(8), pg.NewProgress()
	stream := log.change(b, 1).key
	engine := log.engine(b, projectors.Dashboards, pool, progress)
	follow(b, pool, progress, engine)
	var locked []float64
	ours, limit := b.inTurns(func() float64 {
		whole, lock := foldStreamAgain(b, engine, pool, stream)
		locked = append(locked, lock.Seconds())
		return whole.Seconds()
	}, func() float64 { return log.consume(b, changes) })
	name := fmt.Sprintf("fold_again_%d_records", changes)
	b.compare(name+"_vs_raw_consume", "s", ours, limit)
	b.report(name+"_partition_locked", "s", median(locked))
}

// foldStreamAgain stops a stream at its last version, as commands that are refused leave it. It returns how
// long it takes until the stream is folded again, and how long the checkpoint of its partition is locked at
// most.
func foldStreamAgain(b *bench, engine *projections.Engine, pool *pgxpool.Pool, stream string) (whole, locked time.Duration) {
	ledgertest.Exec(b, pool, "update streams set stopped_at = version where stream_key = $1", stream)
	done := make(chan struct{})
	var watching errgroup.Group
	watching.Go(func() (err error) {
		locked, err = longestLock(b, pool, stream, done)
		return err
	})
	began := time.Now()
	err := engine.FoldAgain(b.ctx, stream)
	for domain.CodeOf(err) == domain.CodeUnavailable { // not yet
		err = engine.AwaitFoldedAgain(b.ctx, stream)
	}
	whole = time.Since(began)
	close(done)
	require.NoError(b, err)
	require.NoError(b, watching.Wait())
	require.True(b, ledgertest.Value[bool](b, pool, `
		select stopped_at is null and (select max(version) = s.version from dashboard_history where parent_account = stream_key)
		from streams s where stream_key = $1`, stream), "stream %s is not folded again to its end", stream)
	return whole, locked
}

// longestLock tries to lock the checkpoint of a stream's partition until done is closed, and returns the
// longest time in which it could not.
func longestLock(b *bench, pool *pgxpool.Pool, stream string, done <-chan struct{}) (longest time.Duration, err error) {
	free := time.Now()
	for {
		tag, err := pool.Exec(b.ctx, `
			select from checkpoints c join streams s using (projection, generation, partition)
			where s.stream_key = $1 for update of c skip locked`, stream)
		if err != nil {
			return 0, fmt.Errorf("try to lock the checkpoint: %w", err)
		}
		if tag.RowsAffected() > 0 {
			longest, free = max(longest, time.Since(free)), time.Now()
		}
		select {
		case <-done:
			return max(longest, time.Since(free)), nil
		case <-time.After(time.Millisecond):
		}
	}
}

// chain makes the changes of one agency.
type chain struct {
	key   string
	began time.Time // its first version is a minute later
	head  domain.StreamHead
}

// change appends changes of so many agencies of one partition, in turn, as commands would, and returns the
// first.
func (l *ledger) change(b *bench, agencies int) *chain {
	partitions, began := l.partitions(domain.TopicDashboards), time.Now().UTC().Truncate(time.Second)
	var chains []*chain
	for i := 0; len(chains) < agencies; i++ {
		key := fmt.Sprintf("%024x", 0xa0000000+i*7919)
		if eventlog.PartitionOf([]byte(key), partitions) == 0 {
			chains = append(chains, &chain{key: key, began: began})
		}
	}
	drafts := make([]domain.Draft, changes)
	for i := range drafts {
		drafts[i] = chains[i%agencies].next(b, l.Codec())
	}
	for batch := range slices.Chunk(drafts, 5000) {
		require.NoError(b, l.AppendBulk(b.ctx, batch))
	}
	return chains[0]
}

// next changes the list of users of three linked clients; the first change of an agency creates their
// dashboards. The head is that of the record as the log tags it.
func (c *chain) next(b *bench, codec eventlog.Codec) domain.Draft {
	version, prev := c.head.Version+1, c.head.Hash
	at := c.began.Add(time.Duration(version) * time.Minute) // an agency makes a thousand changes a day at most
	accounts := []string{"c10000000000000000000001", "c10000000000000000000002", "c10000000000000000000003"}
	change := domain.DashboardChange{
		Primary: accounts[0], Linked: accounts, AllowClientDashboard: true, Scopes: []string{"analytics", "posts", "reports"},
		Users:   []string{"d10000000000000000000001", "d10000000000000000000002", fmt.Sprintf("d2%022x", version)},
		MainPOC: map[string][]string{accounts[0]: {"e10000000000000000000001"}, accounts[1]: {}, accounts[2]: {}},
	}
	var data domain.Data = domain.DashboardUsersChanged{DashboardChange: change}
	if version == 1 {
		prev = eventlog.Genesis(domain.TopicDashboards, c.key)
		change.Created = map[string]string{}
		for _, id := range accounts {
			change.Created[id] = domain.NewDashboardID(c.key, id)
		}
		data = domain.AccountsLinked{DashboardChange: change}
	}
	draft := domain.Draft{
		Topic: domain.TopicDashboards, Key: c.key, Data: data,
		Envelope: domain.Envelope{
			ID: fmt.Sprintf("%s.%d", c.key, version), Source: "/ledgerboard/bench", Subject: accounts[0], Time: at,
			Chain: &domain.ChainLink{Version: version, Prev: prev},
			Audit: domain.Audit{
				Actor: "f10000000000000000000001", Role: "agency", CommandID: fmt.Sprintf("command-%d", version),
				RequestID: fmt.Sprintf("request-%d", version), RequestDigest: "00ff",
			},
		},
	}
	r, err := codec.Encode(draft)
	require.NoError(b, err)
	c.head = domain.StreamHead{Version: version, Hash: eventlog.RecordHash(prev, r), Time: at}
	return draft
}
