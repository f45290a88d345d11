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

var wholeAgency = readmodels.Scope{ParentAccount: agencyA}

func onFacebook(r analytics.Range) analytics.RangeQuery {
	return analytics.RangeQuery{Range: r, Platforms: []domain.Platform{domain.Facebook}}
}

// Page 11 is read every day but from the 20th to the 24th, when its connection was dead, and wins one follower a day.
// Page 12 is connected on the 10th with 1,000 followers and loses two a day. The line of both rises when 12 joins, and
// no change says that a thousand people came.
func TestFollowersOfAPageThatIsConnectedInTheRange(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	w := &world{Directory: []domain.DirectoryEntity{page(11, domain.Facebook), page(12, domain.Facebook)}}
	for d := range 31 { // 31 May is 0
		when := at("2026-05-31 09:00").AddDate(0, 0, d)
		if d < 20 || d > 24 {
			w.Add(fmt.Sprint("a", d), read(domain.Facebook, when, people(int64(100+d))))
		}
		if d >= 10 {
			r := read(domain.Facebook, when, people(int64(1020-2*d)))
			r.SocialAccount = 12
			w.Add(fmt.Sprint("b", d), r)
		}
	}
	w.Fold(t, db)
	a := &analytics.Analytics{Pool: db.ReadOnly}
	got, _, err := a.AccountFollowers(t.Context(), wholeAgency, onFacebook(june))
	require.NoError(t, err)
	day := func(n int) analytics.FollowerDay { return got.Total.Series[n-1] }
	n := func(v int64) *int64 { return &v }
	require.Len(t, got.Total.Series, 30)
	require.Equal(t, analytics.FollowerDay{Day: "2026-06-01", Followers: n(101), Change: n(1), AccountsRead: 1}, day(1), "since 31 May")
	require.Equal(t, analytics.FollowerDay{Day: "2026-06-09", Followers: n(109), Change: n(1), AccountsRead: 1}, day(9))
	require.Equal(t, analytics.FollowerDay{Day: "2026-06-10", Followers: n(1110), Change: n(1), AccountsRead: 2, AccountsJoined: 1}, day(10), "12 joins, nobody came to it")
	require.Equal(t, analytics.FollowerDay{Day: "2026-06-11", Followers: n(1109), Change: n(-1), AccountsRead: 2}, day(11))
	require.Equal(t, analytics.FollowerDay{Day: "2026-06-20", Followers: n(119 + 980), Change: n(-2), AccountsRead: 1}, day(20), "11 stands where it was")
	require.Equal(t, analytics.FollowerDay{Day: "2026-06-25", Followers: n(125 + 970), Change: n(6 - 2), AccountsRead: 2}, day(25), "six days' gain comes at once")
	total := got.Total.Followers
	require.Equal(t, []*int64{n(130 + 960), n(100 + 1000), n(30 - 40)}, []*int64{total.Value, total.Previous, total.Change})
	require.True(t, total.ComparedInPart, "12 was not there when the range began")
	net, _, err := a.AccountNetGrowth(t.Context(), wholeAgency, onFacebook(june))
	require.NoError(t, err)
	require.Equal(t, []*int64{n(1100), n(1090), n(-10)}, []*int64{net.Total.Start, net.Total.End, net.Total.Net})
	require.True(t, net.Total.ComparedInPart)

	// By weeks that the range cuts at both ends: Wednesday to Sunday, a whole week, Monday and Tuesday.
	weeks := onFacebook(analytics.Range{From: at("2026-06-03 00:00"), To: at("2026-06-17 00:00"), Zone: time.UTC})
	weeks.Granularity = analytics.ByWeek
	got, _, err = a.AccountFollowers(t.Context(), wholeAgency, weeks)
	require.NoError(t, err)
	require.Equal(t, []analytics.FollowerDay{
		{Day: "2026-06-01", Followers: n(107), Change: n(5), AccountsRead: 1},
		{Day: "2026-06-08", Followers: n(114 + 992), Change: n(7 - 8), AccountsRead: 2, AccountsJoined: 1}, // 12 since its first reading in this week
		{Day: "2026-06-15", Followers: n(116 + 988), Change: n(2 - 4), AccountsRead: 2},
	}, got.Total.Series)
}

