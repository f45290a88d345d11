package analytics_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/pgtest"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
)

// The rules for kinds of figures, with numbers: June of one metric of one page, or of two.
func TestTotalsDependOnFigureKind(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	const engagement = domain.MetricEngagement
	type readings []domain.AccountRead
	with := func(when string, figures ...domain.Figure) domain.AccountRead {
		return read(domain.Facebook, at(when), figures...)
	}
	stock := func(when string, v int64) domain.AccountRead { return with(when, people(v)) }
	count := func(when string, v int64) domain.AccountRead {
		return read(domain.TikTok, at(when), counter(engagement, v))
	}
	ofPage12 := func(r domain.AccountRead) domain.AccountRead { r.SocialAccount = 12; return r }
	compared := func(value, previous, change int64, pct float64) analytics.Total {
		return analytics.Total{Value: &value, Previous: &previous, Change: &change, ChangePct: &pct, Accounts: 1, Note: analytics.NoteNone}
	}
	alone := func(value int64) analytics.Total {
		return analytics.Total{Value: &value, Note: analytics.NoteFirstReading, Accounts: 1}
	}
	since := func(when string, total analytics.Total) analytics.Total {
		total.GainedSince, total.ChangePct, total.Note = new(at(when)), nil, analytics.NoteGap
		return total
	}
	inPart := func(total analytics.Total) analytics.Total { total.Note = analytics.NotePart; return total }
	withoutPct := func(total analytics.Total) analytics.Total { total.ChangePct = nil; return total }
	for name, r := range map[string]struct {
		reads readings
		want  analytics.Total
		to    string // end of the range; June by default
	}{
		"stock: the last reading counts, against the last one before": {reads: readings{
			stock("2026-05-30 10:00", 80), stock("2026-05-31 10:00", 100), stock("2026-06-02 10:00", 90), stock("2026-06-20 10:00", 125), stock("2026-07-01 00:00", 999),
		}, want: compared(125, 100, 25, 25)},
		"stock: a reading at the first instant is in the range": {
			reads: readings{stock("2026-05-31 00:00", 100), stock("2026-06-01 00:00", 110)}, want: compared(110, 100, 10, 10),
		},
		"stock: what came about in more than 35 days has no percentage": {
			reads: readings{stock("2026-04-28 10:00", 60), stock("2026-06-02 10:01", 25)}, want: since("2026-04-28 10:00", compared(25, 60, -35, 0)),
		},
		"stock: one reading is no change": {reads: readings{stock("2026-06-02 10:00", 5)}, want: alone(5)},
		"stock: the first reading of all is the baseline": {
			reads: readings{stock("2026-06-02 10:00", 5), stock("2026-06-05 10:00", 9)},
			want:  analytics.Total{Value: new(int64(9)), Previous: new(int64(5)), Change: new(int64(4)), Note: analytics.NoteFirstReading, Accounts: 1},
		},
		"stock: from nothing there is no per cent": {
			reads: readings{stock("2026-05-02 10:00", 0), stock("2026-06-05 10:00", 9)}, want: withoutPct(compared(9, 0, 9, 0)),
		},
		"day flow: the sum of the days, a later reading of a day replaces it": {reads: readings{
			with("2026-06-02 10:00", flow(engagement, "2026-05-31", 7), flow(engagement, "2026-06-01", 3)),
			with("2026-06-03 10:00", flow(engagement, "2026-06-01", 5), flow(engagement, "2026-06-02", 10)),
			with("2026-07-02 10:00", flow(engagement, "2026-06-30", 100), flow(engagement, "2026-07-01", 1000)),
		}, want: inPart(compared(115, 7, 93, 1328.57))}, // only June 30 has a counterpart in the previous period: May 31
		"day flow: a day of the period before without its day in the range": {reads: readings{
			with("2026-06-03 10:00", flow(engagement, "2026-05-02", 8), flow(engagement, "2026-05-03", 4), flow(engagement, "2026-06-01", 10)),
		}, want: inPart(compared(10, 8, 2, 25))},
		"day flow: a page that was read only before is not compared": {reads: readings{
			with("2026-06-03 10:00", flow(engagement, "2026-05-02", 8), flow(engagement, "2026-06-01", 10)),
			ofPage12(with("2026-05-05 10:00", flow(engagement, "2026-05-02", 30))),
		}, want: inPart(compared(10, 8, 2, 25))},
		"day flow: only such a page": {reads: readings{ofPage12(with("2026-05-05 10:00", flow(engagement, "2026-05-02", 30)))}, want: analytics.Total{Note: analytics.NoteNone}},
		"day flow: no day in common is no baseline": {
			reads: readings{with("2026-06-03 10:00", flow(engagement, "2026-05-20", 7), flow(engagement, "2026-06-02", 10))}, want: alone(10),
		},
		"cumulative: the difference of the readings at the ends": {reads: readings{
			count("2026-05-01 10:00", 1000), count("2026-05-31 10:00", 1100), count("2026-06-20 10:00", 1500), count("2026-06-30 10:00", 1400),
		}, want: compared(300, 100, 200, 200)},
		"cumulative: a counter that falls is negative": {
			reads: readings{count("2026-05-31 10:00", 1100), count("2026-06-20 10:00", 1000)}, want: alone(-100),
		},
		"cumulative: without a reading before, since the first one in the range": {
			reads: readings{count("2026-06-01 10:00", 1100), count("2026-06-01 22:00", 1150), count("2026-06-20 10:00", 1200)}, want: alone(100),
		},
		"cumulative: a page that is connected in the range is in the total, with its later gains, and in no comparison": {reads: readings{
			count("2026-05-01 10:00", 500), count("2026-05-31 10:00", 540), count("2026-06-30 10:00", 640),
			ofPage12(count("2026-06-10 08:00", 1000)), ofPage12(count("2026-06-10 20:00", 4000)), ofPage12(count("2026-06-29 10:00", 9000)),
		}, want: analytics.Total{
			Value: new(int64(8100)), Previous: new(int64(40)), Change: new(int64(60)), ChangePct: new(150.0), Note: analytics.NotePart, Accounts: 2,
		}},
		"cumulative: one reading is no difference": {reads: readings{count("2026-06-01 10:00", 1100)}, want: analytics.Total{Note: analytics.NoteFirstReading}},
		"cumulative: a gain of two years says so, beside others too": {
			reads: readings{count("2024-06-15 10:00", 1000), count("2026-06-20 10:00", 900_000), count("2026-06-25 10:00", 900_070)},
			want:  since("2024-06-15 10:00", alone(899_070)),
		},
		"cumulative: compared with such a gain there is no percentage": {
			reads: readings{count("2026-02-01 10:00", 1), count("2026-05-20 10:00", 900), count("2026-06-20 10:00", 1000)},
			want:  withoutPct(compared(100, 899, -799, 0)),
		},
		"cumulative: a long gap that ends with the range, on a day that is read again": {
			reads: readings{count("2026-05-01 10:00", 100), count("2026-06-10 04:00", 150), count("2026-06-10 16:00", 160)}, to: "2026-06-10 05:00",
			want: since("2026-05-01 10:00", alone(50)),
		},
		"a counter of a figure that the platform counts by day is not counted": {reads: readings{
			with("2026-06-01 10:00", counter(engagement, 100)), with("2026-06-02 10:00", counter(engagement, 110)),
			with("2026-06-03 10:00", counter(engagement, 130), flow(engagement, "2026-06-03", 17)),
			with("2026-06-04 10:00", counter(engagement, 160)),
		}, want: alone(17)},
		"rolling is in no total": {
			reads: readings{with("2026-06-10 09:30", domain.Figure{Name: engagement, Kind: domain.Rolling, Value: 4000, Window: "months_12"})},
			want:  analytics.Total{Note: analytics.NoteNone},
		},
		"nothing read is null": {want: analytics.Total{Note: analytics.NoteNone}},
	} {
		t.Run(name, func(t *testing.T) {
			w, stocks := &world{}, false
			for i, one := range r.reads {
				w.Directory = append(w.Directory, page(one.SocialAccount, one.Platform))
				w.Add(fmt.Sprint(i), one)
				stocks = one.Figures[0].Kind == domain.Stock
			}
			w.Fold(t, db)
			queried := june
			if r.to != "" {
				queried.To = at(r.to)
			}
			got, _ := ask(t, db, (*analytics.Analytics).AccountInsights, wholeAgency, everywhere(queried))
			total := got.Total.Engagement
			if stocks {
				total = got.Total.Followers
			}
			total.Kinds, total.SourceMetrics = nil, nil
			require.Equal(t, r.want, total)
		})
	}
}

