package analytics_test

import (
	"cmp"
	"context"
	"slices"
	"sync"
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

// oracle searches all events for every figure; it shares only the shape of the answers.
type oracle struct {
	question
	w                  *world
	asOf               *time.Time
	reads              []domain.PostRead       // result of [oracle.agencyReads]
	accounts           []gainsReading          // result of [oracle.accountReads]
	allAccountReadings []gainsReading          // result of [allReadings], also those that lose their instant
	counted            map[bool][]gainsReading // result of [oracle.readings]
	steps              map[postStep]int64
	shown              map[int64]bool // social accounts with a figure in the range
}

func newOracle(w *world, q question) *oracle {
	return &oracle{question: q, w: w, shown: map[int64]bool{}, counted: map[bool][]gainsReading{}}
}

// readings returns the result of [readingsOf], which some oracles look through for each day and account:
// sorted again each time, it took half of their CPU time.
func (o *oracle) readings(posts bool) []gainsReading {
	if o.counted[posts] == nil {
		o.counted[posts] = readingsOf(o.w, o.scope.ParentAccount, posts)
	}
	return o.counted[posts]
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
func (o *oracle) dates() []string { return o.datesOf(o.Range.From, o.Range.To, false) }

// wholeDates returns the days that are wholly in [from, to).
func (o *oracle) wholeDates(from, to time.Time) []string { return o.datesOf(from, to, true) }

func (o *oracle) datesOf(from, to time.Time, whole bool) (out []string) {
	for day := from.UTC().Truncate(24*time.Hour).AddDate(0, 0, -2); day.Before(to.AddDate(0, 0, 2)); day = day.AddDate(0, 0, 1) {
		begins, ends := firstInstant(day, o.Range.Zone), firstInstant(day.AddDate(0, 0, 1), o.Range.Zone)
		if whole && !begins.Before(from) && !ends.After(to) || !whole && begins.Before(to) && ends.After(from) {
			out = append(out, day.Format(time.DateOnly))
		}
	}
	return out
}

// elapsed returns the end of the elapsed part of the range, including today.
func (o *oracle) elapsed() time.Time {
	r := o.Range
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
	if !o.Range.From.Before(o.elapsed()) {
		return nil
	}
	return o.datesOf(o.Range.From, o.elapsed(), false)
}

// previous returns the previous period: as many days as have elapsed, otherwise the same length. It
// is cut at the same hour while the range has not ended.
func (o *oracle) previous() (from, to time.Time) {
	elapsed, r := o.question, o.Range
	elapsed.Range.To = o.elapsed()
	from = elapsed.earlierBy(analytics.ComparePrevious)(r.From)
	if r.Now.IsZero() || !r.Now.Before(r.To) {
		return from, r.From
	}
	quarter := later(r.From, r.Now.Truncate(15*time.Minute))
	begins := func(at time.Time) time.Time {
		date, _ := time.Parse(time.DateOnly, at.In(r.Zone).Format(time.DateOnly))
		return firstInstant(date, r.Zone)
	}
	if !begins(r.From).Equal(r.From) || !begins(elapsed.Range.To).Equal(elapsed.Range.To) {
		return r.From.Add(-quarter.Sub(r.From)), r.From
	}
	return from, elapsed.earlierBy(analytics.ComparePrevious)(begins(quarter)).Add(quarter.Sub(begins(quarter)))
}

// hit is one figure of one reading.
type hit struct {
	read   gainsReading
	figure domain.Figure
}

// accountReads returns the readings of accounts of the agency that the query covers, in order of
// capture.
func (o *oracle) accountReads() []gainsReading {
	if o.accounts == nil {
		o.accounts = slices.DeleteFunc(slices.Clone(o.readings(false)), func(r gainsReading) bool { return !o.sees(r.owner, r.platform) })
	}
	return o.accounts
}

// find returns the matching figures of the rows that the scope can see, in order of capture.
func (o *oracle) find(id int64, match func(gainsReading, domain.Figure) bool) (hits []hit) {
	for _, read := range o.accountReads() {
		for _, f := range read.figures {
			if read.owner.SocialAccount == id && match(read, f) {
				hits = append(hits, hit{read, f})
			}
		}
	}
	return hits
}

// last returns the last reading of a figure in [from, to).
func (o *oracle) last(id int64, metric string, kind domain.Kind, from, to time.Time) *hit {
	hits := o.find(id, func(r gainsReading, f domain.Figure) bool {
		return f.Name == metric && f.Kind == kind && !r.at.Before(from) && r.at.Before(to)
	})
	if len(hits) == 0 {
		return nil
	}
	return &hits[len(hits)-1]
}

func (o *oracle) uses(h *hit) int64 {
	if o.asOf == nil || h.read.at.After(*o.asOf) {
		o.asOf = &h.read.at
	}
	o.shown[h.read.owner.SocialAccount] = true
	return h.figure.Value
}

// socialsOn returns the number of social accounts that answers should list.
func (o *oracle) socialsOn(platforms ...domain.Platform) int { return len(o.socialIDs(platforms...)) }

// socialIDs returns the social accounts that answers should list, by platform and id: currently
// owned, shown, or erased in the range.
func (o *oracle) socialIDs(platforms ...domain.Platform) (ids []int64) {
	for _, s := range o.ids(platforms) {
		if o.ownedNow(s.id) || o.shown[s.id] || o.erasedIn(s.id) {
			ids = append(ids, s.id)
		}
	}
	return ids
}

// erasedIn reports whether readings of the range were erased that an account in scope owned.
func (o *oracle) erasedIn(id int64) bool {
	return slices.ContainsFunc(o.w.Events, func(ev fold.Event) bool {
		e, ok := ev.Data.(domain.AccountErased)
		return ok && e.SocialAccount == id && e.ErasedAt.After(o.Range.From) && o.sees(domain.Tenant{ParentAccount: e.ParentAccount, AccountID: e.AccountID}, e.Platform)
	})
}

func sum(to **int64, v int64) {
	if *to == nil {
		*to = new(int64)
	}
	**to += v
}

// ids returns the social accounts on some platforms, by platform and id.
func (o *oracle) ids(platforms []domain.Platform) []social {
	ids := slices.DeleteFunc(slices.Clone(gainsPages), func(s social) bool { return !slices.Contains(platforms, s.platform) })
	slices.SortStableFunc(ids, func(a, b social) int { return cmp.Compare(a.platform, b.platform) })
	return ids
}

// drawFurnished draws a world with everything that answers show.
func drawFurnished(t *rapid.T) *gainsWorld {
	g := drawGainsWorld(rapid.Uint64().Draw(t, "world"))
	g.furnish()
	return g
}

// drawQuery draws a question that may be refused, empty, or about a range that is not over.
func (g *gainsWorld) drawQuery() question {
	q := g.drawQuestion()
	if g.IntN(3) > 0 {
		q.Range.Now = g.instant(g.IntN(gainsDays + 20))
	}
	q.Granularity = pick(g.Rand, q.Granularity, "")
	q.Member = pick(g.Rand, q.Member, q.Member, q.Member, q.Member, 99)
	q.scope.Accounts = pick(g.Rand, q.scope.Accounts, q.scope.Accounts, q.scope.Accounts, q.scope.Accounts, []string{})
	return q
}

// Every part of an answer that [TestGainsAddUp] does not check agrees with the oracle. Each world is folded
// once for all of them.
func TestAnswersAgreeWithTheOracle(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	queries := &analytics.Analytics{Pool: db.ReadOnly}
	rapid.Check(t, func(t *rapid.T) {
		g := drawFurnished(t)
		g.Fold(t, db)
		for range 4 {
			reachAgrees(t, queries, &g.world, g.drawQuery())
			activityMeterAgrees(t, queries, &g.world, g.drawQuery())
			statsAgree(t, queries, &g.world, g.drawQuery())
			postsAgree(t, queries, &g.world, g.drawQuery())
		}
	})
}

// comparison compares one answer, or a part of it, with the oracle.
type comparison func(t *rapid.T, queries *analytics.Analytics, w *world, q question)

// comparePart compares the part of an answer that want returns.
func comparePart[R any](answer endpoint[R], want func(*oracle) R) comparison {
	return func(t *rapid.T, queries *analytics.Analytics, w *world, q question) {
		got, meta, err := answer(queries, t.Context(), q.scope, q.RangeQuery)
		if o := newOracle(w, q); !o.refuses(t, err) {
			require.Equal(t, want(o), got)
			o.agreeOnMeta(t, meta)
		}
	}
}

type reachPart struct {
	Reach                []analytics.AccountReach
	Impressions, Engaged []analytics.ReadFigure // as read
}

var reachAgrees = comparePart(
	func(a *analytics.Analytics, ctx context.Context, scope readmodels.Scope, q analytics.RangeQuery) (reachPart, analytics.Meta, error) {
		insights, _, _ := a.AccountInsights(ctx, scope, q)
		stats, meta, err := a.AccountStats(ctx, scope, q)
		return reachPart{stats.Reach, stats.AsRead, insights.AsRead}, meta, err
	}, func(o *oracle) reachPart {
		return reachPart{o.reach(), o.asRead(domain.MetricImpressions), o.asRead(domain.MetricEngagement)}
	})

// agreeOnMeta compares the query's fields in meta.
func (o *oracle) agreeOnMeta(t require.TestingT, meta analytics.Meta) {
	require.Equal(t, o.Range.From.UTC(), meta.From)
	require.Equal(t, o.Range.To.UTC(), meta.To)
	require.Equal(t, o.Range.Zone.String(), meta.TimeZone)
	require.Equal(t, cmp.Or(o.Granularity, analytics.ByDay), meta.Granularity)
	require.Equal(t, o.Range.Now.IsZero() || !o.Range.To.After(o.Range.Now), meta.Complete)
}

// sourceIDs returns the social accounts of an answer's sources, in order.
func sourceIDs(meta analytics.Meta) (ids []int64) {
	for _, s := range meta.Sources {
		ids = append(ids, s.SocialAccount)
	}
	return ids
}

// refuses requires the error that the query should return, and reports whether there is one.
func (o *oracle) refuses(t require.TestingT, err error) bool {
	if _, known := o.member(o.Member); o.Member == 0 || known {
		require.NoError(t, err)
		return false
	}
	require.ErrorIs(t, err, analytics.ErrMemberNotFound)
	return true
}

// reach searches each window and day separately.
func (o *oracle) reach() []analytics.AccountReach {
	out := []analytics.AccountReach{}
	whole := o.wholeDates(o.Range.From, o.Range.To)
	for _, s := range o.ids(o.Platforms) {
		account := analytics.AccountReach{SocialAccount: s.id, PlatformRef: readmodels.PlatformRefOf(s.platform)}
		for _, window := range []string{"day", "days_3", "months_12", "week"} {
			if w := o.lastWindow(s.id, window, whole); w != nil {
				account.Windows = append(account.Windows, *w)
			}
		}
		if len(account.Windows) == 0 {
			continue
		}
		for _, part := range o.parts() {
			account.Series = append(account.Series, analytics.ReachPoint{Day: part.day, Value: o.windowOver(s.id, part.dates, part.from, part.to)})
		}
		account.Value = o.windowOver(s.id, o.dates(), o.Range.From, o.Range.To)
		out = append(out, account)
	}
	return out
}

// windowOver returns the figure of the window that covers exactly these whole days.
func (o *oracle) windowOver(id int64, dates []string, from, to time.Time) *int64 {
	if !slices.Equal(o.wholeDates(from, to), dates) {
		return nil
	}
	window, ok := map[int]string{1: "day", 3: "days_3", 7: "week"}[len(dates)]
	if !ok {
		return nil
	}
	h := o.window(id, window, dates[len(dates)-1])
	if h == nil {
		return nil
	}
	o.uses(h)
	return &h.figure.Value
}

// window returns the newest reading of the window that ends on a day, if its owner, that of the first
// reading that is not backfilled, is one that the question sees (rule 4).
func (o *oracle) window(id int64, window, date string) *hit {
	var newest *hit
	var first gainsReading
	if o.allAccountReadings == nil {
		o.allAccountReadings = allReadings(o.w, o.scope.ParentAccount, false)
	}
	for _, r := range o.allAccountReadings {
		for _, f := range r.figures {
			if r.owner.SocialAccount != id || f.Name != domain.MetricReach || f.Window != window || f.Day != date {
				continue
			}
			if newest == nil || first.backfill && !r.backfill {
				first = r
			}
			if newest == nil || r.at.After(newest.read.at) {
				newest = &hit{r, f}
			}
		}
	}
	if newest == nil || !o.sees(first.owner, first.platform) {
		return nil
	}
	return newest
}

// lastWindow returns the window that ends last in the range, or the last reading of one without an
// end.
func (o *oracle) lastWindow(id int64, window string, whole []string) *analytics.ReachWindow {
	var newest *analytics.ReachWindow
	undated := o.find(id, func(r gainsReading, f domain.Figure) bool {
		return f.Name == domain.MetricReach && f.Window == window && f.Day == "" &&
			!r.at.Before(o.Range.From) && r.at.Before(o.Range.To)
	})
	if len(undated) > 0 {
		h := undated[len(undated)-1]
		return &analytics.ReachWindow{Window: window, Value: o.uses(&h), SourceMetric: h.figure.Source, CapturedAt: h.read.at}
	}
	for _, date := range whole {
		if h := o.window(id, window, date); h != nil {
			newest = &analytics.ReachWindow{
				Window: window, EndsOn: &date, Value: h.figure.Value, SourceMetric: h.figure.Source, CapturedAt: h.read.at,
			}
		}
	}
	if newest != nil {
		o.uses(o.window(id, window, *newest.EndsOn))
	}
	return newest
}

// asRead returns the rolling figures of metrics.
func (o *oracle) asRead(metrics ...string) []analytics.ReadFigure {
	out := []analytics.ReadFigure{}
	for _, p := range domain.Platforms() {
		for _, s := range o.ids([]domain.Platform{p}) {
			for _, metric := range metrics {
				h := o.last(s.id, metric, domain.Rolling, o.Range.From, o.Range.To)
				if h == nil {
					continue
				}
				out = append(out, analytics.ReadFigure{
					SocialAccount: s.id, PlatformRef: readmodels.PlatformRef{Platform: p, PlatformName: p.String()},
					Metric: metric, Kind: domain.Rolling, Window: domain.OptionalText(h.figure.Window), Value: o.uses(h),
					SourceMetric: h.figure.Source, CapturedAt: h.read.at,
				})
			}
		}
	}
	return out
}
