package analytics_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/pgtest"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
)

// February 29 has no comparison and, a year later, is part of the comparison of February 28; months
// compare with months.
func TestFebruaryIsComparedWithFebruary(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	w := &world{Directory: []domain.DirectoryEntity{page(11, domain.Facebook)}}
	var days []domain.Figure
	value := func(d time.Time) int64 { return int64(d.Year()%100*100 + d.Day()) }
	for _, year := range []string{"2023", "2024", "2025"} {
		days = append(days, flows(domain.MetricImpressions, year+"-02-01", year+"-03-01", value)...)
	}
	w.Add("a", read(domain.Facebook, at("2025-03-05 10:00"), days...))
	w.Fold(t, db)
	ask := func(from, to string, by analytics.Granularity) analytics.ReachStats {
		q := onFacebook(analytics.Range{From: at(from + " 00:00"), To: at(to + " 00:00"), Zone: time.UTC})
		q.Compare, q.Granularity = analytics.CompareYear, by
		got, _ := ask(t, db, (*analytics.Analytics).AccountStats, wholeAgency, q)
		return got.Total
	}
	days2023, days2024, days2025 := int64(28*2300+28*29/2), int64(29*2400+29*30/2), int64(28*2500+28*29/2)

	leap := ask("2024-02-01", "2024-03-01", analytics.ByDay)
	require.Len(t, leap.PreviousSeries, 29)
	require.Equal(t, analytics.ReachDay{Day: "2023-02-28", Impressions: new(int64(2328)), AccountsRead: 1}, leap.PreviousSeries[27])
	require.Nil(t, leap.PreviousSeries[28].Impressions)
	require.Equal(t, []int64{days2024, days2023}, []int64{*leap.Impressions.Value, *leap.Impressions.Previous})
	require.Equal(t, analytics.NotePart, leap.Impressions.Note)
	require.Equal(t, days2024-2429-days2023, *leap.Impressions.Change)

	after := ask("2025-02-01", "2025-03-01", analytics.ByDay)
	require.Len(t, after.PreviousSeries, 28)
	require.Equal(t, analytics.ReachDay{Day: "2024-02-28", Impressions: new(int64(2428 + 2429)), AccountsRead: 1}, after.PreviousSeries[27])
	require.Equal(t, []int64{days2025, days2024}, []int64{*after.Impressions.Value, *after.Impressions.Previous})
	require.Equal(t, analytics.NoteNone, after.Impressions.Note)

	months := ask("2025-01-15", "2025-03-01", analytics.ByMonth)
	require.Equal(t, []analytics.ReachDay{
		{Day: "2024-01-15"}, {Day: "2024-02-01", Impressions: &days2024, AccountsRead: 1},
	}, months.PreviousSeries)
}

// Future parts have no comparison, and today's part is compared with an equally long one, without
// the figure of a whole day.
func TestFutureIntervalsAreNotCompared(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	w := &world{Directory: []domain.DirectoryEntity{page(11, domain.Facebook)}}
	days := flows(domain.MetricImpressions, "2026-05-01", "2026-06-11", func(d time.Time) int64 { return int64(d.Day()) })
	w.Add("a", read(domain.Facebook, at("2026-06-10 09:00"), days...))
	w.Fold(t, db)
	q := onFacebook(june)
	q.Range.Now, q.Granularity, q.Compare = at("2026-06-10 18:00"), analytics.ByWeek, analytics.ComparePrevious
	got, _ := ask(t, db, (*analytics.Analytics).AccountStats, wholeAgency, q)
	require.Len(t, got.Total.Series, 5)
	// June 1 to 10, Monday to Wednesday, compared with May 22 to 31
	require.Equal(t, []analytics.ReachDay{
		{Day: "2026-05-22", Impressions: new(int64(22 + 23 + 24 + 25 + 26 + 27 + 28)), AccountsRead: 1},
		{Day: "2026-05-29", Impressions: new(int64(29 + 30)), AccountsRead: 1}, // until 18:00 on May 31,
	}, got.Total.PreviousSeries)
}

