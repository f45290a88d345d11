package analytics_test

import (
	"context"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/pgtest"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
)

type activityPart struct {
	analytics.ActivityMeter
	asOf    *time.Time
	sources []int64
}

var activityMeterAgrees = comparePart(
	func(a *analytics.Analytics, ctx context.Context, scope readmodels.Scope, q analytics.RangeQuery) (activityPart, analytics.Meta, error) {
		got, meta, err := a.ActivityMeter(ctx, scope, q)
		return activityPart{got, meta.AsOf, sourceIDs(meta)}, meta, err
	}, func(o *oracle) activityPart {
		byDate := map[int64]map[string]*int64{} // of measured accounts
		for _, s := range gainsPages {
			published, numbers, known := o.published(s.id, o.elapsed()), map[string]*int64{}, false
			for _, date := range o.begun() {
				day, _ := time.Parse(time.DateOnly, date)
				from, to := firstInstant(day, o.Range.Zone), firstInstant(day.AddDate(0, 0, 1), o.Range.Zone)
				numbers[date] = published(later(from, o.Range.From), earlier(to, o.elapsed()))
				known = known || numbers[date] != nil
			}
			if known {
				byDate[s.id] = numbers
			}
			for _, p := range o.posts(s.id) {
				if !p.PublishedAt.Before(o.Range.From) && p.PublishedAt.Before(o.elapsed()) {
					o.shown[s.id] = true
					if o.asOf == nil || p.RegisteredAt.After(*o.asOf) {
						o.asOf = &p.RegisteredAt
					}
				}
			}
		}
		want := analytics.ActivityMeter{Total: o.activityOf(byDate, o.Platforms...)}
		for _, p := range o.Platforms {
			want.Platforms = append(want.Platforms, analytics.PlatformActivity{PlatformRef: readmodels.PlatformRefOf(p), Activity: o.activityOf(byDate, p)})
		}
		meter := want // sets shown
		return activityPart{meter, o.asOf, o.socialIDs(o.Platforms...)}
	})

