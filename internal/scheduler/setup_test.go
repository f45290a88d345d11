package scheduler_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg/pgtest"
	"github.com/ledgerboard/ledgerboard/internal/scheduler"
)

// soon is how long tests wait for what must happen; it is no measure of how fast it should.
const soon = 5 * time.Minute

// ages is an interval in which no second look comes.
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

func every(d time.Duration) map[string]time.Duration { return map[string]time.Duration{kind: d} }

// due is connections that are due again and again until they are done, over a table as the vault has it: claims are made in the
// scheduler's transaction, last from its beginning on, and end.
type due struct {
	pool *pgxpool.Pool
	fail atomic.Bool // Claim fails after it has claimed
}

// newDue makes connections 1 to n due on each platform.
func newDue(t testing.TB, db *pgtest.DB, n int) *due {
	t.Helper()
	_, err := db.Pool.Exec(context.Background(), `
		create schema if not exists due; create table due.claims (
		  p_id int, id bigint, due_at timestamptz not null default now(), claimed_until timestamptz, primary key (p_id, id))`)
	require.NoError(t, err)
	_, err = db.Pool.Exec(context.Background(), `insert into due.claims (p_id, id) select p, i from unnest('{1,3,4,6}'::int[]) p, generate_series(1, $1) i`, n)
	require.NoError(t, err)
	return &due{pool: db.Pool}
}

func (d *due) due(ctx context.Context, queue domain.FetchQueue, _ time.Duration) ([]domain.DueAccount, error) {
	rows, _ := d.pool.Query(ctx, `select id, due_at from due.claims where p_id = $1 and due_at <= now() order by id`, int(queue.Platform))
	return pgx.CollectRows(rows, pgx.RowToStructByPos[domain.DueAccount])
}

func (d *due) claim(ctx context.Context, tx pgx.Tx, queue domain.FetchQueue, _ []domain.DueAccount, lasts time.Duration) (domain.FetchClaim, error) {
	claim := domain.FetchClaim{FetchQueue: queue}
	rows, _ := tx.Query(ctx, `
		with free as (
			select p_id, id from due.claims where p_id = $1 and due_at <= now() and (claimed_until is null or claimed_until <= clock_timestamp())
			order by id for update skip locked),
		claimed as (
			update due.claims c set claimed_until = now() + $2::interval from free where c.p_id = free.p_id and c.id = free.id
			returning c.id, c.claimed_until)
		select id, claimed_until from claimed order by id`, int(queue.Platform), lasts)
	var id int64
	_, err := pgx.ForEachRow(rows, []any{&id, &claim.Until}, func() error {
		claim.Accounts = append(claim.Accounts, id)
		return nil
	})
	if d.fail.Load() {
		err = errors.Join(err, errors.New("it dies between claim and jobs"))
	}
	return claim, err
}

func (d *due) release(ctx context.Context, claim domain.FetchClaim) error {
	_, err := d.pool.Exec(ctx, `update due.claims set claimed_until = null where p_id = $1 and id = any($2) and claimed_until = $3`,
		int(claim.Platform), claim.Accounts, claim.Until)
	return err
}

// done is what the work does at its end: the connections are due much later.
func (d *due) done(ctx context.Context, claim domain.FetchClaim) error {
	_, err := d.pool.Exec(ctx, `
		update due.claims set claimed_until = null, due_at = due_at + interval '1 year' where p_id = $1 and id = any($2) and claimed_until = $3`,
		int(claim.Platform), claim.Accounts, claim.Until)
	return err
}

// left is how many connections of TikTok are due.
func (d *due) left(t testing.TB) (n int) {
	t.Helper()
	row := d.pool.QueryRow(context.Background(), `select count(*) from due.claims where p_id = $1 and due_at <= now()`, int(domain.TikTok))
	require.NoError(t, row.Scan(&n))
	return n
}

// use fills in what a scheduler needs to claim from it.
func (d *due) use(cfg scheduler.Config) scheduler.Config {
	cfg.Due, cfg.Claim, cfg.Release = d.due, d.claim, d.release
	return cfg
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
	if cfg.Every == nil {
		cfg.Every = every(time.Second)
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
	jobs []domain.FetchClaim
}

func (r *record) add(job domain.FetchClaim) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.jobs = append(r.jobs, job)
}

func (r *record) all() []domain.FetchClaim {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]domain.FetchClaim(nil), r.jobs...)
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

// eventually asks again and again, in the test's own goroutine: conditions may fail the test.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	for giveUp := time.Now().Add(soon); !condition(); time.Sleep(10 * time.Millisecond) {
		require.True(t, time.Now().Before(giveUp), "waited in vain for %s", what)
	}
}

// rows counts jobs in River's table.
func rows(t testing.TB, pool *pgxpool.Pool, where string, args ...any) int {
	t.Helper()
	var count int
	query := fmt.Sprintf("select count(*) from river.river_job where %s", where)
	require.NoError(t, pool.QueryRow(context.Background(), query, args...).Scan(&count))
	return count
}