// February 29 is compared with an empty period: nothing was read or gained in it, whatever came
// before or after.
func TestFebruary29HasNoPreviousYear(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	w := &world{Directory: []domain.DirectoryEntity{page(11, domain.TikTok)}}
	for when, n := range map[string]int64{
		"2023-02-27 10:00": 1000, "2023-03-01 10:00": 1001, "2023-03-02 10:00": 1003,
		"2024-02-28 10:00": 4700, "2024-02-29 10:00": 4760, "2024-03-01 10:00": 4770, "2024-03-02 10:00": 4790,
	} {
		w.Add(when, read(domain.TikTok, at(when), people(n), counter(domain.MetricEngagement, 10*n)))
	}
	w.Fold(t, db)
	q := everywhere(analytics.Range{From: at("2024-02-29 00:00"), To: at("2024-03-03 00:00"), Zone: time.UTC})
	q.Platforms, q.Compare = []domain.Platform{domain.TikTok}, analytics.CompareYear
	engaged := func() (total analytics.Total, previous []*int64) {
		insights, _ := ask(t, db, (*analytics.Analytics).AccountInsights, wholeAgency, q)
		stats, _ := ask(t, db, (*analytics.Analytics).Stats, wholeAgency, q)
		for _, p := range stats.Platforms[0].PreviousPeriods {
			previous = append(previous, p.Engagement)
		}
		return insights.Total.Engagement, previous
	}
	n := func(v int64) *int64 { return &v }

	stock, _ := ask(t, db, (*analytics.Analytics).AccountFollowers, wholeAgency, q)
	require.Equal(t, []analytics.FollowerDay{
		{}, // the index of February 29
		{Day: "2023-03-01", Followers: n(1001), Change: n(1), AccountsRead: 1},
		{Day: "2023-03-02", Followers: n(1003), Change: n(2), AccountsRead: 1},
	}, stock.Total.PreviousSeries)
	require.Equal(t, []*int64{n(4790), n(1003)}, []*int64{stock.Total.Followers.Value, stock.Total.Followers.Previous})
	gained, previous := engaged()
	require.Equal(t, []*int64{nil, n(10), n(20)}, previous)
	require.Equal(t, []*int64{n(900), n(30)}, []*int64{gained.Value, gained.Previous})

	q.Range.To = at("2024-03-01 00:00")
	stock, _ = ask(t, db, (*analytics.Analytics).AccountFollowers, wholeAgency, q)
	require.Equal(t, []analytics.FollowerDay{{}}, stock.Total.PreviousSeries)
	require.Equal(t, n(1000), stock.Total.Followers.Previous, "the value at the start of March")
	gained, previous = engaged()
	require.Equal(t, []*int64{nil}, previous)
	require.Equal(t, n(600), gained.Value)
	require.Nil(t, gained.Previous)
	require.Equal(t, analytics.NoteFirstReading, gained.Note)
}

// comparingSeries are the answers with compared series, and comparingTotals those with compared
// totals.
var (
	comparingSeries = []string{
		"AccountFollowers", "AccountNetGrowth", "AccountStats", "Stats", "PostsViews", "PostsLikes", "PostsTotalEngagements",
	}
	comparingTotals = []string{
		"AccountInsights", "AccountFollowers", "AccountStats", "MemberGrowth", "PostsViews", "PostsLikes", "PostsTotalEngagements",
	}
)

// earlierBy returns a function that moves an instant of the range into the compared period: back by
// the range's number of days if it has whole days, otherwise by its length; or to the same date and
// hour one year earlier.
func (q question) earlierBy(with analytics.Compare) func(time.Time) time.Time {
	zone := q.Range.Zone
	dateOf := func(at time.Time) time.Time {
		date, _ := time.Parse(time.DateOnly, at.In(zone).Format(time.DateOnly))
		return date
	}
	begins := func(at time.Time) bool { return firstInstant(dateOf(at), zone).Equal(at) }
	if with == analytics.CompareYear {
		return func(at time.Time) time.Time {
			if begins(at) {
				return firstInstant(dateOf(at).AddDate(-1, 0, 0), zone)
			}
			clock := at.In(zone)
			return time.Date(clock.Year()-1, clock.Month(), clock.Day(), clock.Hour(), clock.Minute(), clock.Second(), clock.Nanosecond(), zone)
		}
	}
	if begins(q.Range.From) && begins(q.Range.To) {
		days := int(dateOf(q.Range.To).Sub(dateOf(q.Range.From)).Hours() / 24)
		return func(at time.Time) time.Time { return firstInstant(dateOf(at).AddDate(0, 0, -days), zone) }
	}
	return func(at time.Time) time.Time { return at.Add(-q.Range.To.Sub(q.Range.From)) }
}

