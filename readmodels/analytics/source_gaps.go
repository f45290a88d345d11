package analytics

import (
	"fmt"
	"slices"

	"github.com/ledgerboard/ledgerboard/domain"
)

// nothingRead is why an answer shows nothing of an account that is well.
const nothingRead = "Nothing of it was read in this range."

// whyBlank is that, and what is to be known of a range in which no day begins, of which nothing can be read that
// platforms count by days.
func (qc *queryContext) whyBlank() string {
	first, end := qc.query.Range.flowDays()
	if qc.blank != nothingRead || first < end || qc.ofPosts || slices.Contains(qc.metrics, domain.MetricFollowers) {
		return qc.blank
	}
	return "Nothing of it was read in this range, in which no day begins."
}

// gapsOf are sentences about what the account's figures in the answer lack: days that are over and were not
// read, days that the range cuts, counters without a baseline, and metrics that others were read without.
func (qc *queryContext) gapsOf(f sourceFacts) []string {
	var sentences []string
	read := qc.metricsRead[f.SocialAccount]
	for _, metric := range qc.metrics {
		var gaps []string
		if r := read[metric]; r != nil {
			gaps = []string{qc.query.Range.lacking(r.days), r.gap}
		} else if len(read) > 0 && slices.Contains(f.figures, metric) {
			gaps = []string{qc.query.Range.whyNone()}
		}
		for _, what := range gaps {
			if what != "" {
				sentences = append(sentences, "Of "+metric+", "+what+".")
			}
		}
	}
	return sentences
}

// daysOver are the days that begin in the range and are over: first to over-1.
func (r Range) daysOver() (first, over day) {
	first, over = r.flowDays()
	for over > first && !r.over(over-1) {
		over--
	}
	return first, over
}

// lacking says what a figure by days lacks that was read; "" when it lacks nothing, and for other figures.
func (r Range) lacking(read []byDay) string {
	if len(read) == 0 {
		return ""
	}
	first, over := r.daysOver()
	n := 0
	for d := first; d < over; d++ {
		if slices.ContainsFunc(read, func(days byDay) bool { return days.of(d) != nil }) {
			n++
		}
	}
	if n < int(over-first) {
		return fmt.Sprintf("%d of %d days were read", n, over-first)
	}
	return ""
}

// whyNone says why a range has nothing of a metric that the newest reading has.
func (r Range) whyNone() string {
	first, end := r.flowDays()
	_, over := r.daysOver()
	switch {
	case first == end: // what platforms count by days has no parts of days
		return "nothing was read in this range, in which no day begins"
	case over == first:
		return "nothing was read yet of the days of this range, which are not over"
	default:
		return "nothing was read in this range"
	}
}
