package projections_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
)

// After an import is withdrawn, the tables are built again without its posts and readings, by the
// engine itself. Until then, readers have the old tables, and a check does not call them different.
func TestWithdrawnImportCausesRebuildWithoutIt(t *testing.T) {
	t.Parallel()
	const wrong, right = "0199-wrong", "0199-right"
	imported := func(id string, drafts ...domain.Draft) []domain.Draft {
		for i := range drafts {
			drafts[i].Envelope.Source = domain.ImportSource(id)
			drafts[i].Envelope.ID = uuid.NewString()
		}
		return drafts
	}
	b := setup(t)
	b.append(imported(wrong, accountRead(1, 1), accountRead(1, 3), accountRead(2, 1), postRead(1, 1), registered(1))...)
	b.append(imported(right, accountRead(1, 4), postRead(1, 3))...)
	b.append(accountRead(1, 2), postRead(1, 2))
	cases := []struct {
		p             fold.Projector
		before, after map[string]int
	}{
		{projectors.AccountInsights, map[string]int{"tSAccountIns": 5, "figure_owners": 2}, map[string]int{"tSAccountIns": 2, "figure_owners": 1}},
		{projectors.PostInsights, map[string]int{"tSPostInsights": 3, "tSPosts": 1}, map[string]int{"tSPostInsights": 2, "tSPosts": 0}},
	}
	requireRows := func(want map[string]int) {
		for table, rows := range want {
			require.Equal(t, rows, b.count("select count(*) from "+table), table)
		}
	}
	for _, c := range cases {
		stop := b.follow(b.engine(c.p))
		requireRows(c.before)
		stop()
	}
	b.append(b.withdrawn(3, "0199-other"), b.withdrawn(1, wrong), b.withdrawn(2, wrong))
	for _, c := range cases {
		stop := b.follow(b.engine(c.p))
		ledgertest.Eventually(t, func() bool {
			return b.count("select count(*) from generations where projection = $1 and generation = 2 and state = 'live'", c.p.Name) == 1
		})
		requireRows(c.after)
		require.Equal(t, "system:import data_repair:"+wrong,
			b.text("select requested_by || ' ' || request_reason from generations where projection = $1 and generation = 2", c.p.Name))
		r := b.check(c.p)
		require.True(t, r.Equal, "%+v", r)
		stop()
		b.exec("update generations set outdated = $2 where projection = $1 and generation = 2", c.p.Name, wrong)
		_, err := b.engine(c.p).CheckTables(b.ctx())
		require.ErrorContains(t, err, "is not finished: an import was withdrawn")
	}
}

func (b *bench) withdrawn(account int64, id string) domain.Draft {
	event := domain.ImportWithdrawn{SocialAccount: account, Import: id}
	return draft(domain.TopicMetrics, event.Key(), uuid.NewString(), event)
}

func registered(account int64) domain.Draft {
	data := domain.PostRegistered{
		Tenant: tenantOf(account), Platform: domain.Facebook, ExternalID: "p", Origin: domain.OriginMainApp, RegisteredAt: day0,
	}
	return draft(domain.TopicMetrics, data.Key(), uuid.NewString(), data)
}
