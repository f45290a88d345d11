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
	"github.com/ledgerboard/ledgerboard/internal/pg/pgtest"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
)

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
			case "no_baseline", "compared_in_part":
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
	days := q.visible(dayFlows(readingsOf(w, q.scope.ParentAccount, false), name, zone))
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
func TestTotalsAreComparedWithTheYearBefore(t *testing.T) {
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