// before returns the question for the compared period, with the same parts.
func (q question) before(with analytics.Compare) question {
	then, back := q, q.earlierBy(with)
	then.Range.From, then.Range.To, then.parts = back(q.Range.From), back(q.Range.To), []period{}
	for _, p := range q.periods() {
		from := back(p.from)
		then.parts = append(then.parts, period{name: from.In(q.Range.Zone).Format(time.DateOnly), from: from, to: back(p.to)})
	}
	return then
}

// aYearLater returns a question for the year after the world, which has data to compare with.
func (q question) aYearLater() question {
	zone := q.Range.Zone
	for _, at := range []*time.Time{&q.Range.From, &q.Range.To} {
		date, _ := time.Parse(time.DateOnly, at.In(zone).Format(time.DateOnly))
		if firstInstant(date, zone).Equal(*at) {
			*at = firstInstant(date.AddDate(1, 0, 0), zone)
		} else {
			*at = at.In(zone).AddDate(1, 0, 0)
		}
	}
	return q
}

// comparedSeries: series come with the results of the compared period; everything else is
// unchanged.
func (p probe) comparedSeries() (lines []string) {
	for _, with := range []analytics.Compare{analytics.ComparePrevious, analytics.CompareYear} {
		q := p.question
		if with == analytics.CompareYear {
			q = q.aYearLater()
		}
		if !slices.Contains(comparingSeries, p.answer.name) {
			continue
		}
		then := q.before(with)
		q.Compare = with
		want := cells{}
		for path, v := range p.answer.want(p.world, then) {
			for _, list := range []string{"series", "periods"} {
				if strings.Contains(path, "."+list+"[") {
					want[strings.Replace(path, "."+list+"[", ".previous_"+list+"[", 1)] = v
				}
			}
		}
		if len(want) == 0 {
			lines = append(lines, "the oracle has no expectations")
		}
		lines = append(lines, want.differ(p.ask(q))...)
	}
	plain, q := p.ask(p.question), p.question
	q.Compare = analytics.ComparePrevious
	compared := p.ask(q)
	maps.DeleteFunc(compared, func(path string, _ *int64) bool {
		return strings.Contains(path, ".previous_") && !strings.HasSuffix(path, "_previous")
	})
	if slices.Contains(comparingTotals, p.answer.name) || slices.Contains(comparingSeries, p.answer.name) {
		lines = append(lines, otherwise(plain, compared)...)
		lines = append(lines, otherwise(compared, plain)...)
	}
	if slices.Contains(comparingTotals, p.answer.name) {
		q.Compare = analytics.CompareNone
		maps.DeleteFunc(plain, func(path string, _ *int64) bool { return strings.Contains(path, ".same_accounts.") })
		for path, v := range p.ask(q) {
			switch last := path[strings.LastIndex(path, ".")+1:]; last {
			case "previous", "change_pct", "posts_published_previous":
				plain[path] = nil
			case "change":
				if !strings.Contains(path, "series[") {
					plain[path] = nil
				}
			case "note", "note_first_reading":
				plain[path] = v
			}
		}
		lines = append(lines, otherwise(plain, p.ask(q))...)
	}
	return lines
}

