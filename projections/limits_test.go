package projections_test

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/operator"
)

// passed waits until a limit of [pgtest.DB.Limit] has ended a session that runs a statement, or that is idle
// before it because the machine stalls.
func (b *bench) passed(ctx context.Context) error {
	person, err := pgx.Connect(ctx, b.db.URL)
	if err != nil {
		return err
	}
	defer person.Close(context.WithoutCancel(ctx))
	_, err = person.Exec(ctx, "select pg_sleep(60)")
	if refused, ok := errors.AsType[*pgconn.PgError](err); ok && slices.Contains([]string{"57014", "25P04", "57P05"}, refused.Code) {
		return nil
	}
	return errors.Join(errors.New("the limit does not apply to people"), err)
}

// A user or a database may have limits that are short for a build and a check, of statements, locks,
// transactions and idle time in them. Both have their own.
func TestBuildsAndChecksIgnoreDatabaseTimeouts(t *testing.T) {
	t.Parallel()
	b := setupReadings(t, 40)
	b.db.Limit(t, "200ms")
	p := copies(tally, func(ctx context.Context, f folded) error {
		return errors.Join(b.passed(ctx), b.passed(ctx), f.next()) // idle in the transaction of a build or a check
	})
	// Its keys take 400 ms.
	p.Definition += "alter table tally add check (pg_sleep(0.01) is not null);\n"
	e := b.followEngine(p)
	rebuild := b.request(p)
	b.ends(rebuild.ID, operator.StateLive)
	report, err := e.CheckTables(b.ctx())
	require.NoError(t, err)
	require.True(t, report.Equal)
}

// A build that fails again and again in the same way says what it met and what may cause it, in its
// state and in the health of the read model. It continues without a restart.
func TestRepeatedlyFailingBuildReportsCause(t *testing.T) {
	t.Parallel()
	b := setupReadings(t, 10)
	var canceled atomic.Bool
	e := b.followEngine(copies(tally, func(ctx context.Context, f folded) error {
		if canceled.Load() { // by a watchdog of the administrator
			_, err := f.conn.Exec(ctx, "select pg_cancel_backend(pg_backend_pid()), pg_sleep(60)")
			return errors.Join(err, ctx.Err())
		}
		return f.next()
	}))
	canceled.Store(true)
	rebuild := b.request(tally)
	stuck := b.awaitBuild(rebuild.ID, func(g operator.Generation) bool { return g.Waits == operator.WaitsStuck })
	require.Contains(t, stuck.Problem(), "57014")
	require.Contains(t, stuck.Problem(), "statement_timeout")
	b.awaitStatus(e, func(s operator.Projection) bool { return s.BuildFailed })
	canceled.Store(false)
	require.Empty(t, b.ends(rebuild.ID, operator.StateLive).Problem())
	b.awaitStatus(e, func(s operator.Projection) bool { return !s.BuildFailed })
}
