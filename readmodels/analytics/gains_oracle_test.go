package analytics_test

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
)

// gained is one gain: what one reading, or one day of a page, adds to one figure; its owner; and
// the instant that decides which range it is in. It follows rules 1, 2, 4 and 5 of "Gains add up"
// and does not depend on a range.
type gained struct {
	at       time.Time
	owner    domain.Tenant
	platform domain.Platform
	post     string // "" for an account
	value    int64
	since    *time.Time // rule 6: the start of an account's step over more than 35 days
}

// longGap is the gap from which rule 6 reports a step.
const longGap = 35 * 24 * time.Hour

// gainsReading is a reading of an account or a post, with the fields that the rules use.
type gainsReading struct {
	event    string // its id
	post     string // "" for an account
	at       time.Time
	owner    domain.Tenant
	platform domain.Platform
	fromZero bool
	backfill bool
	figures  []domain.Figure
	ofPost   domain.PostRead // as read
	splits   []domain.DemographicFacet
}

// figure returns the value of a figure; nil if the reading does not have it, in the kind of the
// platform: by rule 4, a reading of another kind is not counted.
func (g gainsReading) figure(name string) *int64 {
	for _, f := range g.figures {
		if f.Name == name && (f.Kind == domain.Cumulative || f.Kind == domain.Stock) && (g.post != "" || f.Kind == g.platform.AccountSource(0, name).Kind) {
			return &f.Value
		}
	}
	return nil
}

// erasedUntil returns, by account, the time up to which an agency erased its readings.
func erasedUntil(w *world, agency string) map[int64]time.Time {
	erased := map[int64]time.Time{}
	for _, ev := range w.Events {
		if e, ok := ev.Data.(domain.AccountErased); ok && e.ParentAccount == agency {
			erased[e.SocialAccount] = later(erased[e.SocialAccount], e.ErasedAt)
		}
	}
	return erased
}

// same reports whether two readings are of the same account or post.
func (g gainsReading) same(other gainsReading) bool {
	return g.owner.SocialAccount == other.owner.SocialAccount && g.post == other.post
}

// readingsOf returns an agency's readings of accounts or posts in order of capture, without
// duplicates: an event that arrives twice counts once, and of two at the same instant the smaller
// id counts.
func readingsOf(w *world, agency string, posts bool) (all []gainsReading) {
	return slices.CompactFunc(allReadings(w, agency, posts), func(a, b gainsReading) bool { return a.at.Equal(b.at) && a.same(b) })
}

// allReadings also returns readings that lose their instant. Readings captured before an erasure are
// excluded, whenever they arrived, and those of accounts that arrived before one.
func allReadings(w *world, agency string, posts bool) (all []gainsReading) {
	erased := map[int64]time.Time{}
	if posts {
		erased = erasedUntil(w, agency)
	}
	for _, ev := range w.Events {
		switch e := ev.Data.(type) {
		case domain.AccountErased:
			if !posts && e.ParentAccount == agency && e.ErasedAt.After(erased[e.SocialAccount]) {
				erased[e.SocialAccount] = e.ErasedAt
				all = slices.DeleteFunc(all, func(r gainsReading) bool { return r.owner.SocialAccount == e.SocialAccount })
			}
		case domain.AccountRead:
			if !posts && e.ParentAccount == agency && !e.CapturedAt.Before(erased[e.SocialAccount]) {
				all = append(all, gainsReading{
					event: ev.Envelope.ID, at: e.CapturedAt, owner: e.Tenant, platform: e.Platform, backfill: e.Backfilled, figures: e.Figures,
					splits: e.Demographics,
				})
			}
		case domain.PostRead:
			if posts && e.ParentAccount == agency && !e.CapturedAt.Before(erased[e.SocialAccount]) {
				all = append(all, gainsReading{
					event: ev.Envelope.ID, post: fmt.Sprintf("%d:%s", e.SocialAccount, e.ExternalID), at: e.CapturedAt, owner: e.Tenant,
					platform: e.Platform, fromZero: e.FromZero, figures: figuresOf(e.Counts), ofPost: e,
				})
			}
		}
	}
	slices.SortFunc(all, func(a, b gainsReading) int {
		return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.owner.SocialAccount, b.owner.SocialAccount), cmp.Compare(a.post, b.post), cmp.Compare(a.event, b.event))
	})
	return all
}