// Platforms restate yesterday and the day before; what was captured last counts, whenever it arrives. A day that
// nobody read is null and not 0, and no other day has it.
func TestDaysThatPlatformsRestate(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	w := &world{Directory: []domain.DirectoryEntity{page(11, domain.Facebook)}}
	shown := func(when string, days ...domain.Figure) domain.AccountRead {
		return read(domain.Facebook, at(when), days...)
	}
	impressions := func(day string, v int64) domain.Figure { return flow(domain.MetricImpressions, day, v) }
	w.Add("d", shown("2026-06-04 10:00", impressions("2026-06-02", 12), impressions("2026-06-03", 30))) // restates the 2nd, downwards
	w.Add("e", shown("2026-06-06 10:00", impressions("2026-06-03", 33), impressions("2026-06-05", 0)))  // the 3rd; the 4th is missing
	w.Add("b", shown("2026-06-03 10:00", impressions("2026-06-01", 9), impressions("2026-06-02", 14)))  // the 1st, arrives late
	back := shown("2026-06-02 10:00", impressions("2026-06-01", 5))
	back.Backfilled = true
	w.Add("a", back) // arrives last, was captured first
	w.Fold(t, db)
	kolkata := zone(t, "Asia/Kolkata")
	for name, r := range map[string]analytics.Range{
		"in UTC":             {From: at("2026-06-01 00:00"), To: at("2026-06-07 00:00"), Zone: time.UTC},
		"half an hour apart": {From: analytics.StartOfDay(at("2026-06-01 00:00"), kolkata), To: analytics.StartOfDay(at("2026-06-07 00:00"), kolkata), Zone: kolkata},
	} {
		t.Run(name, func(t *testing.T) {
			got, meta, err := (&analytics.Analytics{Pool: db.ReadOnly}).AccountStats(t.Context(), wholeAgency, onFacebook(r))
			require.NoError(t, err)
			var days []any
			for _, d := range got.Total.Series {
				if d.Impressions == nil {
					days = append(days, nil)
				} else {
					days = append(days, *d.Impressions)
				}
			}
			require.Equal(t, []any{int64(9), int64(12), int64(33), nil, int64(0), nil}, days)
			require.Equal(t, new(int64(54)), got.Total.Impressions.Value)
			require.Contains(t, meta.Sources[0].Reason, "Of impressions, 4 of 6 days were read.")
		})
	}
}

// How long parts and periods are where the calendar is odd: a leap day, 400 days, a day of 23 hours, one hour.
func TestPartsAndPeriodsWhereTheCalendarIsOdd(t *testing.T) {
	t.Parallel()
	berlin, lordHowe := zone(t, "Europe/Berlin"), zone(t, "Australia/Lord_Howe")
	days := func(z *time.Location, from, to string) analytics.Range {
		return analytics.Range{From: analytics.StartOfDay(at(from+" 00:00"), z), To: analytics.StartOfDay(at(to+" 00:00"), z), Zone: z}
	}
	db := pgtest.New(t)
	(&world{Directory: []domain.DirectoryEntity{page(11, domain.Facebook)}}).Fold(t, db)
	for name, tt := range map[string]struct {
		of          analytics.Range
		parts       int
		first, last string
		before      string // when the previous period begins, UTC
	}{
		"February of a leap year":    {days(time.UTC, "2028-02-01", "2028-03-01"), 29, "2028-02-01", "2028-02-29", "2028-01-03 00:00"},
		"400 days":                   {days(time.UTC, "2025-05-27", "2026-07-01"), 400, "2025-05-27", "2026-06-30", "2024-04-22 00:00"},
		"a day of 23 hours":          {days(berlin, "2026-03-29", "2026-03-30"), 1, "2026-03-29", "2026-03-29", "2026-03-27 23:00"},
		"a week with it":             {days(berlin, "2026-03-26", "2026-04-02"), 7, "2026-03-26", "2026-04-01", "2026-03-18 23:00"},
		"a day that loses half hour": {days(lordHowe, "2026-10-04", "2026-10-05"), 1, "2026-10-04", "2026-10-04", "2026-10-02 13:30"},
		"one hour over midnight":     {analytics.Range{From: at("2026-06-10 23:30"), To: at("2026-06-11 00:30"), Zone: time.UTC}, 2, "2026-06-10", "2026-06-11", "2026-06-10 22:30"},
	} {
		t.Run(name, func(t *testing.T) {
			got, _, err := (&analytics.Analytics{Pool: db.ReadOnly}).AccountFollowers(t.Context(), wholeAgency, onFacebook(tt.of))
			require.NoError(t, err)
			series := got.Total.Series
			require.Len(t, series, tt.parts)
			require.Equal(t, []string{tt.first, tt.last}, []string{series[0].Day, series[len(series)-1].Day})
			require.Equal(t, at(tt.before), tt.of.Previous().From.UTC())
			require.Equal(t, tt.of.From.UTC(), tt.of.Previous().To.UTC())
		})
	}
}

