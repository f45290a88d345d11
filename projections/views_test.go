package projections_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
)

// shows waits until the view of a table in schema lb shows one of another schema.
func (b *bench) shows(table, schema string) {
	b.t.Helper()
	require.Eventually(b.t, func() bool {
		return b.count(`
			select count(*) from pg_depend d join pg_rewrite r on r.oid = d.objid join pg_class v on v.oid = r.ev_class
			join pg_class t on t.oid = d.refobjid join pg_namespace n on n.oid = t.relnamespace
			where v.relnamespace = to_regnamespace('lb') and v.relname = $1 and n.nspname = $2`, table, schema) > 0
	}, patience, tick)
}

// Schema lb shows posts with what they say, whichever of the two has its tables first.
func TestPostsAreShownWithWhatTheySay(t *testing.T) {
	t.Parallel()
	for name, order := range map[string][]fold.Projector{
		"posts first": {projectors.PostInsights{}, projectors.Contents{}}, "texts first": {projectors.Contents{}, projectors.PostInsights{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			tenant := tenantOf(somePost.SocialAccount)
			tenant.ParentAccount = somePost.ParentAccount
			b.append(said(1, "as listed"), draft(domain.TopicMetrics, tenant.Key(), "registered", domain.PostRegistered{
				Tenant: tenant, Platform: domain.Facebook, ExternalID: somePost.ExternalID, Origin: domain.OriginListing, RegisteredAt: day0,
			}))
			for _, p := range order {
				e := b.engine(p)
				b.start(e)
				b.caughtUp(e)
			}
			require.Eventually(t, func() bool {
				var n int
				err := b.db.Pool.QueryRow(b.ctx(), "select count(*) from lb.tSPosts where content = 'as listed'").Scan(&n)
				return err == nil && n == 1
			}, patience, tick)
		})
	}
}
