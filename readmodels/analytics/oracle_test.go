package analytics_test

import (
	"slices"
	"sync"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
)

// oracle searches all events for every figure; it shares only the shape of the answers.
type oracle struct {
	w     *world
	scope readmodels.Scope
	q     analytics.RangeQuery
	asOf  *time.Time
	reads []domain.PostRead // result of [oracle.agencyReads]
	steps map[postStep]int64
	shown map[int64]bool // social accounts with a figure in the range
}

func newOracle(w *world, scope readmodels.Scope, q analytics.RangeQuery) *oracle {
	return &oracle{w: w, scope: scope, q: q, shown: map[int64]bool{}}
}

// firstInstants caches results of [firstInstant], which is slow.
var firstInstants sync.Map

// firstInstant returns the first minute in which a clock in the zone shows the date of day.
func firstInstant(day time.Time, zone *time.Location) time.Time {
	key := day.Format(time.DateOnly) + zone.String()
	if at, ok := firstInstants.Load(key); ok {
		return at.(time.Time)
	}
	at := day.Add(-15 * time.Hour)
	for at.In(zone).Format(time.DateOnly) < day.Format(time.DateOnly) {
		at = at.Add(time.Minute)
	}
	firstInstants.Store(key, at)
	return at
}

// dates returns the days that the range touches.
func (o *oracle) dates() []string { return o.datesOf(o.q.Range.From, o.q.Range.To, false) }

// wholeDates returns the days that are wholly in [from, to).
func (o *oracle) wholeDates(from, to time.Time) []string { return o.datesOf(from, to, true) }

func (o *oracle) datesOf(from, to time.Time, whole bool) (out []string) {
	for day := from.UTC().Truncate(24*time.Hour).AddDate(0, 0, -2); day.Before(to.AddDate(0, 0, 2)); day = day.AddDate(0, 0, 1) {
		begins, ends := firstInstant(day, o.q.Range.Zone), firstInstant(day.AddDate(0, 0, 1), o.q.Range.Zone)
		if whole && !begins.Before(from) && !ends.After(to) || !whole && begins.Before(to) && ends.After(from) {
			out = append(out, day.Format(time.DateOnly))
		}
	}
	return out
}

// elapsed returns the end of the elapsed part of the range, including today.
func (o *oracle) elapsed() time.Time {
	r := o.q.Range
	if r.Now.IsZero() {
		return r.To
	}
	today, _ := time.Parse(time.DateOnly, r.Now.In(r.Zone).Format(time.DateOnly))
	switch end := firstInstant(today.AddDate(0, 0, 1), r.Zone); {
	case end.Before(r.From):
		return r.From
	case end.Before(r.To):
		return end
	default:
		return r.To
	}
}

// begun returns the days that the range touches and that have begun.
func (o *oracle) begun() []string {
	if !o.q.Range.From.Before(o.elapsed()) {
		return nil
	}
	return o.datesOf(o.q.Range.From, o.elapsed(), false)
}

// previous returns the previous period: as many days as have elapsed, otherwise the same length.
func (o *oracle) previous() (from, to time.Time) {
	elapsed := question{RangeQuery: o.q}
	elapsed.Range.To = o.elapsed()
	return elapsed.earlierBy(analytics.ComparePrevious)(o.q.Range.From), o.q.Range.From
}

// hit is one figure of one reading.
type hit struct {
	read   domain.AccountRead
	figure domain.Figure
}

// find returns the matching figures of the rows that the scope can see, in order of capture.
func (o *oracle) find(id int64, match func(domain.AccountRead, domain.Figure) bool) []hit {
	var hits []hit
	for _, ev := range o.w.Events {
		read, ok := ev.Data.(domain.AccountRead)
		if !ok || read.SocialAccount != id || !o.sees(read.Tenant, read.Platform) {
			continue
		}
		for _, f := range read.Figures {
			if match(read, f) {
				hits = append(hits, hit{read, f})
			}
		}
	}
	slices.SortStableFunc(hits, func(a, b hit) int { return a.read.CapturedAt.Compare(b.read.CapturedAt) })
	return hits
}

func (o *oracle) sees(t domain.Tenant, p domain.Platform) bool {
	return o.seesAll(t, p) && (o.q.Member == 0 || t.MemberID == o.q.Member)
}

// seesAll also sees rows that do not belong to the query's member.
func (o *oracle) seesAll(t domain.Tenant, p domain.Platform) bool {
	return t.ParentAccount == o.scope.ParentAccount && slices.Contains(o.q.Platforms, p) &&
		(o.scope.Accounts == nil || slices.Contains(o.scope.Accounts, t.AccountID))
}

// last returns the last reading of a figure in [from, to).
func (o *oracle) last(id int64, metric string, kind domain.Kind, from, to time.Time) *hit {
	hits := o.find(id, func(r domain.AccountRead, f domain.Figure) bool {
		return f.Name == metric && f.Kind == kind && !r.CapturedAt.Before(from) && r.CapturedAt.Before(to)
	})
	if len(hits) == 0 {
		return nil
	}
	return &hits[len(hits)-1]
}

func (o *oracle) uses(h *hit) int64 {
	if o.asOf == nil || h.read.CapturedAt.After(*o.asOf) {
		o.asOf = &h.read.CapturedAt
	}
	o.shown[h.read.SocialAccount] = true
	return h.figure.Value
}

// socialsOn returns the number of social accounts that answers should list.
func (o *oracle) socialsOn(platforms ...domain.Platform) int { return len(o.socialIDs(platforms...)) }

// socialIDs returns the social accounts that answers should list, by platform and id: currently
// owned, or shown.
func (o *oracle) socialIDs(platforms ...domain.Platform) (ids []int64) {
	for _, s := range socials { // in that order
		if slices.Contains(platforms, s.platform) && (o.ownedNow(s.id) || o.shown[s.id]) {
			ids = append(ids, s.id)
		}
	}
	return ids
}

func sum(to **int64, v int64) {
	if *to == nil {
		*to = new(int64)
	}
	**to += v
}

// ids returns the social accounts on some platforms.
func (o *oracle) ids(platforms []domain.Platform) []social {
	return slices.DeleteFunc(slices.Clone(socials), func(s social) bool { return !slices.Contains(platforms, s.platform) })
}
