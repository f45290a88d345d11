package analytics_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg/pgtest"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
)

// What a post gained in June, figure by figure, worked out by hand: the sum over the readings, the
// bars of the chart and the list of posts say one and the same.
func TestGainsOfPostsFollowTheirFigures(t *testing.T) {
	t.Parallel()
	const none = -1 // a figure that a reading did not bring
	type reading struct {
		when                           string
		likes, comments, shares, views int64
	}
	// gained is what likes, views and the engagement gained: likes, comments and shares; partial
	// marks it so.
	type gained struct {
		likes, views, engagement *int64
		partial                  bool
	}
	db := pgtest.New(t)
	n := func(v int64) *int64 { return &v }
	for name, tt := range map[string]struct {
		published string
		fromZero  bool // it was published since the account is read
		reads     []reading
		want      gained
		viewsOn   map[string]int64
	}{
		"a figure that is missing once comes back with all it gained": {"2026-05-01 10:00", false, []reading{
			{"2026-05-31 22:00", 10, 1, 2, 100}, {"2026-06-01 10:00", 12, 1, 2, none}, {"2026-06-01 22:00", 12, 1, 2, none}, {"2026-06-02 10:00", 15, 2, 3, 180},
		}, gained{n(5), n(80), n(7), false}, map[string]int64{"2026-06-02": 80}},
		"so does a part of the engagement": {"2026-05-01 10:00", false, []reading{
			{"2026-05-31 22:00", 10, 1, 2, 100}, {"2026-06-01 10:00", 12, 1, none, 120}, {"2026-06-02 10:00", 15, 2, 3, 180},
		}, gained{n(5), n(80), n(7), true}, map[string]int64{"2026-06-01": 20, "2026-06-02": 60}},
		"a reel of June has no views and shares at first": {"2026-06-10 08:00", true, []reading{
			{"2026-06-10 10:00", 3, 0, none, none}, {"2026-06-10 22:00", 40, 2, 5, 900}, {"2026-06-11 10:00", 50, 2, 6, 1000},
		}, gained{n(50), n(1000), n(58), true}, map[string]int64{"2026-06-10": 900, "2026-06-11": 100}},
		"a reel of May gained them when they came": {"2026-05-31 20:00", true, []reading{
			{"2026-05-31 22:00", 3, 0, none, none}, {"2026-06-01 10:00", 40, 2, 5, 900}, {"2026-06-02 10:00", 50, 2, 6, 1000},
		}, gained{n(47), n(1000), n(55), false}, map[string]int64{"2026-06-01": 900, "2026-06-02": 100}},
		"what came late is the same": {"2026-05-01 10:00", false, []reading{
			{"2026-06-20 10:00", 15, 2, 3, 180}, {"2026-05-31 22:00", 10, 1, 2, 100}, {"2026-06-10 10:00", 11, 1, 2, none}, {"2026-06-05 10:00", none, 1, 2, 110},
		}, gained{n(5), n(80), n(7), true}, map[string]int64{"2026-06-05": 10, "2026-06-20": 70}},
		"a figure that the platform never gives is no part": {"2026-05-01 10:00", false, []reading{
			{"2026-05-31 22:00", 10, 1, none, none}, {"2026-06-01 10:00", 12, 1, none, none},
		}, gained{n(2), nil, n(2), true}, map[string]int64{}},
		"one that was deleted in May gained nothing that anybody knows": {"2026-05-01 10:00", false, []reading{
			{"2026-05-30 22:00", 10, 1, 2, 100}, {"2026-05-31 22:00", 12, 1, 2, 120},
		}, gained{}, map[string]int64{}},
	} {
		t.Run(name, func(t *testing.T) {
			w := &world{Directory: []domain.DirectoryEntity{page(11, domain.Facebook)}}
			published := at(tt.published)
			w.Add("r", registered(tenantOf(tenants[0], 11), domain.Facebook, "p", published, &published))
			for i, one := range tt.reads {
				post := domain.PostRead{
					Tenant: tenantOf(tenants[0], 11), Platform: domain.Facebook, ExternalID: "p", CapturedAt: at(one.when), PublishedAt: &published, FromZero: tt.fromZero,
				}
				for to, v := range map[**int64]int64{&post.Likes: one.likes, &post.Comments: one.comments, &post.Shares: one.shares, &post.Views: one.views} {
					if v != none {
						*to = &v
					}
				}
				w.Add(fmt.Sprint("p", i), post)
			}
			w.Fold(t, db)
			// A range that cuts a quarter of an hour asks the raw readings, the other one only the roll-up.
			for _, from := range []time.Time{june.From, june.From.Add(-7 * time.Minute)} {
				query := onFacebook(analytics.Range{From: from, To: june.To, Zone: time.UTC})
				engagements, _ := ask(t, db, (*analytics.Analytics).PostsTotalEngagements, wholeAgency, query)
				views, _ := ask(t, db, (*analytics.Analytics).PostsViews, wholeAgency, query)
				totals := engagements.Total
				require.Equal(t, tt.want, gained{totals.Likes.Value, views.Total.Views.Value, totals.Engagement.Value, totals.EngagementPartial})
				bars := map[string]int64{}
				for _, day := range views.Total.Series {
					if day.Views != nil {
						bars[day.Day] = *day.Views
					}
				}
				require.Equal(t, tt.viewsOn, bars)
				list, _ := ask(t, db, (*analytics.Analytics).PostInsights, wholeAgency, query)
				g := list.Posts[0].Growth
				require.Equal(t, tt.want, gained{g.Likes, g.Views, g.Engagement, g.EngagementPartial})
			}
		})
	}
}
