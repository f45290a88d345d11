package analytics_test

import (
	"context"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg/pgtest"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
)

// drawActivityWorld adds registrations of posts to a world.
func drawActivityWorld(t *rapid.T, season time.Time) *world {
	w := drawWorld(t, season)
	for i := range rapid.IntRange(0, 40).Draw(t, "posts") {
		s := rapid.SampledFrom(socials).Draw(t, "social")
		post := registered(tenantOf(rapid.SampledFrom(tenants).Draw(t, "tenant"), s.id), s.platform,
			fmt.Sprint("post ", rapid.IntRange(0, i).Draw(t, "post")), drawInstant(t, season), nil)
		if rapid.IntRange(0, 5).Draw(t, "no time") > 0 {
			post.PublishedAt = new(drawInstant(t, season.AddDate(0, 0, -rapid.SampledFrom([]int{0, 0, 20}).Draw(t, "ago"))))
		}
		w.Add(fmt.Sprintf("r%03d", i), post)
	}
	return w
}

func TestActivityMeterAgreesWithTheOracle(t *testing.T) {
	t.Parallel()
	type part struct {
		analytics.ActivityMeter
		asOf    *time.Time
		sources []int64
	}
	agreeOnPart(t, drawActivityWorld,
		func(a *analytics.Analytics, ctx context.Context, scope readmodels.Scope, q analytics.RangeQuery) (part, analytics.Meta, error) {
			got, meta, err := a.ActivityMeter(ctx, scope, q)
			return part{got, meta.AsOf, sourceIDs(meta)}, meta, err
		}, func(o *oracle) part {
			meter := o.activityMeter() // tells what is shown
			return part{meter, o.asOf, o.socialIDs(o.q.Platforms...)}
		})
}

// posts are the published posts of an account that the scope sees.
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
					continue // is still to come
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

// regular cuts sevens off the end; what is left over joins the oldest.
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

// Three posts a week, one in each week, is a full score; the same posts in one week are not. Each
// account is measured alone: a busy one does not hide an idle one.
func TestActivityMeterRewardsFrequencyAndRegularity(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	query := onFacebook(analytics.Range{From: june.From, To: june.From.AddDate(0, 0, 14), Zone: time.UTC})
	for name, tt := range map[string]struct {
		days, ofAnother              []int
		score, frequency, regularity *float64
	}{
		"full":              {[]int{1, 3, 5, 8, 10, 12}, nil, new(100.0), new(100.0), new(100.0)},
		"more is not more":  {[]int{1, 2, 3, 4, 5, 6, 8, 9, 10}, nil, new(100.0), new(100.0), new(100.0)},
		"all in one week":   {[]int{8, 9, 10, 11, 12, 13}, nil, new(75.0), new(100.0), new(50.0)},
		"one post":          {[]int{9}, nil, new(33.33), new(16.67), new(50.0)},
		"idle":              {[]int{29}, nil, new(0.0), new(0.0), new(0.0)},
		"beside an idle":    {[]int{1, 3, 5, 8, 10, 12}, []int{29}, new(50.0), new(50.0), new(50.0)},
		"no post known yet": {},
	} {
		t.Run(name, func(t *testing.T) {
			w := &world{Directory: []domain.DirectoryEntity{page(11, domain.Facebook), page(12, domain.Facebook)}}
			for social, days := range map[int64][]int{11: tt.days, 12: tt.ofAnother} {
				for _, n := range days {
					at := june.From.AddDate(0, 0, n-1).Add(12 * time.Hour)
					w.Add(fmt.Sprint(social, n), registered(tenantOf(tenants[0], social), domain.Facebook, fmt.Sprint(n), at, &at))
				}
			}
			w.Fold(t, db)
			got, meta := ask(t, db, (*analytics.Analytics).ActivityMeter, wholeAgency, query)
			require.Equal(t, []*float64{tt.score, tt.frequency, tt.regularity}, []*float64{got.Total.Score, got.Total.Frequency, got.Total.Regularity})
			require.Equal(t, got.Total, got.Platforms[0].Activity)
			require.Len(t, got.Total.Series, 14)
			require.Equal(t, tt.score == nil, meta.Sources[0].Status == analytics.SourceNeverRead)
		})
	}
}
