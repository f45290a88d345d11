package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/app"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/dev/tables"
	"github.com/ledgerboard/ledgerboard/internal/embedded"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/migrations"
	"github.com/ledgerboard/ledgerboard/projections"
	"github.com/ledgerboard/ledgerboard/projections/fold"
)

// emptyDatabase makes a database without tables and returns its URL.
func (b *bench) emptyDatabase() string {
	b.made++
	name := fmt.Sprintf("bench_%d", b.made)
	admin, err := pgx.Connect(b.ctx, b.postgres.URL())
	require.NoError(b, err)
	defer admin.Close(b.ctx)
	_, err = admin.Exec(b.ctx, "create database "+name)
	require.NoError(b, err)
	u, err := url.Parse(b.postgres.URL())
	require.NoError(b, err)
	u.Path = "/" + name
	return u.String()
}

// database makes a database with the tables of generation 1, and a pool of it.
func (b *bench) database(conns int32) *pgxpool.Pool {
	databaseURL := b.emptyDatabase()
	require.NoError(b, tables.Create(b.ctx, databaseURL))
	return b.open(databaseURL, conns, tables.Schemas()...)
}

// unbuilt makes a database in which an engine has made no tables yet, and a pool of the engine's schema and
// the views.
func (b *bench) unbuilt() *pgxpool.Pool {
	databaseURL := b.emptyDatabase()
	require.NoError(b, migrations.Up(b.ctx, databaseURL))
	return b.openUnbuilt(databaseURL)
}

func (b *bench) openUnbuilt(databaseURL string) *pgxpool.Pool {
	return b.open(databaseURL, 24, migrations.Engine, migrations.Views)
}

func (b *bench) open(databaseURL string, conns int32, searchPath ...string) *pgxpool.Pool {
	pool, err := pg.Open(b.ctx, pg.Config{URL: databaseURL, SearchPath: searchPath, Name: "bench", AsyncCommit: true, MaxConns: conns})
	require.NoError(b, err)
	b.Cleanup(pool.Close)
	return pool
}

// checkpoint has the server write what it has put off, so that what is measured does not pay for it.
func (b *bench) checkpoint(pool *pgxpool.Pool) { ledgertest.Exec(b, pool, "checkpoint") }

// ledger is a log with the deployed topics.
type ledger struct {
	*eventlog.Log

	brokers []string
	topics  []eventlog.TopicSpec
	stop    func() // closes it before the measurement ends
}

// ledger starts a broker, or uses those of -brokers, whose topics it makes again.
func (b *bench) ledger() *ledger {
	l := &ledger{topics: ledgertest.Topics(b, nil)}
	if b.external != "" {
		l.brokers = strings.Split(b.external, ",")
		b.deleteTopics(l)
		b.openLog(l, func() error { return nil })
		return l
	}
	broker, err := embedded.StartBroker(b.ctx, embedded.BrokerConfig{DataDir: b.TempDir(), Logger: b.logger})
	require.NoError(b, err)
	l.brokers, l.topics = broker.Addrs(), eventlog.OnOneBroker(l.topics, broker.TopicOverrides())
	b.openLog(l, broker.Close)
	return l
}

func (b *bench) openLog(l *ledger, stopBroker func() error) {
	var err error
	l.Log, err = eventlog.Open(b.ctx, eventlog.Config{Brokers: l.brokers, Logger: b.logger, Topics: l.topics, Registry: domain.NewRegistry()})
	l.stop = sync.OnceFunc(func() {
		if l.Log != nil {
			require.NoError(b, l.Close())
		}
		require.NoError(b, stopBroker())
	})
	b.Cleanup(l.stop)
	require.NoError(b, err)
}

func (b *bench) deleteTopics(l *ledger) {
	_, admin := ledgertest.NewAdmin(b, l.brokers)
	for _, t := range l.topics {
		for err := error(nil); !errors.Is(err, kerr.UnknownTopicOrPartition); { // a deleted topic can still be there for a moment
			if _, err = admin.DeleteTopic(b.ctx, t.Name); err != nil {
				require.ErrorIs(b, err, kerr.UnknownTopicOrPartition)
			}
		}
	}
}

// partitions returns their number in a topic.
func (l *ledger) partitions(topic string) int32 { return app.PartitionsOf(l.topics, topic) }

// appendFacts appends registrations and readings.
func (l *ledger) appendFacts(ctx context.Context, events ...fold.Event) error {
	drafts := make([]domain.Draft, len(events))
	for i, ev := range events {
		fact, is := ev.Data.(commands.Fact)
		if !is {
			return fmt.Errorf("%T is no reading or registration", ev.Data)
		}
		drafts[i] = commands.NewDraft(domain.TopicMetrics, fact.Key(), fact, fact.Captured())
	}
	return l.AppendBulk(ctx, drafts)
}

// consume reads so many records of `dashboards` with a plain client, and returns how long it took in seconds.
func (l *ledger) consume(b *bench, n int) float64 {
	client, err := kgo.NewClient(kgo.SeedBrokers(l.brokers...), kgo.ConsumeTopics(domain.TopicDashboards),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	require.NoError(b, err)
	defer client.Close()
	began := time.Now()
	for read := 0; read < n; {
		fetches := client.PollFetches(b.ctx)
		require.NoError(b, fetches.Err())
		read += fetches.NumRecords()
	}
	return time.Since(began).Seconds()
}

// engine makes an engine over the tables of a database. progress may be nil.
func (l *ledger) engine(b *bench, p fold.Projector, pool *pgxpool.Pool, progress *pg.Progress) *projections.Engine {
	return newEngine(b, l.topics, l.Log, p, pool, progress)
}

func newEngine(
	b *bench, topics []eventlog.TopicSpec, log projections.Log, p fold.Projector, pool *pgxpool.Pool, progress *pg.Progress,
) *projections.Engine {
	engine, err := projections.New(projections.Config{
		Projector: p, Log: log, DatabaseURL: pool.Config().ConnString(), Pool: pool, Topics: topics,
		Registry: domain.NewRegistry(), Logger: b.logger, Progress: progress,
	})
	require.NoError(b, err)
	return engine
}

// follow runs engines until stop is called, and waits until they are live.
func follow(b *bench, pool *pgxpool.Pool, progress *pg.Progress, engines ...*projections.Engine) (stop func()) {
	loops := []func(context.Context) error{func(ctx context.Context) error {
		progress.Listen(ctx, pool.Config().ConnString(), b.logger)
		return nil
	}}
	for _, engine := range engines {
		loops = append(loops, engine.Run)
	}
	stop = ledgertest.Run(b, loops...)
	for _, engine := range engines {
		ledgertest.Await(b, engine.Status, func(p operator.Projection) bool { return p.Live() })
	}
	return stop
}