// The number of posts is unknown after the last reading of an account, in every answer. A later
// reading makes it known, because it lists the posts published since.
func TestPostCountIsUnknownAfterLastReading(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	w := &world{Directory: append(tenantPeople(), page(11, domain.Facebook), page(12, domain.Facebook), page(15, domain.TikTok))}
	post := func(social int64, p domain.Platform, id, published string) {
		w.Add(id, registered(tenantOf(tenants[0], social), p, id, at(published+" 12:00"), new(at(published+" 11:00"))))
	}
	post(11, domain.Facebook, "a", "2026-06-01")
	post(12, domain.Facebook, "b", "2026-05-20")
	post(15, domain.TikTok, "c", "2026-05-20")
	w.Add("read 11", read(domain.Facebook, at("2026-06-02 00:00"), people(400)))
	w.Add("read 12", readPost(tenantOf(tenants[0], 12), domain.Facebook, "b", at("2026-06-01 23:59"), nil, domain.Counts{Likes: new(int64(1))}))

	type numbers struct {
		days                []*int64
		posts, stats, grown *int64
		score, frequency    *float64
		measured            int
	}
	ask := func(from, to string, p domain.Platform) (n numbers) {
		w.Fold(t, db)
		q := onFacebook(analytics.Range{From: at(from + " 00:00"), To: at(to + " 00:00"), Zone: time.UTC})
		q.Platforms, q.Granularity = []domain.Platform{p}, analytics.ByMonth
		stats, _ := ask(t, db, (*analytics.Analytics).Stats, wholeAgency, q)
		q.Granularity = analytics.ByDay
		meter, _ := ask(t, db, (*analytics.Analytics).ActivityMeter, wholeAgency, q)
		q.Member = tenants[0].MemberID
		growth, _ := ask(t, db, (*analytics.Analytics).MemberGrowth, wholeAgency, q)
		for _, d := range meter.Total.Series {
			n.days = append(n.days, d.Posts)
		}
		n.posts, n.stats, n.grown = meter.Total.Posts, stats.Platforms[0].Periods[0].Posts, growth.Total.PostsPublished
		n.score, n.frequency, n.measured = meter.Total.Score, meter.Total.Frequency, meter.Total.AccountsMeasured
		return n
	}
	zero, one := new(int64(0)), new(int64(1))
	// Page 11 has one post in two known days, page 12 none in one.
	partly := numbers{[]*int64{one, zero, nil, nil}, one, one, one, new(50.0), new(50.0), 2}
	require.Equal(t, partly, ask("2026-06-01", "2026-06-05", domain.Facebook))
	require.Equal(t, numbers{days: make([]*int64, 2)}, ask("2026-06-03", "2026-06-05", domain.Facebook))
	require.Equal(t, numbers{days: make([]*int64, 2)}, ask("2026-05-19", "2026-05-21", domain.LinkedIn), "it has no page")
	never := numbers{[]*int64{nil, one}, one, one, one, new(100.0), new(100.0), 1}
	require.Equal(t, never, ask("2026-05-19", "2026-05-21", domain.TikTok), "a known post counts, although its page was never read")

	w.Add("read again", read(domain.Facebook, at("2026-06-20 09:00"), people(410)))
	require.Equal(t, numbers{[]*int64{zero, zero}, zero, zero, zero, new(0.0), new(0.0), 1}, ask("2026-06-03", "2026-06-05", domain.Facebook))
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

// lastReading returns when an account or one of its posts was last read for the scope; zero if
// never.
func (o *oracle) lastReading(id int64) (last time.Time) {
	for _, r := range slices.Concat(o.accountReads(), o.readings(true)) {
		if r.owner.SocialAccount == id && o.sees(r.owner, r.platform) {
			last = later(last, r.at)
		}
	}
	return last
}

// published returns a function that counts the posts of an account published in a span; nil if
// the number is unknown. The answer has posts of the range up to an instant.
func (o *oracle) published(id int64, until time.Time) func(from, to time.Time) *int64 {
	posts, last, owned := o.posts(id), o.lastReading(id), o.ownedNow(id)
	inRange := slices.ContainsFunc(posts, func(p domain.PostRegistered) bool {
		return !p.PublishedAt.Before(o.Range.From) && p.PublishedAt.Before(until)
	})
	return func(from, to time.Time) (n *int64) {
		for _, p := range posts {
			if !p.PublishedAt.Before(from) && p.PublishedAt.Before(to) {
				sum(&n, 1)
			}
		}
		if n == nil && (inRange || owned && len(posts) > 0) && !last.Before(from) {
			n = new(int64)
		}
		return n
	}
}

func (o *oracle) activityOf(byDate map[int64]map[string]*int64, platforms ...domain.Platform) analytics.Activity {
	a := analytics.Activity{SocialAccounts: o.socialsOn(platforms...)}
	parts := o.parts()
	for _, part := range parts {
		a.Series = append(a.Series, analytics.ActivityDay{Day: part.day})
	}
	var frequency, regularity, perWeek float64
	for _, s := range gainsPages { // by id: the order of sums decides a half
		numbers, measured := byDate[s.id]
		if !measured || !slices.Contains(platforms, s.platform) {
			continue
		}
		a.AccountsMeasured++
		counts := map[string]int64{}
		var dates []string // up to the last known one
		for n, date := range o.begun() {
			if numbers[date] != nil {
				counts[date], dates = *numbers[date], o.begun()[:n+1]
			}
		}
		var posts int64
		for i, part := range parts {
			for _, date := range part.dates {
				if numbers[date] != nil {
					posts += counts[date]
					sum(&a.Series[i].Posts, counts[date])
				}
			}
		}
		sum(&a.Posts, posts)
		week := float64(posts) * 7 / float64(len(dates))
		perWeek += week
		frequency += min(100, week*100/3)
		spans, active := 0.0, 0.0 // spans of seven days from the end; remaining days join the oldest
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
		regularity += active * 100 / spans
	}
	if a.AccountsMeasured == 0 {
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
