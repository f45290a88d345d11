package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/tables"
	"github.com/ledgerboard/ledgerboard/internal/embedded"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/pg"
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
}

// newBench starts the server of databases; keep is the directory in which they stay, "" for one that goes with the bench.
func newBench(ctx context.Context, rounds int, keep string) (*bench, error) {
	dir, err := os.MkdirTemp("", "ledgerboard-bench-")
	if err != nil {
		return nil, fmt.Errorf("make working directory: %w", err)
	}
	logger := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	postgres, err := embedded.StartPostgres(ctx, embedded.PostgresConfig{DataDir: keep, Logger: logger})
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

// eventLog starts a broker with the given number of partitions of `metrics` and connects to it.
func (b *bench) eventLog(ctx context.Context, partitions int32) (*eventlog.Log, []eventlog.TopicSpec, func() error, error) {
	b.n++
	broker, err := embedded.StartBroker(ctx, embedded.BrokerConfig{DataDir: fmt.Sprintf("%s/broker-%d", b.dir, b.n), Logger: b.logger})
	if err != nil {
		return nil, nil, nil, err
	}
	b.brokers = broker.Addrs()
	topics, err := embeddedTopics(broker)
	if err != nil {
		return nil, nil, nil, err
	}
	for i := range topics {
		if topics[i].Name == domain.TopicMetrics {
			topics[i].Partitions = partitions
		}
	}
	log, err := eventlog.Open(ctx, eventlog.Config{
		Brokers: broker.Addrs(), Logger: b.logger, Topics: topics, Registry: domain.NewRegistry(),
	})
	if err != nil {
		return nil, nil, nil, errors.Join(err, broker.Close())
	}
	return log, topics, func() error { return errors.Join(log.Close(), broker.Close()) }, nil
}

// firstReading is when the measured readings begin.
var firstReading = time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)

const (
	benchAgency  = "aaaaaaaaaaaaaaaaaaaaaaaa"
	benchClient  = "c10000000000000000000000"
	socialCount  = 40
	postsPerPage = 50
)

// readings are post readings as the fetchers make them: all posts every 12 hours.
func readings(n int) []domain.Draft {
	drafts := make([]domain.Draft, 0, n)
	for i := range n {
		post := i % (socialCount * postsPerPage)
		at := firstReading.Add(time.Duration(i/(socialCount*postsPerPage)) * 12 * time.Hour)
		drafts = append(drafts, readingDraft(int64(post%socialCount)+1, fmt.Sprintf("post_%d", post), at, int64(i)))
	}
	return drafts
}

func readingDraft(account int64, external string, at time.Time, count int64) domain.Draft {
	likes, comments, shares, views, reach := count, count/3, count/7, count*20, count*11
	read := domain.PostRead{
		Tenant:   domain.Tenant{ParentAccount: benchAgency, AccountID: benchClient, MemberID: 1, SocialAccount: account},
		Platform: domain.Facebook, ExternalID: external, CapturedAt: at,
		Counts:         domain.Counts{Likes: &likes, Comments: &comments, Shares: &shares, Views: &views, Impressions: &views, Reach: &reach},
		GrowthEligible: true, GrowthWindow: "168h0m0s", SubscriptionActive: true,
	}
	return commands.NewDraft(domain.TopicMetrics, read.Key(), read, at)
}

// recordSize is the JSON size of a reading, for the reader of the results.
func recordSize(d domain.Draft) int {
	raw, err := json.Marshal(d.Data)
	if err != nil {
		return 0
	}
	return len(raw)
}

// emptyDatabase makes a database without tables and returns its URL.
func (b *bench) emptyDatabase(ctx context.Context) (string, error) {
	b.n++
	name := fmt.Sprintf("bench_%d", b.n)
	admin, err := pgx.Connect(ctx, b.postgres.URL())
	if err != nil {
		return "", fmt.Errorf("connect: %w", err)
	}
	defer admin.Close(ctx)
	for _, statement := range []string{"drop database if exists " + name, "create database " + name} { // a run before may have left it in -keep
		if _, err := admin.Exec(ctx, statement); err != nil {
			return "", fmt.Errorf("%s: %w", statement, err)
		}
	}
	return b.urlOf(name)
}

// urlOf is that of a database of the bench's server.
func (b *bench) urlOf(database string) (string, error) {
	u, err := url.Parse(b.postgres.URL())
	if err != nil {
		return "", fmt.Errorf("parse URL: %w", err)
	}
	u.Path = "/" + database
	return u.String(), nil
}
