package projectors

import (
	"slices"
	"time"
)

// ownerFigure identifies a figure of an owner.
type ownerFigure struct {
	owner int64
	figureKey
}

// figureDay is a row of account_days.
type figureDay struct {
	ownerFigure
	day           int32
	total         int64
	gains         int32
	value         int64
	gained        *int64 // on the day; nil: unknown; not loaded
	first, last   time.Time
	gap, baseline time.Time // zero: none
	source        string
}

// figureQuarter is a row of account_quarters.
type figureQuarter struct {
	ownerFigure
	quarter int64
	total   int64
	gains   int32
	value   int64
	last    time.Time
}

// longStep is the longest gap between two readings that is not noted with the gain.
const longStep = 35 * 24 * time.Hour

// seriesSteps computes the steps of the readings of a series, in order of capture: from the last
// reading of each figure and the last rows of each owner, it makes the rows that a reading changes.
type seriesSteps struct {
	last     map[figureKey]lastReading
	days     map[ownerFigure]figureDay
	quarters map[ownerFigure]figureQuarter
}

type lastReading struct {
	at     time.Time
	value  int64
	client string
}

// newSteps begins after the stored rows. clients are the clients of their owners.
func newSteps(days map[ownerFigure]figureDay, quarters map[ownerFigure]figureQuarter, clients map[int64]string) *seriesSteps {
	s := &seriesSteps{map[figureKey]lastReading{}, days, quarters}
	for of, row := range days {
		if last, ok := s.last[of.figureKey]; !ok || row.last.After(last.at) {
			s.last[of.figureKey] = lastReading{row.last, row.value, clients[of.owner]}
		}
	}
	return s
}

// add adds the next reading and its rows to rows.
func (s *seriesSteps) add(r *accountReading, rows *accountRows) {
	for _, f := range r.steps {
		of := ownerFigure{r.figureOwner.id, f.figureKey}
		day, known := s.days[of]
		if today := dayNumber(r.at); !known || day.day != today {
			day = figureDay{ownerFigure: of, day: today, total: day.total, gains: day.gains, first: r.at}
		}
		quarter, known := s.quarters[of]
		if now := quarterNumber(r.at); !known || quarter.quarter != now {
			if dayNumber(quarterAt(quarter.quarter)) != day.day {
				quarter.total, quarter.gains = 0, 0
			}
			quarter = figureQuarter{ownerFigure: of, quarter: now, total: quarter.total, gains: quarter.gains}
		}
		last, known := s.last[f.figureKey]
		if !known || last.client != r.client {
			day.baseline = r.at
		} else {
			gain := f.value - last.value
			day.total, quarter.total = day.total+gain, quarter.total+gain
			day.gains, quarter.gains = day.gains+1, quarter.gains+1
			if r.at.Sub(last.at) > longStep {
				day.gap = last.at
			}
		}
		if quarter.gains > 0 {
			day.gained = new(quarter.total)
		}
		day.value, day.last, day.source = f.value, r.at, f.source
		quarter.value, quarter.last = f.value, r.at
		s.last[f.figureKey] = lastReading{r.at, f.value, r.client}
		s.days[of], s.quarters[of] = day, quarter
		rows.days[figureDayKey{of, day.day}] = day
		rows.quarters[quarterKey{of, quarter.quarter}] = quarter
	}
}

// sorted returns readings in order of capture, one for each instant: that with the smaller event id.
func sorted(readings []*accountReading) []*accountReading {
	readings = slices.SortedFunc(slices.Values(readings), (*accountReading).compare)
	return slices.CompactFunc(readings, func(a, b *accountReading) bool { return a.at.Equal(b.at) })
}