// postFigures are the figures of posts that have gains: reach counts people, and the watch time is
// an average.
var postFigures = []string{
	domain.MetricLikes, domain.MetricComments, domain.MetricShares, domain.MetricViews, domain.MetricImpressions, domain.MetricClicks,
	domain.MetricSaves,
}

func figuresOf(c domain.Counts) (figures []domain.Figure) {
	for i, v := range []*int64{c.Likes, c.Comments, c.Shares, c.Views, c.Impressions, c.Clicks, c.Saves} {
		if v != nil {
			figures = append(figures, domain.Figure{Name: postFigures[i], Kind: domain.Cumulative, Value: *v})
		}
	}
	return figures
}

// steps returns the gains of a figure by rules 1 and 2.
func steps(readings []gainsReading, name string) (gains []gained) {
	for i, r := range readings {
		now := r.figure(name)
		if now == nil {
			continue // a reading without the figure gains nothing
		}
		before := lastWith(readings[:i], r, name)
		step := gained{at: r.at, owner: r.owner, platform: r.platform, post: r.post, value: *now}
		switch {
		case movedSince(readings[:i], r, before):
			continue // rule 5: a baseline of the new client
		case before != nil:
			step.value -= *before.figure(name)
			if r.post == "" && r.at.Sub(before.at) > longGap {
				step.since = &before.at
			}
		case !r.fromZero:
			continue // rule 2: a baseline, always for accounts
		}
		gains = append(gains, step)
	}
	return gains
}

// movedSince reports whether a page moved to another client, or back, between the last reading with a
// figure and reading r; if no reading has the figure, at any time before r. Readings of accounts
// without the figure are not considered.
func movedSince(readings []gainsReading, r gainsReading, before *gainsReading) bool {
	if r.post == "" {
		return before != nil && before.owner.AccountID != r.owner.AccountID
	}
	return slices.ContainsFunc(readings, func(other gainsReading) bool {
		return other.same(r) && other.owner.AccountID != r.owner.AccountID && (before == nil || !other.at.Before(before.at))
	})
}

// isBaseline reports whether a reading is the first one of its client since the page came to it.
func isBaseline(readings []gainsReading, r gainsReading, name string) bool {
	before := lastWith(readings, r, name)
	return before == nil || movedSince(readings, r, before)
}

// lastWith returns rule 1's last reading strictly before a reading of the same account or post that
// has the figure.
func lastWith(before []gainsReading, r gainsReading, name string) *gainsReading {
	for _, other := range slices.Backward(before) {
		if other.same(r) && other.at.Before(r.at) && other.figure(name) != nil {
			return &other
		}
	}
	return nil
}

// flowLabel is a day of a figure of a page.
type flowLabel struct {
	page      int64
	name, day string
}

// labelled is rule 4 for a label: the reading of the last capture and its value, and the owner of the first
// capture that is not backfilled; if all are, of the first one.
type labelled struct {
	last  gainsReading
	value int64
	first gainsReading
}

// dayFlowsOf returns the day flows of figures that the platform counts by day.
func dayFlowsOf(w *world, agency string) map[flowLabel]labelled {
	flows := map[flowLabel]labelled{}
	for _, r := range allReadings(w, agency, false) { // in order of capture and event id
		for _, f := range r.figures {
			if f.Kind != domain.DayFlow || r.platform.AccountSource(0, f.Name).Kind != domain.DayFlow {
				continue
			}
			key := flowLabel{r.owner.SocialAccount, f.Name, f.Day}
			got, known := flows[key]
			if !known || r.at.After(got.last.at) {
				got.last, got.value = r, f.Value
			}
			if !known || got.first.backfill && !r.backfill {
				got.first = r
			}
			flows[key] = got
		}
	}
	return flows
}

