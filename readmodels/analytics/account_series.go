package analytics

import (
	"slices"
	"sort"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

type seriesKey struct {
	social   int64
	platform domain.Platform
	metric   string
}

type owner struct {
	account string // sub-account
	member  int64
}

// metricSeries is one metric of one social account, from all its owners in the agency.
type metricSeries struct {
	seriesKey

	// readings of a stock or counter, by owner
	owners []*ownerReadings
	// day flows by the platform's day, of the range and the compared period
	flows dayLabels
	// windows that end on a day, by name and day; only those that the scope can see
	windows map[string]dayLabels
	// windows without a day, by name: the last reading in the range that the scope can see
	undated map[string]*reading
}

// reading is one reading of one figure.
type reading struct {
	owner

	value  int64
	at     time.Time // capture time
	source string    // the platform's name for the metric
}

// ownerReadings are the readings of a figure of one owner: what was gained up to some instants.
type ownerReadings struct {
	owner

	instants []time.Time // sorted, without duplicates
	until    []gainedUntil
	marks    []mark
	first    time.Time // the first reading in the range; known if there is a baseline in it
}

// gainedUntil is the last reading before an instant, with the gain of the owner up to there and the
// number of readings that have a known gain. Without readings, it is zero.
type gainedUntil struct {
	total, gains, value int64
	at                  time.Time
	source              string
}

// mark is a day on which an owner had a baseline, or on which a long gap ended.
type mark struct {
	baseline *time.Time
	gap      *time.Time // the reading before the gap
	at       time.Time  // the first reading of the day, which ends the gap
}

func (o *ownerReadings) before(at time.Time) gainedUntil {
	i := sort.Search(len(o.instants), func(i int) bool { return !o.instants[i].Before(at) })
	return o.until[i]
}

// last returns the last reading in [from, to) of the owners, or nil.
func (m *metricSeries) last(from, to time.Time, owns func(owner) bool) (last *reading) {
	for _, o := range m.owners {
		p := o.before(to)
		if owns(o.owner) && !p.at.IsZero() && !p.at.Before(from) && (last == nil || p.at.After(last.at)) {
			last = &reading{o.owner, p.value, p.at, p.source}
		}
	}
	return last
}

// gained returns what the owners gained in [from, to), and the number of readings with a gain.
func (m *metricSeries) gained(from, to time.Time, owns func(owner) bool) (sum tally) {
	for _, o := range m.owners {
		if owns(o.owner) {
			before, until := o.before(from), o.before(to)
			sum.add(tally{until.total - before.total, until.gains - before.gains})
		}
	}
	return sum
}

// firstBaseline returns the time of the owners' first reading in the range if it is a baseline: the
// first one ever, or the first one since the account came to its client.
func (m *metricSeries) firstBaseline(r Range, owns func(owner) bool) (first *time.Time) {
	for _, o := range m.owners {
		for _, at := range o.marks {
			if b := at.baseline; owns(o.owner) && b != nil && r.contains(*b) && (first == nil || b.Before(*first)) {
				first = b
			}
		}
	}
	if first == nil || slices.ContainsFunc(m.owners, func(o *ownerReadings) bool {
		return owns(o.owner) && !o.first.IsZero() && o.first.Before(*first)
	}) {
		return nil
	}
	return first
}

func (r Range) contains(at time.Time) bool { return !at.Before(r.From) && at.Before(r.To) }

// longGap is a gap of more than 35 days between two readings. A gain over a longer gap is counted at
// the later reading, but it is unknown when the gain occurred.
type longGap struct{ since, until time.Time }

// gaps returns the gaps that end at the owners' readings in [from, to), in order.
func (m *metricSeries) gaps(from, to time.Time, owns func(owner) bool) (gaps []longGap) {
	for _, o := range m.owners {
		for _, at := range o.marks {
			if owns(o.owner) && at.gap != nil && !at.at.Before(from) && at.at.Before(to) {
				gaps = append(gaps, longGap{at.gap.UTC(), at.at.UTC()})
			}
		}
	}
	slices.SortFunc(gaps, func(a, b longGap) int { return a.until.Compare(b.until) })
	return gaps
}

// dayLabels holds figures by the platform's day.
type dayLabels struct {
	first day
	list  []*reading // nil for a day without a figure
}

func (d dayLabels) get(which day) *reading {
	if i := which - d.first; i >= 0 && int(i) < len(d.list) {
		return d.list[i]
	}
	return nil
}

// all returns the figures of a span of days, or nil if any is missing.
func (d dayLabels) all(span days) []*reading {
	from, to := span.first-d.first, span.end-d.first
	if from < 0 || int(to) > len(d.list) || from >= to || slices.Contains(d.list[from:to], nil) {
		return nil
	}
	return d.list[from:to]
}

// of returns the days of some owners.
func (d dayLabels) of(owns func(owner) bool) dayLabels {
	owned := dayLabels{d.first, make([]*reading, len(d.list))}
	for i, p := range d.list {
		if p != nil && owns(p.owner) {
			owned.list[i] = p
		}
	}
	return owned
}

type days struct{ first, end day }
