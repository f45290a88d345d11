package projections

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/internal/pg"
)

// The months around now for which reading tables have partitions. Back-fills reach years back;
// older readings go to the default partition. Live readings must never go there.
const (
	monthsBack  = 24
	monthsAhead = 3
)

// monthlyTables are the reading tables that are partitioned by month of capture.
var monthlyTables = []string{"tSAccountIns", "tSPostInsights"}

// attachMonths creates the missing monthly partitions around now for the partitioned tables in the
// list. If the default partition already holds rows of a month, that month is not attached and
// reported as an error; its rows stay where they are. If a long query reads a table, none is
// attached: see [errBusy].
func attachMonths(ctx context.Context, q database, tables []string, now time.Time) error {
	first := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, time.UTC)
	var errs []error
	for _, table := range tables {
		if !slices.Contains(monthlyTables, table) {
			continue
		}
		switch err := attach(ctx, q, table, first.AddDate(0, -monthsBack, 0), first.AddDate(0, monthsAhead, 0)); {
		case err == nil:
			continue
		case errors.Is(err, errBusy):
			errs = append(errs, fmt.Errorf("attach months to %s: %w", table, err))
			continue
		}
		for m := -monthsBack; m <= monthsAhead; m++ {
			month := first.AddDate(0, m, 0)
			if err := attach(ctx, q, table, month, month); err != nil {
				errs = append(errs, fmt.Errorf("attach %s to %s: %w", month.Format("2006-01"), table, err))
			}
		}
	}
	return errors.Join(errs...)
}

// idleInAttach is shorter than the bound of other steps, because attaching a month blocks all
// readers of the table.
const idleInAttach = "5s"

// errBusy means that the table's lock was not available in time. Waiting longer would block all
// readers that queue after the waiter.
var errBusy = errors.New("the table is being read")

func attach(ctx context.Context, q database, table string, first, last time.Time) error {
	err := pgx.BeginFunc(ctx, q, func(tx pgx.Tx) error {
		err := pg.Exec(ctx, tx, "bound the wait for locks",
			`select set_config('lock_timeout', '200ms', true), set_config('idle_in_transaction_session_timeout', $1, true)`, idleInAttach)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `select attach_months($1::regclass, $2, $3)`, table, first, last)
		return err
	})
	if lockedOut(err) {
		return fmt.Errorf("%w: %w", errBusy, err)
	}
	return err
}

const (
	// attachEvery is the interval between checks of the monthly partitions, attachAgain the delay
	// after a failure.
	attachEvery = 24 * time.Hour
	attachAgain = time.Minute
)

// keepMonths keeps monthly partitions ahead of the clock. It returns the time of the next check.
func keepMonths(ctx context.Context, pool *pgxpool.Pool, w work) time.Time {
	err := attachMonths(ctx, pool, w.projector.Tables, time.Now())
	if err == nil {
		return time.Now().Add(attachEvery)
	}
	if ctx.Err() == nil {
		w.logger.Warn("monthly partitions are not attached yet; their readings go to the default partition", "error", err)
	}
	return time.Now().Add(attachAgain)
}