// twice returns a world that repeats one year later. One page is read only then.
func twice(g *gainsWorld) world {
	w := g.world
	w.Events = slices.DeleteFunc(slices.Clone(g.Events), func(ev fold.Event) bool {
		read, ok := ev.Data.(domain.AccountRead)
		return ok && read.SocialAccount == gainsPages[0].id
	})
	for _, ev := range g.Events {
		again := ev.Envelope
		again.ID += "-again"
		switch read := ev.Data.(type) {
		case domain.AccountRead:
			read.CapturedAt = read.CapturedAt.AddDate(1, 0, 0)
			read.Figures = slices.Clone(read.Figures)
			for i, f := range read.Figures {
				if date, err := time.Parse(time.DateOnly, f.Day); err == nil {
					read.Figures[i].Day = date.AddDate(1, 0, 0).Format(time.DateOnly)
				}
			}
			w.Events = append(w.Events, fold.Event{Recorded: domain.Recorded{Envelope: again, Data: read}})
		case domain.PostRead:
			read.CapturedAt, read.FromZero = read.CapturedAt.AddDate(1, 0, 0), false
			w.Events = append(w.Events, fold.Event{Recorded: domain.Recorded{Envelope: again, Data: read}})
		}
	}
	return w
}

// wantPrevious returns the gain of the same pages in the compared period; day flows only on common
// days.
func (q question) wantPrevious(w *world, name string, then question, platforms []domain.Platform) (v *int64) {
	zone := q.Range.Zone
	days := q.visible(dayFlows(w, q.scope.ParentAccount, name, zone))
	isDay := func(g gained) bool { return slices.Contains(days, g) }
	all := q.ofAccounts(w, name)
	for _, page := range gainsPages {
		if !slices.Contains(platforms, page.platform) {
			continue
		}
		owned := slices.DeleteFunc(slices.Clone(all), func(g gained) bool { return g.owner.SocialAccount != page.id })
		for _, now := range owned {
			if !isDay(now) || now.at.Before(q.Range.From) || !now.at.Before(q.Range.To) {
				continue
			}
			date, _ := time.Parse(time.DateOnly, now.at.In(zone).Format(time.DateOnly))
			counterpart := firstInstant(date.AddDate(-1, 0, 0), zone)
			for _, g := range owned {
				if isDay(g) && g.at.Equal(counterpart) && !g.at.Before(then.Range.From) && g.at.Before(then.Range.To) {
					sum(&v, g.value)
				}
			}
		}
		counted := slices.DeleteFunc(slices.Clone(owned), isDay)
		if previous := counted.in(then.Range.From, then.Range.To, platforms...); previous != nil && counted.in(q.Range.From, q.Range.To, platforms...) != nil {
			sum(&v, *previous)
		}
	}
	return v
}

// wantPostsPrevious fills in the gains of posts of the same pages in the compared period.
func (q question) wantPostsPrevious(w *world, want cells, then question) {
	for field, name := range map[string]string{"post_engagement": domain.MetricEngagement, "post_views": domain.MetricViews} {
		all := q.ofPosts(w, name)
		q.eachPlatform(func(path string, platforms []domain.Platform) {
			var sums *int64
			for _, page := range gainsPages {
				owned := slices.DeleteFunc(slices.Clone(all), func(g gained) bool { return g.owner.SocialAccount != page.id })
				if v := owned.in(then.Range.From, then.Range.To, platforms...); v != nil && owned.in(q.Range.From, q.Range.To, platforms...) != nil {
					sum(&sums, *v)
				}
			}
			want[path+"."+field+".previous"] = sums
		})
	}
}

// knew reports whether the asker has a reading of a page's followers before an instant.
func (q question) knew(w *world, page int64, before time.Time) bool {
	return slices.ContainsFunc(readingsOf(w, q.scope.ParentAccount, false), func(r gainsReading) bool {
		return r.owner.SocialAccount == page && r.at.Before(before) && r.figure(domain.MetricFollowers) != nil && q.sees(r.owner, r.platform)
	})
}

