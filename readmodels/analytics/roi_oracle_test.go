package analytics_test

import (
	"math"
	"math/big"
	"slices"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
)

// monthPart is one calendar month of a range: its dates, cut by the range.
type monthPart struct {
	name     string
	dates    []string
	from, to time.Time
}

func (o *oracle) months() []monthPart {
	var out []monthPart
	for _, date := range o.dates() {
		if n := len(out); n == 0 || out[n-1].name != date[:7] {
			out = append(out, monthPart{name: date[:7], from: o.startOf(date)})
		}
		out[len(out)-1].dates = append(out[len(out)-1].dates, date)
		out[len(out)-1].to = o.endOf(date)
	}
	return out
}

// begunOf are the days of a month that count and have begun.
func (o *oracle) begunOf(month monthPart) (dates []string) {
	for _, date := range month.dates {
		if slices.Contains(o.begun(), date) {
			dates = append(dates, date)
		}
	}
	return dates
}

// startOf and endOf are the ends of a day, cut by the range.
func (o *oracle) startOf(date string) time.Time {
	day, _ := time.Parse(time.DateOnly, date)
	if at := firstInstant(day, o.q.Range.Zone); at.After(o.q.Range.From) {
		return at
	}
	return o.q.Range.From
}

func (o *oracle) endOf(date string) time.Time {
	day, _ := time.Parse(time.DateOnly, date)
	if at := firstInstant(day.AddDate(0, 0, 1), o.q.Range.Zone); at.Before(o.q.Range.To) {
		return at
	}
	return o.q.Range.To
}

// accountViews are the views of accounts that a month gained, and the platforms' names for them.
type accountViews struct {
	byAccount map[string]int64
	sources   []string
}

// views gathers the views of one platform and month by sub-account. A day of the platform counts once,
// under the sub-account that the page had when the day was read last.
func (o *oracle) views(p domain.Platform, month monthPart) accountViews {
	v := accountViews{byAccount: map[string]int64{}}
	for _, s := range o.ids([]domain.Platform{p}) {
		counted := o.viewsByDays(s.id, month, &v)
		if !counted {
			for _, account := range []string{agencyA, clientA, clientC, clientB} {
				counted = o.under(account).viewsByCounter(s.id, month, account, &v) || counted
			}
		}
		if p == domain.TikTok && !counted {
			o.videoViews(s.id, month, &v)
		}
	}
	return v
}

// under sees only the rows of one sub-account, as far as the scope does.
func (o *oracle) under(account string) *oracle {
	narrow := *o
	narrow.scope.Accounts = []string{}
	if o.scope.Accounts == nil || slices.Contains(o.scope.Accounts, account) {
		narrow.scope.Accounts = []string{account}
	}
	return &narrow
}

// viewsByDays adds the days of a month; it tells whether the platform gives days anywhere in the range.
func (o *oracle) viewsByDays(id int64, month monthPart, v *accountViews) (read bool) {
	for _, date := range o.wholeDates(o.q.Range.From, o.q.Range.To) {
		h := o.flow(id, domain.MetricViews, date)
		if h == nil {
			continue
		}
		read, v.sources = true, append(v.sources, h.figure.Source)
		if slices.Contains(month.dates, date) {
			v.byAccount[h.read.AccountID] += h.figure.Value
		}
	}
	return read
}

// viewsByCounter adds what a counter gained in a month; it tells whether one was read anywhere in the range.
func (o *oracle) viewsByCounter(id int64, month monthPart, account string, v *accountViews) (read bool) {
	if gained := o.counted(id, domain.MetricViews, month.from, month.to); gained != nil {
		v.byAccount[account] += *gained
	}
	h := o.last(id, domain.MetricViews, domain.Cumulative, o.q.Range.From, o.q.Range.To)
	if h != nil {
		v.sources = append(v.sources, h.figure.Source)
	}
	return h != nil
}

