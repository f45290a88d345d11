package projections_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/leaks"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/pg/pgtest"
	"github.com/ledgerboard/ledgerboard/projections"
	"github.com/ledgerboard/ledgerboard/projections/fold"
)

// A stopped engine leaves no goroutine behind, in whatever it was when it was stopped. Serial, so
// that no other test's goroutines come and go meanwhile.
func TestEngineLeavesNoGoroutine(t *testing.T) { //nolint:paralleltest // see above
	db, topics := pgtest.New(t), testTopics(t)
	_, err := db.Pool.Exec(context.Background(), "create table tally (id text primary key, n int not null)")
	require.NoError(t, err)
	codec := eventlog.NewCodec(domain.NewRegistry(), topics, "/ledgerboard/test")
	log := newMemLog(codec, domain.TopicMetrics)
	r, err := codec.Encode(postRead(1, 1))
	require.NoError(t, err)
	log.put(r)
	engine := func(p fold.Projector, paused bool) *projections.Engine {
		e, err := projections.New(projections.Config{
			Projector: p, Log: &reader{memLog: log}, DatabaseURL: db.URL, Pool: db.Pool, Topics: topics, Registry: domain.NewRegistry(),
			Logger: quiet,
			Paused: func(context.Context) (bool, error) { return paused, nil },
		})
		require.NoError(t, err)
		return e.Waiting(often)
	}
	inWrite := make(chan struct{}, 1)
	for _, c := range []struct {
		name    string
		engine  *projections.Engine
		reached func(*projections.Engine) bool
	}{
		{"paused", engine(tally{}, true), func(e *projections.Engine) bool { return e.Problem() != "" }},
		{"in a batch", engine(faulty{tally{}, func(ctx context.Context, _ pgx.Tx, _ []fold.Event, _ func() error) error {
			inWrite <- struct{}{}
			<-ctx.Done()
			return ctx.Err()
		}}, false), func(*projections.Engine) bool { return len(inWrite) > 0 }},
		{"trying again", engine(faulty{tally{}, func(context.Context, pgx.Tx, []fold.Event, func() error) error {
			return errInjected
		}}, false), func(e *projections.Engine) bool { return e.Problem() != "" }},
		{"idle", engine(tally{}, false), func(e *projections.Engine) bool {
			s, err := e.Status(context.Background())
			return err == nil && s.Live() && s.Lag == 0
		}},
	} {
		t.Run(c.name, func(t *testing.T) { //nolint:paralleltest // serial
			before := goleak.IgnoreCurrent()
			ctx, cancel := context.WithCancel(context.Background())
			done := make(chan error, 1)
			go func() { done <- c.engine.Run(ctx) }()
			require.Eventually(t, func() bool { return c.reached(c.engine) }, patience, tick)
			cancel()
			require.NoError(t, <-done)
			leaks.None(t, before, goleak.IgnoreAnyFunction("github.com/jackc/puddle/v2.(*Pool[...]).initResourceValue"),
				goleak.IgnoreAnyFunction("github.com/jackc/pgx/v5/pgxpool.(*Pool).backgroundHealthCheck"),
				// a connection of the test's own pool that wrote slowly reads on
				goleak.IgnoreAnyFunction("github.com/jackc/pgx/v5/pgconn/internal/bgreader.(*BGReader).bgRead"))
		})
	}
}
