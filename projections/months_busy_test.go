package projections_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/projections/projectors"
)

// A report reads a table while a new month is to be attached to it. Who waits for the table's lock would hold up every other
// reader and the fold behind the report: attaching gives up, and comes again.
func TestMonthsWaitForLongReports(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.append(accountRead(1, 1))
	e := b.engine(projectors.AccountInsights{})
	stop := b.start(e)
	b.caughtUp(e)
	stop()
	var month string
	require.NoError(t, b.db.Pool.QueryRow(b.ctx(), `
		select inhrelid::regclass::text from pg_inherits where inhparent = 'lb_account_insights_g1.tsaccountins'::regclass
		order by 1 desc offset 1 limit 1`).Scan(&month))
	b.exec("drop table " + month)
	report, err := b.db.Pool.Begin(b.ctx())
	require.NoError(t, err)
	defer func() { _ = report.Rollback(context.Background()) }()
	_, err = report.Exec(b.ctx(), "select count(*) from lb_account_insights_g1.tSAccountIns")
	require.NoError(t, err)
	e = b.engine(projectors.AccountInsights{})
	b.start(e)
	b.append(accountRead(1, 2))
	b.caughtUp(e) // beside the report
	require.Equal(t, 2, b.count("select count(*) from tSAccountIns"))
}
