package projections_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/tables"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// What another version has parked, or tables that are being made, refuses no command of those who read these tables.
func TestParkedInAnotherGenerationRefusesNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	stream := b.chain(agencyA)
	b.put(stream.next(stream.usersSet(client1, "u0")))
	e := b.engine(dashboards)
	b.start(e)
	b.caughtUp(e)
	partition := b.partitionOf(domain.TopicDashboards, agencyA)
	park := func(generation int) {
		b.exec(`insert into parked select 'dashboards', $3::int, $2, 0, $1, 'x', 'x', now(), 'refused', 'a slip', 'parked'`, agencyA, partition, generation)
	}
	pool, err := pg.Open(b.ctx(), pg.Config{URL: b.db.URL, SearchPath: tables.Views(), Name: "reads"})
	require.NoError(t, err)
	defer pool.Close()
	refusal := func() string {
		reads := readmodels.NewDashboards(readmodels.DashboardsConfig{Pool: pool, Progress: pg.NewProgress()})
		view, err := reads.Load(b.ctx(), domain.FactsNeed{ParentAccount: agencyA, Primary: client1, Partition: partition})
		require.NoError(t, err)
		return view.Refusal
	}
	park(b.another(e))
	require.Empty(t, refusal())
	park(1)
	require.Contains(t, refusal(), "parked")
}
