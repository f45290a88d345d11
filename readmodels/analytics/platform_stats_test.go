package analytics_test

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/pgtest"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
)

// stats computes each platform and period separately.
func (o *oracle) stats() analytics.PlatformStats {
	var want analytics.PlatformStats
	for _, p := range o.Platforms {
		stats := analytics.StatsOfPlatform{PlatformRef: readmodels.PlatformRefOf(p)}
		stats.SocialAccountIDs, stats.UserIDs = o.connected(p)
		for _, part := range o.parts() {
			period := analytics.StatsPeriod{
				Period: part.day, From: part.from.UTC(), To: part.to.UTC(), Posts: o.publishedIn(p, part), Demographics: o.demographics(p, part),
			}
			stats.Periods = append(stats.Periods, period)
		}
		want.Platforms = append(want.Platforms, stats)
	}
	return want
}

// connected returns the pages in scope now, and the users who own them.
func (o *oracle) connected(p domain.Platform) (pages []int64, users []string) {
	pages, users = []int64{}, []string{}
	for _, entity := range o.w.Directory {
		page, ok := entity.(domain.DirectorySocialAccount)
		if !ok || page.Platform != p || !o.sees(domain.Tenant{ParentAccount: page.ParentAccount, AccountID: page.AccountID, MemberID: page.MemberID}, p) {
			continue
		}
		pages = append(pages, page.ID)
		for _, entity := range o.w.Directory {
			if m, ok := entity.(domain.DirectoryMember); ok && m.ID == page.MemberID && m.UserID != "" && !slices.Contains(users, m.UserID) {
				users = append(users, m.UserID)
			}
		}
	}
	slices.Sort(pages)
	slices.Sort(users)
	return pages, users
}

// publishedIn counts the posts of the platform's accounts whose number is known; nil if none is.
func (o *oracle) publishedIn(p domain.Platform, in part) (n *int64) {
	for _, s := range o.ids([]domain.Platform{p}) {
		if posts := o.published(s.id, o.Range.To)(in.from, in.to); posts != nil {
			sum(&n, *posts)
		}
	}
	return n
}

func (o *oracle) demographics(p domain.Platform, in part) *analytics.Demographics {
	out := analytics.Demographics{}
	facets := map[string]map[string]int64{}
	for _, s := range o.ids([]domain.Platform{p}) {
		var last *gainsReading
		for _, read := range o.accountReads() {
			if read.owner.SocialAccount != s.id || len(read.splits) == 0 || read.at.Before(in.from) || !read.at.Before(in.to) {
				continue
			}
			if o.asOf == nil || read.at.After(*o.asOf) {
				o.asOf = &read.at
			}
			last = &read
		}
		if last == nil {
			continue
		}
		out.SocialAccounts++
		if last.at.After(out.CapturedAt) {
			out.CapturedAt = last.at
		}
		for _, facet := range last.splits {
			for name, n := range facet.Values {
				if facets[facet.Facet] == nil {
					facets[facet.Facet] = map[string]int64{}
				}
				facets[facet.Facet][name] += n
			}
		}
	}
	if out.SocialAccounts == 0 {
		return nil
	}
	list := func(facet string, largest bool) []analytics.AudienceShare {
		shares := []analytics.AudienceShare{}
		for _, name := range []string{"x", "y", "z"} {
			if n, ok := facets[facet][name]; ok {
				shares = append(shares, analytics.AudienceShare{Name: name, Followers: n})
			}
		}
		if largest {
			slices.SortStableFunc(shares, func(a, b analytics.AudienceShare) int { return cmp.Compare(b.Followers, a.Followers) })
		}
		return shares
	}
	out.AgeGroups, out.Gender, out.Countries, out.Cities = list("age", false), list("gender", false), list("country", true), list("city", true)
	return &out
}

var statsAgree = comparePart(
	func(a *analytics.Analytics, ctx context.Context, scope readmodels.Scope, q analytics.RangeQuery) (analytics.PlatformStats, analytics.Meta, error) {
		got, meta, err := a.Stats(ctx, scope, q)
		return withoutGains(got), meta, err
	}, (*oracle).stats)

// withoutGains leaves out what [TestGainsAddUp] checks.
func withoutGains(stats analytics.PlatformStats) analytics.PlatformStats {
	for i := range stats.Platforms {
		p := &stats.Platforms[i]
		p.SocialAccounts = 0
		for j := range p.Periods {
			stats := &p.Periods[j]
			stats.Followers, stats.FollowersChange, stats.Engagement, stats.Impressions, stats.Reach = nil, nil, nil, nil, nil
			stats.EngagementRatePct, stats.EngagementRateOf, stats.RecordedAt, stats.UpdatedAt = nil, nil, nil, nil
		}
	}
	return stats
}

// The stats of one page equal those of its platform in a world with only that page.
func TestStatsOfOnePageEqualItsPlatform(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	queries := &analytics.Analytics{Pool: db.ReadOnly}
	rapid.Check(t, func(t *rapid.T) {
		w := drawFurnished(t)
		q := w.drawQuery()
		one := pick(w.Rand, gainsPages...)
		q.Platforms, q.Member, q.Compare = []domain.Platform{one.platform}, 0, analytics.ComparePrevious
		w.Fold(t, db)
		q.Social = one.id
		got, meta, err := queries.Stats(t.Context(), q.scope, q.RangeQuery)
		require.NoError(t, err)

		alone := &world{}
		alone.Directory = slices.DeleteFunc(slices.Clone(w.Directory), func(entity domain.DirectoryEntity) bool {
			page, ok := entity.(domain.DirectorySocialAccount)
			return ok && page.ID != one.id
		})
		alone.Events = slices.DeleteFunc(slices.Clone(w.Events), func(ev fold.Event) bool {
			return ev.Data.(interface{ Key() string }).Key() != fmt.Sprint(one.id)
		})
		alone.Fold(t, db)
		q.Social = 0
		want, wantMeta, err := queries.Stats(t.Context(), q.scope, q.RangeQuery)
		require.NoError(t, err)
		require.Equal(t, want, got)
		require.Equal(t, wantMeta, meta)
	})
}

