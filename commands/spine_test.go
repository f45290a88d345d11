package commands_test

import (
	"context"
	"errors"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/internal/pg/pgtest"
	"github.com/ledgerboard/ledgerboard/projections"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

const patience = 5 * time.Minute

// spine is a broker, the log, PostgreSQL, the projections that commands need and the read side.
type spine struct {
	t       *testing.T
	db      *pgtest.DB
	brokers []string
	topics  []eventlog.TopicSpec
	log     *eventlog.Log
	engine  *projections.Engine // of dashboards
	stop    func()              // ends it
}

func newSpine(t *testing.T) *spine {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.BrokerConfigs(map[string]string{"log.cleaner.backoff.ms": "1000000000000"}))
	require.NoError(t, err)
	t.Cleanup(cluster.Close)
	raw, err := os.ReadFile("../deploy/topics.json")
	require.NoError(t, err)
	s := &spine{t: t, db: pgtest.New(t), brokers: cluster.ListenAddrs()}
	s.topics, err = eventlog.ParseTopics(raw)
	require.NoError(t, err)
	for i := range s.topics {
		s.topics[i].Partitions, s.topics[i].ReplicationFactor = 2, 1
		s.topics[i].Configs["min.insync.replicas"] = "1"
	}
	s.log = s.openLog()
	s.fill()
	s.engine = s.projection(projectors.Dashboards(2))
	s.stop = s.follow(s.engine)
	s.t.Cleanup(func() { s.stop() })
	directory := s.project(projectors.Directory)
	s.settle(directory, s.engine)
	return s
}

// openLog is another process's client.
func (s *spine) openLog() *eventlog.Log {
	s.t.Helper()
	log, err := eventlog.Open(s.t.Context(), eventlog.Config{Brokers: s.brokers, Topics: s.topics})
	require.NoError(s.t, err)
	s.t.Cleanup(func() { require.NoError(s.t, log.Close()) })
	return log
}

// fill puts the directory into the log: two agencies with accounts, people and orders.
func (s *spine) fill() {
	s.t.Helper()
	var drafts []domain.Draft
	for _, e := range []domain.DirectoryEntity{
		domain.DirectoryAccount{ID: agency, Name: "Agency", Active: true},
		domain.DirectoryAccount{ID: north, ParentAccount: agency},
		domain.DirectoryAccount{ID: south, ParentAccount: agency},
		domain.DirectoryAccount{ID: east, ParentAccount: agency},
		domain.DirectoryUser{ID: nina, AccountID: north, Active: true},
		domain.DirectoryUser{ID: sam, AccountID: south, Active: true},
		domain.DirectoryOrder{ID: "o1", Buyer: north, Seller: agency, ProductType: "managed", AssignedUsers: []string{sam}},
		domain.DirectoryOrder{ID: "o2", Buyer: north, Seller: agency, ProductType: "site", AssignedUsers: []string{nina}},
	} {
		drafts = append(drafts, commands.EntityDraft(e, day0))
	}
	for i := range manyAccounts {
		drafts = append(drafts, commands.EntityDraft(domain.DirectoryAccount{ID: numbered(i), ParentAccount: agency}, day0))
	}
	require.NoError(s.t, s.log.AppendBulk(s.t.Context(), drafts))
}

func (s *spine) project(p fold.Projector) *projections.Engine {
	s.t.Helper()
	e := s.projection(p)
	s.t.Cleanup(s.follow(e))
	return e
}

func (s *spine) projection(p fold.Projector) *projections.Engine {
	s.t.Helper()
	e, err := projections.New(projections.Config{
		Projector: p, Log: s.log, DatabaseURL: s.db.URL, Pool: s.db.Pool, Topics: s.topics, Registry: domain.NewRegistry(), Logger: quiet,
	})
	require.NoError(s.t, err)
	return e
}

// follow runs an engine until stop is called; a second call does nothing.
func (s *spine) follow(e *projections.Engine) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = e.Run(ctx) })
	return func() { cancel(); running.Wait() }
}

// settle waits until engines have folded all records of the log.
func (s *spine) settle(engines ...*projections.Engine) {
	s.t.Helper()
	for _, e := range engines {
		require.Eventually(s.t, func() bool { return s.caughtUp(e) }, patience, 10*time.Millisecond)
	}
}

func (s *spine) caughtUp(e *projections.Engine) bool {
	status, err := e.Status(context.Background())
	return err == nil && status.Live() && status.Lag == 0
}

// process makes the use cases of one process: its own locks, its own read side.
func (s *spine) process(change ...func(*commands.DashboardsConfig)) *commands.Dashboards {
	s.t.Helper()
	progress := pg.NewProgress()
	ctx, cancel := context.WithCancel(context.Background())
	var listening sync.WaitGroup
	listening.Go(func() { progress.Listen(ctx, s.db.URL, quiet) })
	s.t.Cleanup(func() { cancel(); listening.Wait() })
	c := commands.DashboardsConfig{
		Store: &readmodels.Dashboards{
			Pool: s.db.ReadOnly, Progress: progress, Defaults: domain.DashboardDefaults{Scopes: []string{"posts"}},
			ManagedSubscriptions: []string{"managed"},
		},
		PartitionOf: func(parent string) int32 { return eventlog.PartitionOf([]byte(parent), 2) }, EndOf: s.endOf,
		Log: s.log, Now: time.Now, Logger: quiet, Deadline: patience,
		Refused:  func(err error) bool { return errors.Is(err, eventlog.ErrRefused) },
		TooLarge: func(err error) bool { return errors.Is(err, eventlog.ErrRecordTooLarge) },
	}
	for _, f := range change {
		f(&c)
	}
	return commands.NewDashboards(c).Attempting(100)
}

// endOf returns the actual end of the log.
func (s *spine) endOf(ctx context.Context, partition int32) (int64, error) {
	ranges, _, err := s.log.Ranges(ctx, domain.TopicDashboards)
	if err != nil {
		return 0, err
	}
	return ranges[partition].End, nil
}

// appended returns the number of records on `dashboards`.
func (s *spine) appended() (n int64) {
	s.t.Helper()
	ranges, _, err := s.log.Ranges(s.t.Context(), domain.TopicDashboards)
	require.NoError(s.t, err)
	for _, r := range ranges {
		n += r.End
	}
	return n
}

// judged scans the log and returns the verdicts on the agency's records, in order, and its head.
func (s *spine) judged() (head domain.StreamHead, verdicts map[eventlog.Verdict]int) {
	s.t.Helper()
	verdicts = map[eventlog.Verdict]int{}
	err := s.log.Scan(s.t.Context(), eventlog.ScanConfig{Topic: domain.TopicDashboards, Key: agency, Handle: func(_ context.Context, run eventlog.Run) error {
		for _, r := range run.Records {
			var verdict eventlog.Verdict
			verdict, head, _ = eventlog.Judge(head, r, 2)
			verdicts[verdict]++
		}
		return nil
	}})
	require.NoError(s.t, err)
	return head, verdicts
}

func (s *spine) exec(sql string, args ...any) {
	s.t.Helper()
	_, err := s.db.Pool.Exec(s.t.Context(), sql, args...)
	require.NoError(s.t, err)
}

// appender is a log with scripted appends.
type appender func(ctx context.Context, d domain.Draft) error

func (a appender) Append(ctx context.Context, d domain.Draft) error { return a(ctx, d) }