// Gains of posts in the first days of June are compared with all of May only in part, unless June
// was read to its end.
func TestGainsOfPartlyReadPostsAreComparedInPart(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	w := &world{Directory: append(tenantPeople(), page(11, domain.Facebook), page(12, domain.Facebook))}
	readLikes := func(social int64, when string, likes int64) {
		w.Add(fmt.Sprint(social, when), readPost(tenantOf(tenants[0], social), domain.Facebook, "p", at(when), nil, domain.Counts{Likes: &likes}))
	}
	likes := func(want ...int64) analytics.Gain {
		w.Fold(t, db)
		var got analytics.Gain
		for _, compare := range []analytics.Compare{"", analytics.ComparePrevious} {
			q := onFacebook(june)
			q.Compare = compare
			answer, _ := ask(t, db, (*analytics.Analytics).PostsLikes, wholeAgency, q)
			got = answer.Total.Likes
			require.Equal(t, want, []int64{*got.Value, *got.Previous, *got.Change}, compare)
		}
		return got
	}
	readLikes(11, "2026-05-01 10:00", 0)
	readLikes(11, "2026-05-02 10:00", 100)
	readLikes(11, "2026-05-30 10:00", 1000)
	readLikes(11, "2026-06-02 10:00", 1064)
	require.Equal(t, analytics.NotePart, likes(64, 1000, -936).Note, "June was read to the 2nd")
	require.Nil(t, likes(64, 1000, -936).ChangePct, "two days compared with a month")
	readLikes(11, "2026-06-29 10:00", 1065)
	require.Equal(t, analytics.NoteNone, likes(65, 1000, -935).Note)
	readLikes(12, "2026-05-10 10:00", 5)
	readLikes(12, "2026-05-11 10:00", 7)
	require.Equal(t, analytics.NotePart, likes(65, 1000, -935).Note, "page 12 gained 2 in May")
}