// A rate uses the people reached if the platform's own window equals the period, otherwise the
// followers.
func TestEngagementRateUsesReachOrFollowers(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	engaged := func(day string, v int64) domain.Figure { return flow(domain.MetricEngagement, day, v) }
	w := &world{Directory: []domain.DirectoryEntity{page(11, domain.Facebook)}}
	w.Add("a", read(domain.Facebook, at("2026-06-01 10:00"), people(400)))
	w.Add("b", read(domain.Facebook, at("2026-06-02 10:00"), people(400), reach("day", "2026-06-01", 200), engaged("2026-06-01", 31)))
	w.Add("c", read(domain.Facebook, at("2026-06-03 10:00"), people(450), reach("day", "2026-06-02", 0), engaged("2026-06-02", 30)))
	w.Add("d", read(domain.Facebook, at("2026-06-04 10:00"), people(0), reach("day", "2026-06-03", 90)))
	w.Add("e", read(domain.Facebook, at("2026-06-05 10:00"), engaged("2026-06-04", 7)))
	w.Fold(t, db)
	q := onFacebook(analytics.Range{From: at("2026-06-01 00:00"), To: at("2026-06-06 00:00"), Zone: time.UTC})
	type rate struct {
		pct   *float64
		stats *analytics.RateBase
	}
	rates := func() (all []rate) {
		got, _ := ask(t, db, (*analytics.Analytics).Stats, wholeAgency, q)
		for _, period := range got.Platforms[0].Periods {
			all = append(all, rate{period.EngagementRatePct, period.EngagementRateOf})
		}
		return all
	}
	ofReach, ofFollowers := analytics.RateOfReach, analytics.RateOfFollowers
	require.Equal(t, []rate{
		{new(15.5), &ofReach},    // 31 of 200
		{new(7.5), &ofFollowers}, // 30 of 400: no one was reached
		{},                       // no engagement
		{},                       // no rate for 0 followers
		{},                       // nothing was read on the day
	}, rates())
	q.Granularity = analytics.ByWeek // the platform has no window of this length
	require.Equal(t, []rate{{}}, rates(), "no followers at its end")
	w.Directory = append(w.Directory, page(12, domain.Facebook))
	w.Fold(t, db)
	q.Granularity = analytics.ByDay
	require.Equal(t, rate{new(7.75), &ofFollowers}, rates()[0], "people of two pages are not added up: 31 of 400")
	w.Add("f", readOf(12, domain.Facebook, at("2026-06-01 12:00"), people(400)))
	w.Fold(t, db)
	require.Equal(t, rate{new(7.75), &ofFollowers}, rates()[0], "the engagement of page 12 is not known: 31 of 400, not of 800")
	w.Add("g", readOf(12, domain.Facebook, at("2026-06-02 12:00"), people(500), engaged("2026-06-01", 9)))
	w.Fold(t, db)
	require.Equal(t, rate{new(5.0), &ofFollowers}, rates()[0], "40 of 800")
}

// Places are added up by id, with their newest names; answers contain the 25 largest.
func TestPlaceDemographicsAreSummedByID(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	w := &world{Directory: []domain.DirectoryEntity{page(11, domain.LinkedIn), page(12, domain.LinkedIn)}}
	put := func(event string, social int64, at time.Time, values map[string]int64, names map[string]string) {
		r := readOf(social, domain.LinkedIn, at, people(5000))
		r.Demographics = []domain.DemographicFacet{{Facet: "city", Values: values, Names: names}}
		w.Add(event, r)
	}
	cities := func() []analytics.AudienceShare {
		w.Fold(t, db)
		query := analytics.RangeQuery{Range: june, Platforms: []domain.Platform{domain.LinkedIn}, Granularity: analytics.ByMonth}
		got, _ := ask(t, db, (*analytics.Analytics).Stats, wholeAgency, query)
		return got.Platforms[0].Periods[0].Demographics.Cities
	}
	put("r1", 11, inJune, map[string]int64{"urn:li:geo:1": 10, "urn:li:geo:2": 7, "urn:li:geo:3": 1},
		map[string]string{"urn:li:geo:1": "Neustadt", "urn:li:geo:2": "Old name"})
	put("r2", 12, inJune.Add(time.Hour), map[string]int64{"urn:li:geo:1": 5, "urn:li:geo:2": 4}, map[string]string{"urn:li:geo:2": "Neustadt"})
	require.Equal(t, []analytics.AudienceShare{
		{Name: "Neustadt", Place: new("urn:li:geo:1"), Followers: 15},
		{Name: "Neustadt", Place: new("urn:li:geo:2"), Followers: 11},
		{Name: "urn:li:geo:3", Place: new("urn:li:geo:3"), Followers: 1},
	}, cities())
	many := map[string]int64{}
	for n := range int64(40) {
		many[fmt.Sprint("town ", n)] = 100 + n
	}
	put("r3", 11, inJune.Add(time.Hour), many, nil)
	largest := cities()
	require.Len(t, largest, 25)
	require.Equal(t, []int64{139, 115}, []int64{largest[0].Followers, largest[24].Followers})
}
