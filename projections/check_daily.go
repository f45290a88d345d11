package projections

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/internal/pg"
)

const (
	checkEvery = 24 * time.Hour   // between checks of the tables of a projection
	checkLook  = 10 * time.Minute // between searches for checks that are due
)

const checkLock = "ledgerboard check of tables"

// RunChecks compares the tables of each projection with the log once a day, until ctx is done. Only
// one process checks at a time. The first check is due a day after the tables went live.
func RunChecks(ctx context.Context, pool *pgxpool.Pool, engines []*Engine, logger *slog.Logger) {
	_ = loops{}.run(ctx, "checks", nil, func(ctx context.Context) (time.Duration, error) {
		if err := runDue(ctx, pool, engines, logger); err != nil && ctx.Err() == nil {
			logger.WarnContext(ctx, "the daily check of the tables failed", "error", err)
		}
		return checkLook, nil
	})
}

// runDue runs the checks that are due, unless another process is running checks. Its transaction
// only holds the lock.
func runDue(ctx context.Context, pool *pgxpool.Pool, engines []*Engine, logger *slog.Logger) error {
	return pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		err := pg.Exec(ctx, tx, "disable the idle timeout", `set local idle_in_transaction_session_timeout = 0`)
		if err != nil {
			return err
		}
		locked, err := pg.QueryBool(ctx, tx, "lock checks", `select pg_try_advisory_xact_lock(hashtext($1))`, checkLock)
		if err != nil || !locked {
			return err
		}
		var failed []error
		for _, e := range engines {
			failed = append(failed, checkDue(ctx, e, logger))
		}
		return errors.Join(failed...)
	})
}

func checkDue(ctx context.Context, e *Engine, logger *slog.Logger) error {
	due, err := pg.QueryBool(ctx, e.pool, "check whether a check is due", `
		select exists (
			select from generations g
			where g.projection = $1 and g.version = $2 and g.state = 'live'
			  and g.live_at < clock_timestamp() - $3::interval
			  and not exists (
				select from table_checks t
				where t.projection = $1 and t.generation = g.generation and t.at > clock_timestamp() - $3::interval))`,
		e.projector.Name, e.projector.Version, checkEvery)
	if err != nil || !due {
		return err
	}
	report, err := e.CheckTables(ctx)
	if err != nil {
		return err
	}
	if !report.Equal {
		logger.ErrorContext(ctx, "the tables differ from the log", "projection", report.Projection, "report", report.ID,
			"remedy", "run 'ledgerboard verify --tables' for details; a rebuild builds new tables from the log")
	}
	err = pg.Exec(ctx, e.pool, "store report of check", `
		insert into table_checks (projection, generation, at, equal, report) values ($1, $2, $3, $4, $5)
		on conflict (projection, generation) do update
			set at = excluded.at, equal = excluded.equal, report = excluded.report`,
		report.Projection, report.Generation, report.At, report.Equal, report)
	if err != nil {
		return err
	}
	return pg.Exec(ctx, e.pool, "delete checks of dropped tables", `
		delete from table_checks t using generations g
		where t.projection = $1 and g.projection = t.projection and g.generation = t.generation
		  and g.state in ('dropped', 'failed')`,
		report.Projection)
}
