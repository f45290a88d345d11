package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ledgerboard/ledgerboard/deploy"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/tables"
	"github.com/ledgerboard/ledgerboard/internal/embedded"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/projections"
	"github.com/ledgerboard/ledgerboard/projections/fold"
)

// bench holds the broker and the database server that the measurements share.
type bench struct {
	dir      string
	postgres *embedded.Postgres
	logger   *slog.Logger
	rounds   int
	requests int      // of an endpoint of the analytics
	n        int      // databases and brokers made so far
	brokers  []string // addresses of the broker that was started last
	external []string // addresses of brokers to use instead
}

func errorLogger() *slog.Logger {
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
}

// newBench starts the server of databases.
func newBench(ctx context.Context, rounds int) (*bench, error) {
	dir, err := os.MkdirTemp("", "ledgerboard-bench-")
	if err != nil {
		return nil, fmt.Errorf("make working directory: %w", err)
	}
	logger := errorLogger()
	postgres, err := embedded.StartPostgres(ctx, embedded.PostgresConfig{Logger: logger})
	if err != nil {
		return nil, err
	}
	return &bench{dir: dir, postgres: postgres, logger: logger, rounds: rounds, requests: figureRequests}, nil
}

func (b *bench) close() error {
	return errors.Join(b.postgres.Close(), os.RemoveAll(b.dir))
}

// database makes a fresh migrated database and a pool of it.
func (b *bench) database(ctx context.Context, conns int32) (*pgxpool.Pool, error) {
	url, err := b.emptyDatabase(ctx)
	if err != nil {
		return nil, err
	}
	if err := tables.Create(ctx, url); err != nil {
		return nil, err
	}
	return openTables(ctx, url, conns)
}

// openTables makes a pool of a migrated database.
func openTables(ctx context.Context, url string, conns int32) (*pgxpool.Pool, error) {
	return pg.Open(ctx, pg.Config{URL: url, SearchPath: tables.Schemas(), Name: "bench", AsyncCommit: true, MaxConns: conns})
}

// eventLog connects to a broker, or to those of -brokers, whose topics it makes again.
func (b *bench) eventLog(ctx context.Context) (*eventlog.Log, []eventlog.TopicSpec, func() error, error) {
	topics, err := eventlog.ParseTopics(deploy.Topics())
	if err != nil {
		return nil, nil, nil, fmt.Errorf("read topic definitions: %w", err)
	}
	stop := func() error { return nil }
	if len(b.external) == 0 {
		b.n++
		broker, err := embedded.StartBroker(ctx, embedded.BrokerConfig{DataDir: fmt.Sprintf("%s/broker-%d", b.dir, b.n), Logger: b.logger})
		if err != nil {
			return nil, nil, nil, err
		}
		b.brokers, topics, stop = broker.Addrs(), eventlog.OnOneBroker(topics, broker.TopicOverrides()), broker.Close
	} else {
		b.brokers = b.external
		if err := deleteTopics(ctx, b.external, topics); err != nil {
			return nil, nil, nil, err
		}
	}
	log, err := eventlog.Open(ctx, eventlog.Config{
		Brokers: b.brokers, Logger: b.logger, Topics: topics, Registry: domain.NewRegistry(),
	})
	if err != nil {
		return nil, nil, nil, errors.Join(err, stop())
	}
	return log, topics, func() error { return errors.Join(log.Close(), stop()) }, nil
}

// engine returns an engine over the tables of a database. progress may be nil.
func (b *bench) engine(
	p fold.Projector, log projections.Log, topics []eventlog.TopicSpec, pool *pgxpool.Pool, progress *pg.Progress,
) (*projections.Engine, error) {
	return projections.New(projections.Config{
		Projector: p, Log: log, DatabaseURL: pool.Config().ConnString(), Pool: pool, Topics: topics,
		Registry: domain.NewRegistry(), Logger: b.logger, Progress: progress,
	})
}

func deleteTopics(ctx context.Context, brokers []string, topics []eventlog.TopicSpec) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...))
	if err != nil {
		return fmt.Errorf("make client: %w", err)
	}
	defer client.Close()
	for _, t := range topics {
		for err = nil; !errors.Is(err, kerr.UnknownTopicOrPartition); { // a deleted topic can still be there for a moment
			if _, err = kadm.NewClient(client).DeleteTopic(ctx, t.Name); err != nil && !errors.Is(err, kerr.UnknownTopicOrPartition) {
				return fmt.Errorf("delete topic %s: %w", t.Name, err)
			}
		}
	}
	return nil
}

// firstReading is when the measured readings begin.
var firstReading = time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)

// emptyDatabase makes a database without tables and returns its URL.
func (b *bench) emptyDatabase(ctx context.Context) (string, error) {
	b.n++
	name := fmt.Sprintf("bench_%d", b.n)
	admin, err := pgx.Connect(ctx, b.postgres.URL())
	if err != nil {
		return "", fmt.Errorf("connect: %w", err)
	}
	defer admin.Close(ctx)
	if _, err := admin.Exec(ctx, "create database "+name); err != nil {
		return "", fmt.Errorf("create database: %w", err)
	}
	u, err := url.Parse(b.postgres.URL())
	if err != nil {
		return "", fmt.Errorf("parse URL: %w", err)
	}
	u.Path = "/" + name
	return u.String(), nil
}
