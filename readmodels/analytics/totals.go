package analytics

import (
	"slices"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// TotalNote says what to know about a total and its comparison.
type TotalNote string

// Notes of totals. If several apply, the first one is given.
const (
	NoteGap          TotalNote = "gap"           // more than 35 days without readings end in the range
	NoteFirstReading TotalNote = "first_reading" // there is nothing to compare it with
	NotePart         TotalNote = "part"          // some accounts or days are not compared
	NoteNone         TotalNote = "none"          // nothing to know
)

// Total is one metric over a range, for one or more social accounts.
//
// For stocks (followers), `value` is the sum of each account's last reading in the range and
// `change` is the gain over the range. For cumulative metrics and day flows (engagement,
// impressions, views), `value` is the sum of each account's gains in the range: from its readings,
// or from the platform's days that begin in the range. An account without the figure is excluded,
// never counted as 0; `meta.sources` gives the reason.
//
// A gain is the difference from the account's previous reading, however old, so the intervals of a
// range add up to the whole. An account's first reading is a baseline and gains nothing. If an
// account moves to another client of the agency, or back, the first reading there is a baseline. If
// it moves to another member of the client, a gain belongs to the member at the later reading. A day
// flow belongs to the owner of its first reading that is not backfilled.
//
// For stocks, `previous` is the value from which `change` is measured. For other metrics, it is the
// gain of the same accounts in the previous period; day flows are compared day by day, over the
// days that both periods have. The previous period is the same number of days before the range.
// While the range has not ended, it is cut at the same hour, to the quarter: at noon on the 20th,
// the current month is compared with the 20 days before it, the last of them until noon. Day flows
// cannot be cut, so today is not compared then. With compare=year, the previous period has the same
// dates one year earlier; stocks are compared with their value at its end, unless the account was
// first read later. With compare=none, nothing is compared. `meta` contains the period that was
// used.
type Total struct {
	// The value. Null if no account has the figure in the range.
	Value *int64 `json:"value"`
	// Previous is the value to compare with, over the accounts and days that both periods have.
	// Null if there is no comparison.
	Previous *int64 `json:"previous"`
	// Change is the compared part of `value` minus `previous`; null if `previous` is null.
	Change *int64 `json:"change"`
	// ChangePct is `change` as a percentage of `previous`, rounded to two decimal places. Accounts
	// whose stock was first read in the range are excluded from this calculation. Null if nothing
	// else remains, if the remaining `previous` is not positive, if `gained_since` is set, or if a
	// gain in the previous period spans more than 35 days.
	ChangePct *float64 `json:"change_pct"`
	// Note is the first of these that applies. For gap, see `gained_since`. With first_reading, the
	// figure was read in the range, but there is nothing to compare it with; `change` is then null,
	// except for a stock with several readings in the range, where it is the gain since the first of
	// these. With part, some accounts or days of one period have no counterpart in the other and are
	// excluded from `change` and `previous`, or a stock was first read in the range, and `change` is
	// measured from that reading; so is it if the account came to the client in the range. Always compare `previous` plus `change`, not `value`, with
	// `previous`.
	Note TotalNote `json:"note"`
	// GainedSince is the time of the last reading before a gap of more than 35 days that ends in
	// the range, the earliest if there are several gaps. The gain over the gap is counted, but it
	// is unknown when it occurred. Null if there is no such gap.
	GainedSince *time.Time `json:"gained_since"`
	// Accounts is the number of social accounts in `value`.
	Accounts int `json:"accounts"`
	// Kinds are the kinds of figures in `value`: stock, cumulative, day_flow.
	Kinds []domain.Kind `json:"kinds"`
	// SourceMetrics are the platforms' names for the metrics in `value` and in the comparison.
	SourceMetrics []string `json:"source_metrics"`
}

// metricValue is the contribution of one series to a [Total].
type metricValue struct {
	*metricSeries

	owns  func(owner) bool // selects the owners
	kinds []domain.Kind
	// value, the part of it that has a counterpart, and the counterpart; nil if missing.
	value, compared, previous *int64
	comparedInPart            bool
	firstReadInRange          bool // stocks: the first reading in the range is a baseline
	// stocks: the newest reading in the range belongs to another owner
	movedAway   bool
	gainedSince *time.Time // the reading before the first long gap, see [Total].GainedSince
	noPct       bool       // the percentage is unknown: a gap in either period is too long

	gained  []*int64 // in each bucket
	stocks  []*int64 // stocks: the last reading in each bucket
	before  *int64   // stocks: the last value before the range
	sources []string // without duplicates
	read    *metricRead
}

// stockValue returns the value of a stock: its last reading in the range, or nil if it was not read
// in the range.
func (q *queryContext) stockValue(s *metricSeries, buckets []bucket) *metricValue {
	r := q.query.Range
	v := &metricValue{metricSeries: s, owns: q.sees, stocks: make([]*int64, len(buckets))}
	last := v.last(r.From, r.To, v.owns)
	if last == nil {
		return nil
	}
	q.noteReading(v, last)
	v.kinds, v.value = []domain.Kind{domain.Stock}, &last.value
	v.gained = make([]*int64, len(buckets))
	for i, b := range buckets {
		if p := v.last(b.From, b.To, v.owns); p != nil {
			v.stocks[i] = &p.value
		}
		v.gained[i] = v.gainedIn(b.From, b.To)
	}
	if before := v.last(time.Time{}, r.From, v.owns); before != nil {
		v.before = &before.value
	}
	newest := v.last(r.From, r.To, func(owner) bool { return true })
	v.movedAway = !v.owns(newest.owner)
	v.firstReadInRange = v.firstBaseline(r, v.owns) != nil
	// The previous value is that of the start of the range, so the first reading in the range can
	// replace a missing reading before it. With compare=year, a reading before the end of the
	// compared period is needed.
	baseline := r.From
	if q.query.Compare == CompareYear {
		baseline = q.compared.To
	}
	if !q.uncompared && (q.query.Compare != CompareYear || v.last(time.Time{}, baseline, v.owns) != nil) {
		if gained := v.gainedIn(baseline, r.To); gained != nil {
			v.compared, v.previous = v.value, new(*v.value-*gained)
		}
		v.noPct = len(v.gaps(baseline, r.From, v.owns)) > 0
		v.comparedInPart = v.previous != nil && v.firstReadInRange
	}
	q.noteLongGaps(v)
	return v
}

// gainedValue returns the gain of a metric: its day flows, or the steps of its counter. It returns
// nil if nothing was read. It sets comparedInPart if the previous period has data without a
// counterpart in the range, even if the range has no data.
func (q *queryContext) gainedValue(s *metricSeries, buckets []bucket, owns func(owner) bool) *metricValue {
	v := &metricValue{metricSeries: s, owns: owns}
	days := s.flows.of(owns)
	q.dayFlowValue(v, days)
	q.counterValue(v)
	if !q.uncompared {
		earlier := *v // a copy, so that no sources are noted in v
		all := earlier.gainedOf(q.compared.whole(), days)
		v.comparedInPart = v.comparedInPart || all != nil && (v.previous == nil || *v.previous != *all)
	}
	if v.read == nil && !v.comparedInPart {
		return nil
	}
	v.gained = make([]*int64, len(buckets))
	for i, b := range buckets {
		v.gained[i] = v.gainedOf(b, days)
	}
	return v
}

// gainedOf returns the gain of the owners' days and readings in a bucket; nil if no gain is known.
func (m *metricValue) gainedOf(b bucket, days dayLabels) *int64 {
	var sum tally
	for d := b.first; d < b.end; d++ {
		if p := days.get(d); p != nil {
			sum.addKnown(&p.value)
		}
	}
	sum.addKnown(m.gainedIn(b.From, b.To))
	return sum.value()
}

// dayFlowValue adds the day flows of the range, compared day by day.
func (q *queryContext) dayFlowValue(v *metricValue, days dayLabels) {
	first, end := q.query.Range.flowDays()
	comparedDays := q.comparedDays()
	var value, compared, previous tally
	for d := first; d < end; d++ {
		now := days.get(d)
		if now == nil {
			continue
		}
		q.noteReading(v, now)
		value.addKnown(&now.value)
		if q.uncompared {
			continue
		}
		counterparts := days.all(comparedDays(d))
		if len(counterparts) == 0 {
			v.comparedInPart = true
			continue
		}
		compared.addKnown(&now.value)
		for _, p := range counterparts {
			q.noteReading(v, p)
			previous.addKnown(&p.value)
		}
	}
	v.value, v.compared, v.previous = value.value(), compared.value(), previous.value()
	if v.value != nil {
		v.kinds = append(v.kinds, domain.DayFlow)
		v.read.days = append(v.read.days, days)
	}
}

// counterValue adds the gains of a cumulative counter in the range.
func (q *queryContext) counterValue(v *metricValue) {
	r := q.query.Range
	last := v.last(r.From, r.To, v.owns)
	if last == nil {
		return
	}
	q.noteReading(v, last)
	v.kinds = append(v.kinds, domain.Cumulative)
	if first := v.firstBaseline(r, v.owns); first != nil {
		v.read.gap = domain.StatusReason{Code: domain.StatusFirstReading, Day: q.date(*first)}
	}
	q.noteLongGaps(v)
	gained := v.gainedIn(r.From, r.To)
	if gained == nil {
		return
	}
	v.value = plus(v.value, *gained)
	if q.uncompared {
		return
	}
	if before := v.gainedIn(q.compared.From, q.compared.To); before != nil {
		v.compared, v.previous = plus(v.compared, *gained), plus(v.previous, *before)
		v.noPct = v.noPct || len(v.gaps(q.compared.From, q.compared.To, v.owns)) > 0
	} else if v.previous != nil {
		v.comparedInPart = true
	}
}

// gainedIn returns the gain of the owners in [from, to), and notes the source that it is measured
// from.
func (m *metricValue) gainedIn(from, to time.Time) *int64 {
	sum := m.metricSeries.gained(from, to, m.owns)
	if before := m.last(time.Time{}, from, m.owns); sum.n > 0 && before != nil {
		m.noteSource(before)
	}
	return sum.value()
}

// noteLongGaps records the gaps that end in the range and are too long to tell when the gain
// occurred.
func (q *queryContext) noteLongGaps(v *metricValue) {
	for _, gap := range v.gaps(q.query.Range.From, q.query.Range.To, v.owns) {
		v.noPct = true
		if v.gainedSince == nil {
			v.gainedSince = &gap.since
		}
		v.read.gap = domain.StatusReason{
			Code: domain.StatusLongGap, Since: q.date(gap.since), Day: q.date(gap.until),
		}
	}
}

func (q *queryContext) date(at time.Time) string { return dayOf(at.In(q.query.Range.Zone)).String() }

// noteReading records that a value uses a reading.
func (q *queryContext) noteReading(v *metricValue, p *reading) {
	q.noteCapture(&p.at)
	if v.read == nil {
		v.read = q.noteMetric(v.social, v.metric)
	}
	if q.sees(p.owner) && q.query.Range.contains(p.at) && (v.read.last == nil || p.at.After(*v.read.last)) {
		v.read.last = &p.at
	}
	v.noteSource(p)
}

func (m *metricValue) noteSource(p *reading) {
	if !slices.Contains(m.sources, p.source) {
		m.sources = append(m.sources, p.source)
	}
}

func total(values []*metricValue) Total {
	var t Total
	var value, compared, previous, grown, base tally
	var kinds []domain.Kind
	var sources []string
	part := false
	for _, v := range values {
		kinds, sources = append(kinds, v.kinds...), append(sources, v.sources...)
		if v.gainedSince != nil && (t.GainedSince == nil || v.gainedSince.Before(*t.GainedSince)) {
			t.GainedSince = v.gainedSince
		}
		value.addKnown(v.value)
		if v.previous != nil {
			compared.addKnown(v.compared)
			previous.addKnown(v.previous)
			if !v.firstReadInRange {
				grown.addKnown(new(*v.compared - *v.previous))
				base.addKnown(v.previous)
			}
		}
		part = part || v.comparedInPart || v.value != nil && v.previous == nil
	}
	t.Value, t.Accounts, t.Previous = value.value(), int(value.n), previous.value()
	t.Kinds, t.SourceMetrics = sortedUnique(kinds), sortedUnique(sources)
	if t.Previous != nil {
		t.Change = new(compared.sum - previous.sum)
	}
	if base.n > 0 && !slices.ContainsFunc(values, func(v *metricValue) bool { return v.noPct }) {
		t.ChangePct = Percent(grown.sum, base.sum)
	}
	read := slices.ContainsFunc(values, func(v *metricValue) bool { return v.read != nil || v.value != nil })
	switch {
	case t.GainedSince != nil:
		t.Note = NoteGap
	case base.n == 0 && read:
		t.Note = NoteFirstReading
	case part && base.n > 0:
		t.Note = NotePart
	default:
		t.Note = NoteNone
	}
	return t
}

func plus(sum *int64, v int64) *int64 {
	if sum != nil {
		v += *sum
	}
	return &v
}

// FigureNames are the names of figures on pages and in workbooks, by the API's names in a series.
// Video views belong to posts. Page views belong to accounts; platforms count them separately.
var FigureNames = map[string]string{
	"day": "Day", "followers": "Followers", "change": "Change", "net": "Net growth of followers",
	"engagement": "Engagement gained", "likes": "Likes", "comments": "Comments", "shares": "Shares",
	"impressions": "Impressions", "reach": "Reach", "views": "Video views gained",
	"posts": "Posts published", "readings": "Readings of posts",
	"accounts_read": "Accounts read", "accounts_joined": "Accounts newly connected",
}
