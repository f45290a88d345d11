package projections

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// The months that reading tables have partitions for: back-fills reach years back and land in the
// default partition beyond that; live readings must never land there.
const (
	monthsBack  = 24
	monthsAhead = 3
)

// monthlyTables are the reading tables that are partitioned by month of capture.
var monthlyTables = []string{"tSAccountIns", "tSPostInsights", "tSPostGrowth"}

// AttachMonths makes the missing monthly partitions around now. A month that cannot be attached,
// because the default partition already holds rows of it, is reported and does no harm: its rows stay
// where they are.
func AttachMonths(ctx context.Context, pool *pgxpool.Pool, now time.Time) error {
	first := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, time.UTC)
	var errs []error
	for _, table := range monthlyTables {
		for m := -monthsBack; m <= monthsAhead; m++ {
			month := first.AddDate(0, m, 0)
			if _, err := pool.Exec(ctx, `select attach_months($1::regclass, $2, $2)`, table, month); err != nil {
				errs = append(errs, fmt.Errorf("attach %s to %s: %w", month.Format("2006-01"), table, err))
			}
		}
	}
	return errors.Join(errs...)
}