// Totals of the previous year agree with an oracle: stocks at its end, gains of the same pages.
func TestTotalsComparedWithPreviousYearMatchOracle(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	queries := &analytics.Analytics{Pool: db.ReadOnly}
	compared := 0
	for _, seed := range []uint64{2, 3, 5, 7} {
		g := drawGainsWorld(seed)
		w := twice(g)
		w.Fold(t, db)
		for range 12 {
			q := g.drawQuestion()
			q.Range.From, q.Range.To = firstInstant(dayOfInstant(q.Range.From), q.Range.Zone), firstInstant(dayOfInstant(q.Range.To).AddDate(0, 0, 1), q.Range.Zone)
			q = q.aYearLater()
			then := q.before(analytics.CompareYear)
			q.Compare = analytics.CompareYear
			want := cells{}
			followers := q.ofAccounts(&w, domain.MetricFollowers)
			q.eachPlatform(func(path string, platforms []domain.Platform) {
				var stood *int64
				for _, page := range gainsPages {
					owned := slices.DeleteFunc(slices.Clone(followers), func(g gained) bool { return g.owner.SocialAccount != page.id })
					value := q.stock(&w, domain.MetricFollowers, q.Range.From, q.Range.To, []domain.Platform{page.platform})
					if grown := owned.in(then.Range.To, q.Range.To, platforms...); grown != nil && value[page.id] != 0 && q.knew(&w, page.id, then.Range.To) {
						sum(&stood, value[page.id]-*grown)
					}
				}
				want[path+".followers.previous"] = stood
				for _, name := range []string{domain.MetricEngagement, domain.MetricImpressions} {
					want[path+"."+name+".previous"] = q.wantPrevious(&w, name, then, platforms)
				}
			})
			q.wantPostsPrevious(&w, want, then)
			got, _, err := queries.MemberGrowth(t.Context(), q.scope, q.RangeQuery)
			require.NoError(t, err)
			answer := jsonCells(t, got)
			require.Empty(t, want.differ(answer), "world %d, %s\n%s", seed, q, fmt.Sprint(then))
			for path := range want {
				if answer[path] != nil {
					compared++
				}
			}
		}
	}
	require.Greater(t, compared, 100)
}

func dayOfInstant(at time.Time) time.Time { return at.UTC().Truncate(24 * time.Hour) }