// At 18:00 on June 10, the nine days that are over are compared with nine days, and today's readings
// with those until 18:00 on the last of the ten days before June.
func TestUnfinishedRangeIsComparedWithEqualLength(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	w := &world{Directory: []domain.DirectoryEntity{page(11, domain.Facebook), subscribed}}
	days := flows(domain.MetricEngagement, "2026-04-20", "2026-06-11", func(time.Time) int64 { return 10 })
	w.Add("a", read(domain.Facebook, at("2026-05-06 10:00"), people(50)))
	w.Add("b", read(domain.Facebook, at("2026-06-10 09:00"), append(days, people(100))...))
	w.Fold(t, db)
	r := june
	r.Now = at("2026-06-10 18:00")
	got, meta := ask(t, db, (*analytics.Analytics).AccountInsights, wholeAgency, onFacebook(r))
	require.False(t, meta.Complete)
	require.Equal(t, analytics.SourceOK, meta.Sources[0].Status, "the days to come are not missed: %s", meta.Sources[0].Text)
	engagement, followers := got.Total.Engagement, got.Total.Followers
	require.Equal(t, []int64{100, 90, 0}, []int64{*engagement.Value, *engagement.Previous, *engagement.Change})
	require.Equal(t, analytics.NotePart, engagement.Note, "the day that has not ended is not compared")
	require.Equal(t, []int64{100, 50, 50}, []int64{*followers.Value, *followers.Previous, *followers.Change})

	require.Equal(t, []time.Time{at("2026-05-22 00:00"), at("2026-05-31 18:00")}, []time.Time{*meta.ComparedFrom, *meta.ComparedTo})

	r.Now = r.To
	_, meta = ask(t, db, (*analytics.Analytics).AccountInsights, wholeAgency, onFacebook(r))
	require.True(t, meta.Complete)
	require.Equal(t, daysOf(domain.MetricEngagement, 10, 29), meta.Sources[0].Reasons,
		"the 30th may not be over everywhere")
}

