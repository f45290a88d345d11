package analytics_test

import (
	"context"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
)

func TestActivityMeterAgreesWithTheOracle(t *testing.T) {
	t.Parallel()
	type part struct {
		analytics.ActivityMeter
		asOf    *time.Time
		sources []int64
	}
	agreeOnPart(t, drawStatsWorld,
		func(a *analytics.Analytics, ctx context.Context, scope readmodels.Scope, q analytics.RangeQuery) (part, analytics.Meta, error) {
			got, meta, err := a.ActivityMeter(ctx, scope, q)
			return part{got, meta.AsOf, sourceIDs(meta)}, meta, err
		}, func(o *oracle) part {
			meter := o.activityMeter() // sets shown
			return part{meter, o.asOf, o.socialIDs(o.q.Platforms...)}
		})
}

// posts returns the published posts of an account that the scope can see.
func (o *oracle) posts(id int64) []domain.PostRegistered {
	var out []domain.PostRegistered
	for _, p := range o.registrations() {
		if p.SocialAccount == id && p.PublishedAt != nil && !p.elsewhere && o.sees(p.Tenant, p.Platform) {
			out = append(out, p.PostRegistered)
		}
	}
	return out
}

func (o *oracle) ownedNow(id int64) bool {
	s, _ := lastOf(o.w, func(s domain.DirectorySocialAccount) bool { return s.ID == id })
	return o.sees(domain.Tenant{ParentAccount: s.ParentAccount, AccountID: s.AccountID, MemberID: s.MemberID}, s.Platform)
}

func (o *oracle) activityMeter() analytics.ActivityMeter {
	byDate := map[int64]map[string]int64{} // of measured accounts
	for _, s := range socials {
		for _, p := range o.posts(s.id) {
			in := !p.PublishedAt.Before(o.q.Range.From) && p.PublishedAt.Before(o.elapsed())
			if !in && !o.ownedNow(s.id) {
				continue // left the scope, with nothing in the range
			}
			if byDate[s.id] == nil {
				byDate[s.id] = map[string]int64{}
			}
			if in {
				byDate[s.id][p.PublishedAt.In(o.q.Range.Zone).Format(time.DateOnly)]++
				o.shown[s.id] = true
				if o.asOf == nil || p.RegisteredAt.After(*o.asOf) {
					o.asOf = &p.RegisteredAt
				}
			}
		}
	}
	want := analytics.ActivityMeter{Total: o.activityOf(byDate, o.q.Platforms...)}
	for _, p := range o.q.Platforms {
		want.Platforms = append(want.Platforms, analytics.PlatformActivity{PlatformRef: readmodels.PlatformRefOf(p), Activity: o.activityOf(byDate, p)})
	}
	return want
}

func (o *oracle) activityOf(byDate map[int64]map[string]int64, platforms ...domain.Platform) analytics.Activity {
	a := analytics.Activity{SocialAccounts: o.socialsOn(platforms...)}
	dates, parts := o.begun(), o.parts()
	for _, part := range parts {
		a.Series = append(a.Series, analytics.ActivityDay{Day: part.day})
	}
	var frequency, regularity, perWeek float64
	for _, s := range o.ids(platforms) {
		counts, measured := byDate[s.id]
		if !measured {
			continue
		}
		a.AccountsMeasured++
		var posts int64
		for i, part := range parts {
			for _, date := range part.dates {
				if !slices.Contains(dates, date) {
					continue // in the future
				}
				posts += counts[date]
				sum(&a.Series[i].Posts, counts[date])
			}
		}
		if len(dates) == 0 {
			continue
		}
		sum(&a.Posts, posts)
		week := float64(posts) * 7 / float64(len(dates))
		perWeek += week
		frequency += min(100, week*100/3)
		regularity += regular(dates, counts)
	}
	if a.AccountsMeasured == 0 || len(dates) == 0 {
		return a
	}
	mean := func(v float64) *float64 {
		v = math.Round(v/float64(a.AccountsMeasured)*100) / 100
		return &v
	}
	a.Frequency, a.Regularity, a.PostsPerWeek = mean(frequency), mean(regularity), mean(perWeek)
	a.Score = mean((frequency + regularity) / 2)
	return a
}

// regular counts spans of seven days from the end; remaining days join the oldest.
func regular(dates []string, counts map[string]int64) float64 {
	spans, active := 0.0, 0.0
	for rest := slices.Clone(dates); len(rest) > 0; {
		n := 7
		if len(rest) < 14 {
			n = len(rest)
		}
		span := rest[len(rest)-n:]
		rest = rest[:len(rest)-n]
		spans++
		if slices.ContainsFunc(span, func(date string) bool { return counts[date] > 0 }) {
			active++
		}
	}
	return active * 100 / spans
}