// The previous period has the same number of days if the range has whole days, otherwise the same
// length as the elapsed part. While the range has not ended, it ends at the same hour. The previous year
// follows the calendar of the zone: the same dates, however long their days are.
func TestComparisonPeriodOfRange(t *testing.T) {
	t.Parallel()
	const before, year = analytics.ComparePrevious, analytics.CompareYear
	for name, tt := range map[string]struct {
		with                                  analytics.Compare
		zone, from, to, now, wantFrom, wantTo string
	}{
		"UTC":                                  {before, "UTC", "2026-05-08 00:00", "2026-05-15 00:00", "", "2026-05-01 00:00", "2026-05-08 00:00"},
		"an hour is lost":                      {before, "Europe/Berlin", "2026-03-29 22:00", "2026-03-30 22:00", "", "2026-03-28 23:00", "2026-03-29 22:00"},
		"an hour is won":                       {before, "Europe/Berlin", "2026-10-25 23:00", "2026-10-26 23:00", "", "2026-10-24 22:00", "2026-10-25 23:00"},
		"no midnight on 8 March":               {before, "America/Havana", "2026-03-09 04:00", "2026-03-10 04:00", "", "2026-03-08 05:00", "2026-03-09 04:00"},
		"two midnights on 1 November":          {before, "America/Havana", "2026-11-02 05:00", "2026-11-03 05:00", "", "2026-11-01 04:00", "2026-11-02 05:00"},
		"Go takes the second of two midnights": {before, "Asia/Amman", "2021-10-29 22:00", "2021-10-30 22:00", "", "2021-10-28 21:00", "2021-10-29 22:00"},
		"a day that loses half an hour":        {before, "Australia/Lord_Howe", "2026-10-03 13:30", "2026-10-04 13:00", "", "2026-10-02 13:30", "2026-10-03 13:30"},
		"not whole days":                       {before, "Europe/Berlin", "2026-03-29 12:00", "2026-03-30 12:00", "", "2026-03-28 12:00", "2026-03-29 12:00"},
		"over":                                 {before, "UTC", "2026-06-01 00:00", "2026-07-01 00:00", "2026-07-01 00:00", "2026-05-02 00:00", "2026-06-01 00:00"},
		"today is its last day":                {before, "UTC", "2026-06-01 00:00", "2026-07-01 00:00", "2026-06-30 00:01", "2026-05-02 00:00", "2026-05-31 00:00"},
		"the 20th, in Berlin":                  {before, "Europe/Berlin", "2026-05-31 22:00", "2026-06-30 22:00", "2026-06-20 22:44", "2026-05-10 22:00", "2026-05-30 22:30"},
		"from an instant on":                   {before, "UTC", "2026-06-01 12:00", "2026-07-01 00:00", "2026-06-02 18:00", "2026-05-31 06:00", "2026-06-01 12:00"},
		"it begins tomorrow":                   {before, "UTC", "2026-06-01 00:00", "2026-07-01 00:00", "2026-05-31 23:00", "2026-06-01 00:00", "2026-06-01 00:00"},
		"hours that are still to come":         {before, "UTC", "2026-06-01 12:00", "2026-06-01 18:00", "2026-06-01 13:00", "2026-06-01 11:00", "2026-06-01 12:00"},
		"today until noon":                     {before, "UTC", "2026-06-20 00:00", "2026-06-21 00:00", "2026-06-20 12:05", "2026-06-19 00:00", "2026-06-19 12:00"},
		"the hour did not exist yesterday":     {before, "Europe/Berlin", "2026-03-29 22:00", "2026-03-30 22:00", "2026-03-30 00:30", "2026-03-28 23:00", "2026-03-29 01:30"},
		"a month and the year before":          {year, "UTC", "2026-06-01 00:00", "2026-07-01 00:00", "", "2025-06-01 00:00", "2025-07-01 00:00"},
		"February after a leap year":           {year, "UTC", "2025-02-01 00:00", "2025-03-01 00:00", "", "2024-02-01 00:00", "2024-03-01 00:00"},
		"29 February alone":                    {year, "UTC", "2024-02-29 00:00", "2024-03-01 00:00", "", "2023-03-01 00:00", "2023-03-01 00:00"},
		"from noon on 29 February":             {year, "UTC", "2024-02-29 12:00", "2024-03-01 12:00", "", "2023-03-01 00:00", "2023-03-01 12:00"},
		"the clocks changed since":             {year, "Europe/Berlin", "2026-03-28 23:00", "2026-03-29 22:00", "", "2025-03-28 23:00", "2025-03-29 23:00"},
		"a day of 23 hours then":               {year, "Europe/Berlin", "2026-03-29 22:00", "2026-03-30 22:00", "", "2025-03-29 23:00", "2025-03-30 22:00"},
		"no midnight then":                     {year, "America/Havana", "2027-03-08 05:00", "2027-03-09 05:00", "", "2026-03-08 05:00", "2026-03-09 04:00"},
		"an hour that there was not":           {year, "Europe/Berlin", "2026-03-30 00:30", "2026-03-30 01:30", "", "2025-03-30 01:30", "2025-03-30 01:30"},
		"what has elapsed of a month":          {year, "UTC", "2026-06-01 00:00", "2026-07-01 00:00", "2026-06-20 12:00", "2025-06-01 00:00", "2025-06-20 12:00"},
		"longer than a year: it laps":          {year, "UTC", "2024-01-01 00:00", "2026-01-01 00:00", "", "2023-01-01 00:00", "2025-01-01 00:00"},
		"nothing has elapsed yet":              {year, "UTC", "2026-06-01 00:00", "2026-07-01 00:00", "2026-05-01 12:00", "2025-06-01 00:00", "2025-06-01 00:00"},
		"it begins today, in Kiritimati alone": {year, "Pacific/Kiritimati", "2026-05-31 10:00", "2026-06-30 10:00", "2026-05-31 12:00", "2025-05-31 10:00", "2025-05-31 12:00"},
	} {
		r := analytics.Range{From: at(tt.from), To: at(tt.to), Zone: zone(tt.zone)}
		if tt.now != "" {
			r.Now = at(tt.now)
		}
		compared := r.Compared(tt.with)
		require.Equal(t, []time.Time{at(tt.wantFrom), at(tt.wantTo)}, []time.Time{compared.From.UTC(), compared.To.UTC()}, name)
		require.Equal(t, r.Now.IsZero() || !r.Now.Before(r.To), r.Complete(), name)
	}
}