// At noon, today is compared with yesterday until noon: posts, counters and their series. Followers
// are compared with their number when today began.
func TestTodayIsComparedWithYesterdayUntilTheSameHour(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	w := &world{Directory: append(tenantPeople(), page(11, domain.TikTok))}
	for when, n := range map[string]int64{
		"2026-06-08 22:00": 0, "2026-06-09 10:00": 5, "2026-06-09 20:00": 105, "2026-06-10 10:00": 112,
	} {
		w.Add("post "+when, readPost(tenantOf(tenants[0], 11), domain.TikTok, "p", at(when), nil, domain.Counts{Likes: &n}))
		w.Add("page "+when, read(domain.TikTok, at(when), people(1000+n), counter(domain.MetricEngagement, 10*n)))
	}
	w.Fold(t, db)
	for _, compare := range []analytics.Compare{"", analytics.ComparePrevious} {
		q := everywhere(analytics.Range{From: at("2026-06-10 00:00"), To: at("2026-06-11 00:00"), Zone: time.UTC, Now: at("2026-06-10 12:07")})
		q.Compare = compare
		posts, meta := ask(t, db, (*analytics.Analytics).PostsLikes, wholeAgency, q)
		require.Equal(t, []int64{7, 5, 2}, []int64{*posts.Total.Likes.Value, *posts.Total.Likes.Previous, *posts.Total.Likes.Change}, compare)
		require.Equal(t, []time.Time{at("2026-06-09 00:00"), at("2026-06-09 12:00")}, []time.Time{*meta.ComparedFrom, *meta.ComparedTo})
		insights, _ := ask(t, db, (*analytics.Analytics).AccountInsights, wholeAgency, q)
		engagement := insights.Total.Engagement
		require.Equal(t, []int64{70, 50, 20}, []int64{*engagement.Value, *engagement.Previous, *engagement.Change}, compare)
		followers, _ := ask(t, db, (*analytics.Analytics).AccountFollowers, wholeAgency, q)
		require.Equal(t, []int64{1112, 1105}, []int64{*followers.Total.Followers.Value, *followers.Total.Followers.Previous}, compare)
		if compare != "" {
			require.EqualValues(t, 5, *followers.Total.PreviousSeries[0].Change)
			require.EqualValues(t, 5, *posts.Total.PreviousSeries[0].Likes)
		} else {
			require.Nil(t, posts.Total.PreviousSeries)
		}
	}
}

// Reach is the platform's own figure for exactly the range, and never a sum.
func TestReachIsNeverSummed(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	first := read(domain.Facebook, at("2026-06-29 10:00"),
		reach("day", "2026-06-27", 10), reach("day", "2026-06-28", 20), reach("week", "2026-06-28", 50), reach("days_28", "2026-06-28", 90))
	second := first
	second.SocialAccount = 12
	four := analytics.Range{From: at("2026-06-01 00:00"), To: at("2026-06-29 00:00"), Zone: time.UTC}
	for name, tt := range map[string]struct {
		r             analytics.Range
		reads         []domain.AccountRead
		total, single *int64
	}{
		"28 days":   {four, []domain.AccountRead{first}, new(int64(90)), new(int64(90))},
		"a month":   {june, []domain.AccountRead{first}, nil, nil},
		"two pages": {four, []domain.AccountRead{first, second}, nil, new(int64(90))},
	} {
		t.Run(name, func(t *testing.T) {
			w := &world{}
			for i, r := range tt.reads {
				w.Directory = append(w.Directory, page(r.SocialAccount, domain.Facebook))
				w.Add(fmt.Sprint(i), r)
			}
			w.Fold(t, db)
			got, _ := ask(t, db, (*analytics.Analytics).AccountStats, wholeAgency, everywhere(tt.r))
			require.Equal(t, tt.total, got.Total.Reach)
			require.Len(t, got.Reach, len(tt.reads))
			require.Equal(t, tt.single, got.Reach[0].Value)
		})
	}
}