func dayFlows(w *world, agency, name string, zone *time.Location) (all []gained) {
	for key, f := range dayFlowsOf(w, agency) {
		if key.name == name {
			date, _ := time.Parse(time.DateOnly, key.day)
			all = append(all, gained{at: firstInstant(date, zone), platform: f.last.platform, value: f.value, owner: f.first.owner})
		}
	}
	return all
}

// question is a query: for whom, where and when.
type question struct {
	scope readmodels.Scope
	analytics.RangeQuery
	cut   time.Time // within the range, for adjoining ranges
	parts []period  // replaces the days, weeks or months of the range
}

// sees is rule 5 for one gain: it is visible to those who can see its owner.
func (q question) sees(owner domain.Tenant, platform domain.Platform) bool {
	return q.seesAll(owner, platform) && (q.Member == 0 || owner.MemberID == q.Member)
}

// seesAll also sees what does not belong to the question's member.
func (q question) seesAll(owner domain.Tenant, platform domain.Platform) bool {
	return owner.ParentAccount == q.scope.ParentAccount && slices.Contains(q.Platforms, platform) &&
		(q.scope.Accounts == nil || slices.Contains(q.scope.Accounts, owner.AccountID))
}

// visible returns the gains that the question can see, at any time.
func (q question) visible(all []gained) []gained {
	return slices.DeleteFunc(all, func(g gained) bool { return !q.sees(g.owner, g.platform) })
}

// gains are all gains of one figure in the question's agency that the question can see.
type gains []gained

// in is rule 3: the gain of [from, to) is the sum of the gains in it; nil without any.
func (g gains) in(from, to time.Time, platforms ...domain.Platform) (v *int64) {
	for _, gain := range g {
		if !gain.at.Before(from) && gain.at.Before(to) && slices.Contains(platforms, gain.platform) {
			sum(&v, gain.value)
		}
	}
	return v
}

// ofAccounts returns the gains of accounts.
func (q question) ofAccounts(w *world, name string) gains {
	agency := q.scope.ParentAccount
	return q.visible(append(dayFlows(w, agency, name, q.Range.Zone), steps(readingsOf(w, agency, false), name)...))
}

// ofPosts returns the gains of posts. The gain of engagement is the sum of the gains of its parts.
func (q question) ofPosts(w *world, name string) (all gains) {
	return q.ofPostReadings(readingsOf(w, q.scope.ParentAccount, true), name)
}

func (q question) ofPostReadings(readings []gainsReading, name string) (all gains) {
	if name != domain.MetricEngagement {
		return q.visible(steps(readings, name))
	}
	for _, part := range engagementParts {
		all = append(all, q.ofPostReadings(readings, part)...)
	}
	return all
}

// period is a day, week or month of a range, named by its first day, and its part in the range.
type period struct {
	name     string
	from, to time.Time
}

// periods cuts the range where days, weeks (on Mondays) or months begin in its zone.
func (q question) periods() (out []period) {
	if q.parts != nil {
		return q.parts
	}
	zone := q.Range.Zone
	for date := q.Range.From.UTC().Truncate(24*time.Hour).AddDate(0, 0, -2); ; date = date.AddDate(0, 0, 1) {
		begins, ends := firstInstant(date, zone), firstInstant(date.AddDate(0, 0, 1), zone)
		if !begins.Before(q.Range.To) {
			return out
		}
		if !ends.After(q.Range.From) {
			continue
		}
		name := q.periodOf(date)
		if n := len(out); n == 0 || out[n-1].name != name {
			out = append(out, period{name: name, from: later(begins, q.Range.From)})
		}
		out[len(out)-1].to = earlier(ends, q.Range.To)
	}
}

// periodOf returns the first day of the period of a date.
func (q question) periodOf(date time.Time) string {
	switch q.Granularity {
	case analytics.ByMonth:
		date = date.AddDate(0, 0, 1-date.Day())
	case analytics.ByWeek:
		date = date.AddDate(0, 0, -(int(date.Weekday())+6)%7)
	}
	return date.Format(time.DateOnly)
}

func later(times ...time.Time) time.Time { return slices.MaxFunc(times, time.Time.Compare) }

func earlier(times ...time.Time) time.Time { return slices.MinFunc(times, time.Time.Compare) }
