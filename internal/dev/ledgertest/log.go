package ledgertest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/pgtest"
	"github.com/ledgerboard/ledgerboard/internal/dev/tables"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/directory"
)

// Log takes drafts as the event log does. It is safe for concurrent use.
type Log struct {
	DB *pgtest.DB

	mu         sync.Mutex
	codec      eventlog.Codec
	counts     map[string]int32
	projectors []fold.Projector
	records    []eventlog.Record
	types      []string // of the records
	failing    error
	put        atomic.Int64 // entities; each is sent later than the one before

	vault func() *pgxpool.Pool
}

// New returns an empty log over a new database whose projections are live.
func New(tb testing.TB) *Log {
	tb.Helper()
	topics := Topics(tb, nil)
	l := &Log{
		DB: pgtest.New(tb), codec: eventlog.NewCodec(domain.NewRegistry(), topics, "/ledgerboard/test"), counts: map[string]int32{},
	}
	for _, topic := range topics {
		l.counts[topic.Name] = topic.Partitions
	}
	l.vault = sync.OnceValue(func() *pgxpool.Pool { return OpenVault(tb, l.DB.URL) })
	l.projectors = projectors.All()
	for _, p := range l.projectors {
		Exec(tb, l.DB.Pool, `
			insert into generations (projection, generation, version, topic, topic_id, state, targets)
			values ($1, 1, $2, $3, $4, 'live', '{}')`, p.Name, p.Version, p.Topic, uuid.New())
	}
	return l
}

// Vault is the schema of the database that a rebuild keeps, as the service opens it.
func (l *Log) Vault() *pgxpool.Pool { return l.vault() }

// Fail makes every Append from now on return err; nil ends that.
func (l *Log) Fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failing = err
}

// Records returns what was appended to a topic so far.
func (l *Log) Records(topic string) (records []eventlog.Record) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range l.records {
		if r.Topic == topic {
			records = append(records, r)
		}
	}
	return records
}

// Types returns the types of the events that were appended to all topics so far, in order.
func (l *Log) Types() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clip(l.types)
}

// Partitions is the partition count of a topic.
func (l *Log) Partitions(topic string) int32 { return l.counts[topic] }

// Decode reads a record.
func (l *Log) Decode(r eventlog.Record) (domain.Recorded, error) { return l.codec.Decode(r) }

// Append implements commands.Appender: when it returns nil, the tables show the record.
func (l *Log) Append(ctx context.Context, d domain.Draft) error {
	return l.AppendBatch(ctx, []domain.Draft{d})[0]
}

// Append is an appender that is a test's own function.
type Append func(context.Context, domain.Draft) error

// Append implements commands.Appender.
func (a Append) Append(ctx context.Context, d domain.Draft) error { return a(ctx, d) }

// AppendBatch implements collect.BatchAppender. Each projection folds the batch at once, as the engine does.
func (l *Log) AppendBatch(ctx context.Context, drafts []domain.Draft) []error {
	l.mu.Lock()
	defer l.mu.Unlock()
	errs, batch, places := make([]error, len(drafts)), []fold.Event{}, []int{}
	for i, d := range drafts {
		event, err := l.event(d, len(batch))
		if errs[i] = err; err == nil {
			batch, places = append(batch, event), append(places, i)
		}
	}
	if err := foldAll(ctx, l.DB.Pool, l.projectors, batch); err != nil {
		for _, i := range places {
			errs[i] = err
		}
		return errs
	}
	for _, event := range batch {
		l.records, l.types = append(l.records, event.Raw), append(l.types, event.Envelope.Type)
	}
	return errs
}

// event is a draft as it will be in the log, behind so many others.
func (l *Log) event(d domain.Draft, behind int) (event fold.Event, err error) {
	if l.failing != nil {
		return event, l.failing
	}
	if event.Raw, err = l.codec.Encode(d); err != nil {
		return event, fmt.Errorf("encode: %w", err)
	}
	event.Raw.Partition = eventlog.PartitionOf(event.Raw.Key, l.counts[d.Topic])
	event.Raw.Offset = int64(len(l.records) + behind)
	if event.Recorded, err = l.codec.Decode(event.Raw); err != nil {
		return event, fmt.Errorf("decode: %w", err)
	}
	return event, nil
}

// foldAll folds events with each projector that wants them, each in one batch, as the engine does.
func foldAll(ctx context.Context, pool *pgxpool.Pool, all []fold.Projector, events []fold.Event) error {
	for _, p := range all {
		wanted := slices.DeleteFunc(slices.Clone(events), func(ev fold.Event) bool {
			return ev.Raw.Topic != p.Topic || p.Types != nil && !slices.Contains(p.Types, ev.Envelope.Type)
		})
		if len(wanted) == 0 {
			continue
		}
		if err := tables.Fold(ctx, pool, p, wanted); err != nil {
			return fmt.Errorf("fold: %w", err)
		}
	}
	return nil
}

// Claim claims one account for a minute, whatever its state is.
func (l *Log) Claim(t require.TestingT, queue domain.FetchQueue, socialAccount int64, now time.Time) domain.FetchClaim {
	claim := domain.FetchClaim{FetchQueue: queue}
	claim.Until = Value[time.Time](t, l.DB.Pool, `
		insert into kept.fetch_state as f (kind, p_id, social_account_id, due_at, updated_at, claimed_until)
		values ($1, $2, $3, $4, $4, now() + interval '1 minute')
		on conflict (kind, p_id, social_account_id) do update
		set claimed_until = greatest(excluded.claimed_until, f.claimed_until + interval '1 microsecond')
		returning claimed_until`, queue.Kind, int(queue.Platform), socialAccount, now)
	task, err := directory.Connections{Pool: l.DB.ReadOnly}.Task(context.Background(), queue, socialAccount, now)
	require.NoError(t, err)
	claim.Tasks = []domain.FetchTask{task}
	return claim
}

// Put records entities of the directory, which are folded at once.
func (l *Log) Put(t require.TestingT, entities ...domain.DirectoryEntity) {
	drafts := make([]domain.Draft, len(entities))
	for i, entity := range entities {
		drafts[i] = commands.EntityDraft(entity, time.UnixMicro(l.put.Add(1)))
	}
	require.NoError(t, errors.Join(l.AppendBatch(context.Background(), drafts)...))
}

// Dashboards are the real commands over this log, at the given clock.
func (l *Log) Dashboards(tb testing.TB, now func() time.Time) *commands.Dashboards {
	tb.Helper()
	return commands.NewDashboards(commands.DashboardsConfig{
		Store: l.Queries(), Log: l, Now: now, Logger: Quiet,
		TooLarge:    func(error) bool { return false },
		PartitionOf: func(string) int32 { return 0 },
		EndOf:       func(context.Context, int32) (int64, error) { return 0, nil },
		Fits:        func(domain.Draft) error { return nil },
		Deadline:    Patience, // what is slow here is the machine
	})
}

// Queries are the real queries over this log's tables.
func (l *Log) Queries() *readmodels.Dashboards {
	return &readmodels.Dashboards{
		Pool: l.DB.ReadOnly, Progress: pg.NewProgress(),
		DefaultScopes:        []string{"analytics", "posts"},
		ManagedSubscriptions: []string{"managed"},
	}
}
