package readmodels

import (
	"fmt"
	"slices"
)

// metricOf is a metric of a social account.
type metricOf struct {
	social int64
	metric string
}

// gaps are what figures lack that an answer shows all the same.
type gaps struct {
	days  map[metricOf][]byDay // the day flows that were read: several where sub-accounts are kept apart
	words map[metricOf]string  // what else is to be said
}

// readByDays notes a figure that is summed by days.
func (a *answering) readByDays(c *contribution) {
	of := metricOf{c.social, c.metric}
	a.gaps.days[of] = append(a.gaps.days[of], c.flows)
}

// lacks notes what a figure lacks; the first word on a metric stays.
func (a *answering) lacks(c *contribution, what string) {
	of := metricOf{c.social, c.metric}
	if a.gaps.words[of] == "" {
		a.gaps.words[of] = what
	}
}

// gapsOf are sentences about what the account's figures in the answer lack: days that are over and were not
// read, counters without a baseline, and metrics that others were read without.
func (a *answering) gapsOf(f sourceFacts) []string {
	var sentences []string
	first, end := a.query.Range.labels()
	over := end
	for over > first && !a.query.Range.over(over-1) {
		over--
	}
	read := a.read[f.SocialAccount]
	for _, metric := range a.metrics {
		of := metricOf{f.SocialAccount, metric}
		var gap string
		switch {
		case len(a.gaps.days[of]) > 0:
			n := 0
			for d := first; d < over; d++ {
				if slices.ContainsFunc(a.gaps.days[of], func(days byDay) bool { return days.of(d) != nil }) {
					n++
				}
			}
			if n < int(over-first) {
				gap = fmt.Sprintf("%d of %d days were read", n, over-first)
			}
		case !read[metric] && len(read) > 0 && slices.Contains(f.figures, metric):
			gap = "nothing was read in this range"
			if first == end {
				gap += ", which has no whole day" // what platforms count by days has no parts of days
			} else if over == first {
				gap = "nothing was read yet of the days of this range, which are not over"
			}
		}
		for _, what := range []string{gap, a.gaps.words[of]} {
			if what != "" {
				sentences = append(sentences, "Of "+metric+", "+what+".")
			}
		}
	}
	return sentences
}