// Page 11 is read every day except from the 20th to the 24th, when its connection was broken, and
// gains one follower a day. Page 12 is connected on the 10th with 1,000 followers and loses two a
// day. The sum of both rises when 12 joins, but no change includes the thousand followers.
func TestFollowersChangeExcludesPagesConnectedInRange(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	w := &world{Directory: []domain.DirectoryEntity{page(11, domain.Facebook), page(12, domain.Facebook)}}
	for d := range 31 { // May 31 is 0
		when := at("2026-05-31 09:00").AddDate(0, 0, d)
		if d < 20 || d > 24 {
			w.Add(fmt.Sprint("a", d), read(domain.Facebook, when, people(int64(100+d))))
		}
		if d >= 10 {
			w.Add(fmt.Sprint("b", d), readOf(12, domain.Facebook, when, people(int64(1020-2*d))))
		}
	}
	w.Fold(t, db)
	got, _ := ask(t, db, (*analytics.Analytics).AccountFollowers, wholeAgency, onFacebook(june))
	day := func(n int) analytics.FollowerDay { return got.Total.Series[n-1] }
	n := func(v int64) *int64 { return &v }
	require.Len(t, got.Total.Series, 30)
	require.Equal(t, analytics.FollowerDay{Day: "2026-06-01", Followers: n(101), Change: n(1), AccountsRead: 1}, day(1), "since 31 May")
	require.Equal(t, analytics.FollowerDay{Day: "2026-06-09", Followers: n(109), Change: n(1), AccountsRead: 1}, day(9))
	require.Equal(t, analytics.FollowerDay{Day: "2026-06-10", Followers: n(1110), Change: n(1), AccountsRead: 2, AccountsJoined: 1}, day(10), "12 joins, nobody came to it")
	require.Equal(t, analytics.FollowerDay{Day: "2026-06-11", Followers: n(1109), Change: n(-1), AccountsRead: 2}, day(11))
	require.Equal(t, analytics.FollowerDay{Day: "2026-06-20", Followers: n(119 + 980), Change: n(-2), AccountsRead: 1}, day(20), "11 stands where it was")
	require.Equal(t, analytics.FollowerDay{Day: "2026-06-25", Followers: n(125 + 970), Change: n(6 - 2), AccountsRead: 2}, day(25), "the gain of six days counts at once")
	total := got.Total.Followers
	require.Equal(t, []*int64{n(130 + 960), n(100 + 1000), n(30 - 40)}, []*int64{total.Value, total.Previous, total.Change})
	require.Equal(t, analytics.NotePart, total.Note, "12 was not there when the range began")
	require.Equal(t, new(30.0), total.ChangePct, "of pages read before")
	require.Equal(t, &analytics.SameAccounts{Accounts: 1, Previous: n(100), Change: n(30), ChangePct: new(30.0)}, got.Total.SameAccounts, "11")
	net, _ := ask(t, db, (*analytics.Analytics).AccountNetGrowth, wholeAgency, onFacebook(june))
	require.Equal(t, []*int64{n(1100), n(1090), n(-10)}, []*int64{net.Total.Start, net.Total.End, net.Total.Net})
	require.Equal(t, analytics.NotePart, net.Total.Note)
	require.Equal(t, new(30.0), net.Total.NetPct)
}

// gainedLikes returns a registered post and two readings of it in June, between which it gains
// likes.
func gainedLikes(w *world, member int64, id string, published time.Time, gained int64) {
	tenant := tenantOf(tenants[0], 11)
	tenant.MemberID = member
	w.Add("r"+id, registered(tenant, domain.Facebook, id, published, &published))
	for i, likes := range []int64{0, gained} {
		captured := june.From.AddDate(0, 0, 3*i)
		w.Add(fmt.Sprint("p", id, i), readPost(tenant, domain.Facebook, id, captured, &published, domain.Counts{Likes: &likes}))
	}
}

// A page that ends among equal posts continues newest first; unregistered posts take no place.
func TestRankingPageContinuesAmongEqualPosts(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	w := &world{Directory: append(tenantPeople(), page(11, domain.Facebook))}
	gainedLikes(w, 1, "less", june.From.AddDate(0, 0, -50), 3)
	gainedLikes(w, 1, "nowhere", june.From.AddDate(0, 0, -50), 50)
	w.Events = slices.DeleteFunc(w.Events, func(ev fold.Event) bool { return ev.Envelope.ID == "rnowhere" })
	whole := []string{"39less"}
	for i := range 38 {
		id := fmt.Sprint("equal", i)
		gainedLikes(w, 1, id, june.From.AddDate(0, 0, i-45), 7)
		whole = append([]string{"1" + id}, whole...)
	}
	w.Fold(t, db)
	for _, limit := range []int{1, 3, 10, 50} {
		query := onFacebook(june)
		query.Page.Limit = limit
		var posts []string
		for next := true; next; next = query.Page.Cursor != "" {
			got, meta := ask(t, db, (*analytics.Analytics).TopPosts, wholeAgency, query)
			for _, p := range got.Posts {
				posts = append(posts, fmt.Sprint(p.Rank, p.ExternalID))
			}
			query.Page.Cursor = meta.NextCursor
		}
		require.Equal(t, whole, posts, "pages of %d", limit)
	}
}
