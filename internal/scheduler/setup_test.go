package scheduler_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg/pgtest"
	"github.com/ledgerboard/ledgerboard/internal/scheduler"
)

// soon is how long tests wait for what must happen; it is no measure of how fast it should.
const soon = 5 * time.Minute

// ages is a slot in whose end no test runs.
const ages = 20 * 365 * 24 * time.Hour

const kind = domain.FetchAccounts

func TestMain(m *testing.M) {
	if url := os.Getenv(victimVariable); url != "" {
		victim(url)
		return
	}
	pgtest.Main(m)
}

func database(t testing.TB) *pgtest.DB {
	t.Helper()
	db := pgtest.New(t)
	require.NoError(t, scheduler.Migrate(t.Context(), db.URL))
	return db
}

func every(t testing.TB, d time.Duration) map[string]scheduler.Schedule {
	t.Helper()
	s, err := scheduler.Every(d)
	require.NoError(t, err)
	return map[string]scheduler.Schedule{kind: s}
}

func shards(n int) func(context.Context, domain.FetchSlot, time.Duration) (int, error) {
	return func(context.Context, domain.FetchSlot, time.Duration) (int, error) { return n, nil }
}

// process is a running scheduler.
type process struct {
	t        testing.TB
	stop     context.CancelFunc
	ended    chan error
	registry *prometheus.Registry
	stopped  sync.Once
	err      error
}

// run starts a scheduler as one more process would; it is stopped after the test at the latest.
func run(t testing.TB, cfg scheduler.Config) *process {
	t.Helper()
	registry := prometheus.NewRegistry()
	if cfg.Registerer == nil {
		cfg.Registerer = registry
	}
	if cfg.Platforms == nil {
		cfg.Platforms = []domain.Platform{domain.TikTok}
	}
	if cfg.Shards == nil {
		cfg.Shards = shards(1)
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	s, err := scheduler.New(scheduler.Quick(cfg))
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.Background())
	p := &process{t: t, stop: stop, ended: make(chan error, 1), registry: registry}
	go func() { p.ended <- s.Run(ctx) }()
	t.Cleanup(func() { p.end() })
	return p
}

// end stops the scheduler and returns what Run returned.
func (p *process) end() error {
	p.stop()
	p.stopped.Do(func() {
		select {
		case p.err = <-p.ended:
		case <-time.After(soon):
			p.err = context.DeadlineExceeded
		}
	})
	return p.err
}

// count sums a counter over the series that have all of the labels.
func (p *process) count(name string, labels ...string) int {
	p.t.Helper()
	families, err := p.registry.Gather()
	require.NoError(p.t, err)
	sum := 0
	for _, family := range families {
		if family.GetName() != "ledgerboard_scheduler_"+name {
			continue
		}
		for _, metric := range family.GetMetric() {
			wanted := map[string]bool{}
			for _, label := range labels {
				wanted[label] = true
			}
			for _, pair := range metric.GetLabel() {
				delete(wanted, pair.GetName()+"="+pair.GetValue())
			}
			if len(wanted) == 0 {
				sum += int(metric.GetCounter().GetValue()) + int(metric.GetHistogram().GetSampleCount())
			}
		}
	}
	return sum
}

// record keeps the jobs that were worked.
type record struct {
	mu   sync.Mutex
	jobs []scheduler.Job
}

func (r *record) add(job scheduler.Job) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.jobs = append(r.jobs, job)
}

func (r *record) all() []scheduler.Job {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]scheduler.Job(nil), r.jobs...)
}

func receive[T any](t testing.TB, what string, from <-chan T) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(soon):
		require.FailNow(t, "waited in vain for "+what)
		panic("unreachable")
	}
}

func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	require.Eventually(t, condition, soon, 10*time.Millisecond, what)
}

// waiting are the jobs that no worker has taken.
const waiting = `kind = 'work_shard' and state in ('available', 'retryable', 'scheduled')`

// skipPause ends the back-off of the one job that waits for its retry, which must be about as long as
// that of a first or second failure in a long slot.
func skipPause(t testing.TB, pool *pgxpool.Pool) {
	t.Helper()
	eventually(t, "a job to wait for its retry", func() bool {
		tag, err := pool.Exec(context.Background(), `
			update river.river_job set state = 'available', scheduled_at = now()
			where kind = 'work_shard' and state = 'retryable'
			and scheduled_at between now() + interval '10 seconds' and now() + interval '65 seconds'`)
		return err == nil && tag.RowsAffected() == 1
	})
}

// rows counts jobs in River's table.
func rows(t testing.TB, pool *pgxpool.Pool, where string, args ...any) int {
	t.Helper()
	var count int
	query := fmt.Sprintf("select count(*) from river.river_job where %s", where)
	require.NoError(t, pool.QueryRow(context.Background(), query, args...).Scan(&count))
	return count
}