// videoViews adds what the videos of an account gained in a month.
func (o *oracle) videoViews(id int64, month monthPart, v *accountViews) {
	o.stepsIn(o.q.Range.From, o.q.Range.To, func(read domain.PostRead, g analytics.PostGrowth) {
		if read.SocialAccount != id || g.Views == nil || read.CapturedAt.Before(month.from) || !read.CapturedAt.Before(month.to) {
			return
		}
		v.byAccount[read.AccountID] += *g.Views
		v.sources = append(v.sources, "view_count")
	})
}

// cost is what an account's subscriptions cost in a month; known is false when one has no price, and
// currencies are those of all that ran.
func (o *oracle) cost(account string, month monthPart) (minor int64, ran, known bool, currencies []string) {
	known = true
	first, _ := time.Parse("2006-01", month.name)
	length := int64(first.AddDate(0, 1, 0).Sub(first).Hours() / 24)
	for _, entity := range o.w.Directory {
		s, ok := entity.(domain.DirectorySubscription)
		if !ok || s.AccountID != account {
			continue
		}
		days := new(big.Rat) // and parts of days
		for _, date := range o.begunOf(month) {
			from, to := o.startOf(date), o.endOf(date)
			long := to.Sub(from)
			if s.StartsAt.After(from) {
				from = s.StartsAt
			}
			if s.EndsAt != nil && s.EndsAt.Before(to) {
				to = *s.EndsAt
			}
			if to.After(from) {
				days.Add(days, big.NewRat(int64(to.Sub(from)), int64(long)))
			}
		}
		if days.Sign() == 0 {
			continue
		}
		ran = true
		if s.PriceMinor == nil {
			known = false
			continue
		}
		cents, _ := new(big.Rat).Mul(days, big.NewRat(*s.PriceMinor, length)).Float64()
		minor += int64(math.Floor(cents + 0.5))
		if !slices.Contains(currencies, s.Currency) {
			currencies = append(currencies, s.Currency)
		}
	}
	return minor, ran, known && ran, currencies
}

// restOfRoi notes what the views rest on and what they lack: the days of the range, else the counters of each
// sub-account, else the readings of videos.
func (o *oracle) restOfRoi() {
	o.metrics = []string{domain.MetricViews}
	o.asOf, o.shown = nil, map[int64]bool{}
	for _, s := range o.ids(o.q.Platforms) {
		if !o.restOfDays(s.id) && !o.restOfCounters(s.id) && s.platform == domain.TikTok {
			o.restOfVideos(s.id)
		}
	}
}

func (o *oracle) restOfDays(id int64) bool {
	over, read, readOfThem := 0, 0, 0
	for _, date := range o.wholeDates(o.q.Range.From, o.q.Range.To) {
		h := o.flow(id, domain.MetricViews, date)
		if h != nil {
			o.uses(h)
			read++
		}
		if o.isOver(date) {
			over++
			if h != nil {
				readOfThem++
			}
		}
	}
	if read > 0 {
		o.lackOfDays(id, domain.MetricViews, readOfThem, over)
	}
	return read > 0
}

func (o *oracle) restOfCounters(id int64) (read bool) {
	previousFrom, _ := o.previous()
	for _, account := range []string{clientA, clientC, agencyA, clientB} { // by their ids: the first one's lack is told
		under := o.under(account)
		h := under.last(id, domain.MetricViews, domain.Cumulative, o.q.Range.From, o.q.Range.To)
		if h == nil {
			continue
		}
		read = true
		o.uses(h)
		if o.gaps[id][domain.MetricViews] == "" && under.last(id, domain.MetricViews, domain.Cumulative, previousFrom, o.q.Range.From) == nil {
			under.lackOfBaseline(id, domain.MetricViews)
		}
	}
	return read
}

func (o *oracle) restOfVideos(id int64) {
	o.stepsIn(o.q.Range.From, o.q.Range.To, func(read domain.PostRead, g analytics.PostGrowth) {
		if read.SocialAccount != id {
			return
		}
		if o.asOf == nil || read.CapturedAt.After(*o.asOf) {
			o.asOf = &read.CapturedAt
		}
		if g.Views != nil {
			o.shown[id], o.figures[id][domain.MetricViews] = true, true
		}
	})
}
