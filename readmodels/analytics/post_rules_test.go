package analytics_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg/pgtest"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
)

// none is a figure that a reading did not bring.
const none = -1

// postRule is what June says of one post, worked out by hand. Its figures are likes, comments, shares and views.
type postRule struct {
	published string
	fromZero  bool // it was published since the account is read
	reads     []postReads
	likes     *int64
	views     *int64
	// engagement is likes + comments + shares; partial says that the answer marks it so.
	engagement *int64
	partial    bool
	// viewsOn are the bars of the chart that are not null.
	viewsOn map[string]int64
}

type postReads struct {
	when                           string
	likes, comments, shares, views int64
}

func (p postReads) counts() domain.Counts {
	figure := func(v int64) *int64 {
		if v == none {
			return nil
		}
		return &v
	}
	return domain.Counts{Likes: figure(p.likes), Comments: figure(p.comments), Shares: figure(p.shares), Views: figure(p.views)}
}

// What a post gained in June, figure by figure: the sum over the readings, the bars of the chart and the list of
// posts say one and the same.
func TestGainsOfPostsFollowTheirFigures(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t) // one after the other: a database each takes longer than a test
	n := func(v int64) *int64 { return &v }
	for name, r := range map[string]postRule{
		"nothing is missing": {
			"2026-05-01 10:00", false,
			[]postReads{{"2026-05-31 22:00", 10, 1, 2, 100}, {"2026-06-01 10:00", 12, 1, 2, 130}, {"2026-06-30 10:00", 15, 2, 3, 180}},
			n(5), n(80), n(7), false,
			map[string]int64{"2026-06-01": 30, "2026-06-30": 50},
		},
		"a figure that is missing once comes back with all it gained": {
			"2026-05-01 10:00", false,
			[]postReads{
				{"2026-05-31 22:00", 10, 1, 2, 100},
				{"2026-06-01 10:00", 12, 1, 2, none},
				{"2026-06-01 22:00", 12, 1, 2, none},
				{"2026-06-02 10:00", 15, 2, 3, 180},
			},
			n(5), n(80), n(7), false,
			map[string]int64{"2026-06-02": 80},
		},
		"a part of the engagement that is missing once comes back with all it gained": {
			"2026-05-01 10:00", false,
			[]postReads{{"2026-05-31 22:00", 10, 1, 2, 100}, {"2026-06-01 10:00", 12, 1, none, 120}, {"2026-06-02 10:00", 15, 2, 3, 180}},
			n(5), n(80), n(7), true,
			map[string]int64{"2026-06-01": 20, "2026-06-02": 60},
		},
		"a reel of June has no views and shares at first": {
			"2026-06-10 08:00", true,
			[]postReads{{"2026-06-10 10:00", 3, 0, none, none}, {"2026-06-10 22:00", 40, 2, 5, 900}, {"2026-06-11 10:00", 50, 2, 6, 1000}},
			n(50), n(1000), n(58), true,
			map[string]int64{"2026-06-10": 900, "2026-06-11": 100},
		},
		"a reel of May has no views and shares at first: they were gained when they came": {
			"2026-05-31 20:00", true,
			[]postReads{{"2026-05-31 22:00", 3, 0, none, none}, {"2026-06-01 10:00", 40, 2, 5, 900}, {"2026-06-02 10:00", 50, 2, 6, 1000}},
			n(47), n(1000), n(55), false,
			map[string]int64{"2026-06-01": 900, "2026-06-02": 100},
		},
		"what came late is the same": {
			"2026-05-01 10:00", false,
			[]postReads{
				{"2026-06-20 10:00", 15, 2, 3, 180}, {"2026-05-31 22:00", 10, 1, 2, 100}, {"2026-06-10 10:00", 11, 1, 2, none}, {"2026-06-05 10:00", none, 1, 2, 110},
			},
			n(5), n(80), n(7), true,
			map[string]int64{"2026-06-05": 10, "2026-06-20": 70},
		},
		"likes that are taken back are gained with a minus": {
			"2026-05-01 10:00", false,
			[]postReads{{"2026-05-31 22:00", 10, 1, 2, 100}, {"2026-06-01 10:00", 4, 1, 2, 100}},
			n(-6), n(0), n(-6), false,
			map[string]int64{"2026-06-01": 0},
		},
		"an old post that is read every 30 days gains them all on the day of the reading": {
			"2025-01-01 10:00", false,
			[]postReads{{"2026-05-12 10:00", 10, 1, 2, 100}, {"2026-06-11 10:00", 12, 1, 2, 400}},
			n(2), n(300), n(2), false,
			map[string]int64{"2026-06-11": 300},
		},
		"a figure that the platform never gives is no part": {
			"2026-05-01 10:00", false,
			[]postReads{{"2026-05-31 22:00", 10, 1, none, none}, {"2026-06-01 10:00", 12, 1, none, none}},
			n(2), nil, n(2), true,
			map[string]int64{},
		},
		"a post that the platform deleted in June keeps what it gained by then": {
			"2026-05-01 10:00", false,
			[]postReads{{"2026-05-31 22:00", 10, 1, 2, 100}, {"2026-06-03 10:00", 12, 1, 2, 130}},
			n(2), n(30), n(2), false,
			map[string]int64{"2026-06-03": 30},
		},
		"one that was deleted in May gained nothing that anybody knows": {
			"2026-05-01 10:00", false,
			[]postReads{{"2026-05-30 22:00", 10, 1, 2, 100}, {"2026-05-31 22:00", 12, 1, 2, 120}},
			nil, nil, nil, false,
			map[string]int64{},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := &world{Directory: []domain.DirectoryEntity{page(11, domain.Facebook)}}
			published := at(r.published)
			w.Add("r", domain.PostRegistered{
				Tenant: tenantOf(tenants[0], 11), Platform: domain.Facebook, ExternalID: "p", Origin: domain.OriginListing, RegisteredAt: published, PublishedAt: &published,
			})
			for i, one := range r.reads {
				w.Add(fmt.Sprint("p", i), domain.PostRead{
					Tenant: tenantOf(tenants[0], 11), Platform: domain.Facebook, ExternalID: "p", CapturedAt: at(one.when), PublishedAt: &published, FromZero: r.fromZero, Counts: one.counts(),
				})
			}
			w.Fold(t, db)
			a, scope := &analytics.Analytics{Pool: db.ReadOnly}, readmodels.Scope{ParentAccount: agencyA}
			// A range that cuts a quarter of an hour asks the raw readings, the other one only the roll-up.
			for _, from := range []time.Time{june.From, june.From.Add(-7 * time.Minute)} {
				query := analytics.RangeQuery{Range: june, Platforms: []domain.Platform{domain.Facebook}}
				query.Range.From = from
				totals, _, err := a.PostsTotalEngagements(t.Context(), scope, query)
				require.NoError(t, err)
				require.Equal(t, r.likes, totals.Total.Likes.Value)
				require.Equal(t, r.engagement, totals.Total.Engagement.Value)
				require.Equal(t, r.partial, totals.Total.EngagementPartial)
				views, _, err := a.PostsViews(t.Context(), scope, query)
				require.NoError(t, err)
				require.Equal(t, r.views, views.Total.Views.Value)
				bars := map[string]int64{}
				for _, day := range views.Total.Series {
					if day.Views != nil {
						bars[day.Day] = *day.Views
					}
				}
				require.Equal(t, r.viewsOn, bars)
				list, _, err := a.PostInsights(t.Context(), scope, query)
				require.NoError(t, err)
				growth := list.Posts[0].Growth
				require.Equal(t, []*int64{r.likes, r.views, r.engagement}, []*int64{growth.Likes, growth.Views, growth.Engagement}, "the list of posts")
				require.Equal(t, r.partial, growth.EngagementPartial, "the list of posts")
			}
		})
	}
}
