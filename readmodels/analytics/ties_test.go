package analytics_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg/pgtest"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
)

// Two clients of an agency read one page at the same instant, as when it moves between them: the agency counts it
// once, by the event with the smaller id, whichever of its clients that is.
func TestOfReadingsOfOneInstantTheSmallerIDCounts(t *testing.T) {
	t.Parallel()
	for name, ids := range map[string][2]string{"the first client's": {"a", "b"}, "the second client's": {"b", "a"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := pgtest.New(t)
			w := &world{Directory: []domain.DirectoryEntity{page(11, domain.Facebook)}}
			for i, tenant := range []domain.Tenant{tenants[0], tenants[1]} {
				followers := int64(100)
				if ids[i] == "b" {
					followers = 200
				}
				w.Add(ids[i], domain.AccountRead{
					Tenant: tenantOf(tenant, 11), Platform: domain.Facebook, CapturedAt: inJune,
					Figures: []domain.Figure{
						{Name: domain.MetricFollowers, Kind: domain.Stock, Value: followers, Source: "followers_count"},
						flow(domain.MetricEngagement, "2026-06-09", 10*followers),
					},
				})
			}
			w.Fold(t, db)
			a := &analytics.Analytics{Pool: db.ReadOnly}
			query := analytics.RangeQuery{Range: june, Platforms: []domain.Platform{domain.Facebook}}
			got, _, err := a.AccountInsights(t.Context(), readmodels.Scope{ParentAccount: agencyA}, query)
			require.NoError(t, err)
			require.Equal(t, new(int64(100)), got.Total.Followers.Value)
			require.Equal(t, new(int64(1000)), got.Total.Engagement.Value)
		})
	}
}