// Members with the same sum share a rank and the next rank counts them both; who has no posts, or none of which the
// gain is known, is not on the board; who lost likes is on it, last.
func TestEqualsShareARank(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	w := &world{Directory: append(tenantPeople(), page(11, domain.Facebook))}
	published := at("2026-05-01 10:00")
	for i, p := range []struct {
		post          string
		member        int64
		before, after int64
	}{{"a", 1, 0, 7}, {"b", 1, 10, 13}, {"c", 2, 5, 15}, {"d", 4, 9, 7}, {"e", successor, none, 4}} {
		tenant := tenantOf(tenants[0], 11)
		tenant.MemberID = p.member
		w.Add(fmt.Sprint("r", i), domain.PostRegistered{
			Tenant: tenant, Platform: domain.Facebook, ExternalID: p.post, Origin: domain.OriginListing, RegisteredAt: published, PublishedAt: &published,
		})
		for j, likes := range []int64{p.before, p.after} {
			if likes != none {
				w.Add(fmt.Sprint("p", i, j), domain.PostRead{
					Tenant: tenant, Platform: domain.Facebook, ExternalID: p.post, CapturedAt: june.From.AddDate(0, 0, 20*j-10), PublishedAt: &published,
					Counts: domain.Counts{Likes: &likes, Comments: new(int64(0)), Shares: new(int64(0))},
				})
			}
		}
	}
	w.Fold(t, db)
	got, _, err := (&analytics.Analytics{Pool: db.ReadOnly}).Leaderboard(t.Context(), wholeAgency, onFacebook(june))
	require.NoError(t, err)
	var board [][]int64
	for _, m := range got.Members {
		board = append(board, []int64{m.Rank, m.MemberID, m.Posts, m.Engagement})
	}
	require.Equal(t, [][]int64{{1, 1, 2, 10}, {1, 2, 1, 10}, {3, 4, 1, -2}}, board)
	var posts []string
	for _, p := range got.Posts {
		posts = append(posts, fmt.Sprint(p.Rank, p.ExternalID))
	}
	require.Equal(t, []string{"1c", "2a", "3b", "4d"}, posts)
}

// A page that ends amid equals is that of the whole ranking, newest first, and a post that is registered nowhere takes no place.
func TestPagesOfARankingCutEquals(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	w := &world{Directory: append(tenantPeople(), page(11, domain.Facebook))}
	var whole []string
	for i := range 40 {
		id, gained := fmt.Sprint("equal", i), int64(7)
		switch i {
		case 11:
			id, gained = "nowhere", 50
		case 12:
			id, gained = "less", 3
		default:
			whole = append([]string{"1" + id}, whole...)
		}
		tenant, published := tenantOf(tenants[0], 11), june.From.AddDate(0, 0, i-50)
		if id != "nowhere" {
			w.Add("r"+id, domain.PostRegistered{
				Tenant: tenant, Platform: domain.Facebook, ExternalID: id, Origin: domain.OriginListing, RegisteredAt: published, PublishedAt: &published,
			})
		}
		for j, likes := range []int64{0, gained} {
			w.Add(fmt.Sprint("p", id, j), domain.PostRead{
				Tenant: tenant, Platform: domain.Facebook, ExternalID: id, CapturedAt: june.From.AddDate(0, 0, 3*j), PublishedAt: &published,
				Counts: domain.Counts{Likes: &likes},
			})
		}
	}
	whole = append(whole, "39less")
	w.Fold(t, db)
	for _, limit := range []int{1, 3, 10, 50} {
		query := onFacebook(june)
		query.Page.Limit = limit
		var posts []string
		for {
			got, meta, err := (&analytics.Analytics{Pool: db.ReadOnly}).TopPosts(t.Context(), wholeAgency, query)
			require.NoError(t, err)
			for _, p := range got.Posts {
				posts = append(posts, fmt.Sprint(p.Rank, p.ExternalID))
			}
			if query.Page.Cursor = meta.NextCursor; meta.NextCursor == "" {
				break
			}
		}
		require.Equal(t, whole, posts, "pages of %d", limit)
	}
}

// A busy account does not hide an idle one: each is measured by itself. Three hundred posts at one instant are
// frequent and not regular; an account of which no post is known is not measured.
func TestAccountsAreMeasuredEachByItself(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	w := &world{Directory: []domain.DirectoryEntity{page(11, domain.Facebook), page(12, domain.Facebook), page(13, domain.Facebook)}}
	post := func(social int64, id string, when time.Time) {
		w.Add(fmt.Sprint(social, id), domain.PostRegistered{
			Tenant: tenantOf(tenants[0], social), Platform: domain.Facebook, ExternalID: id, Origin: domain.OriginListing, RegisteredAt: when, PublishedAt: &when,
		})
	}
	for i := range 300 {
		post(11, fmt.Sprint(i), at("2026-06-10 12:00"))
	}
	post(12, "old", at("2024-06-10 12:00"))
	w.Fold(t, db)
	r := analytics.Range{From: at("2026-06-01 00:00"), To: at("2026-06-15 00:00"), Zone: time.UTC}
	got, _, err := (&analytics.Analytics{Pool: db.ReadOnly}).ActivityMeter(t.Context(), wholeAgency, onFacebook(r))
	require.NoError(t, err)
	total := got.Total
	require.Equal(t, []int{3, 2}, []int{total.SocialAccounts, total.AccountsMeasured})
	require.Equal(t, new(int64(300)), total.Posts)
	require.Equal(t, []float64{50, 25, 37.5, 75}, []float64{*total.Frequency, *total.Regularity, *total.Score, *total.PostsPerWeek})
}
