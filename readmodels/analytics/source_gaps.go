package analytics

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// NothingRead is the beginning of the reason for an account that has no problem and yet no figures
// in the response.
const NothingRead = "No figures were read"

// nothingRead is the reason for an account that has no problem and yet no figures in the range.
const nothingRead = NothingRead + " in this range."

// gapsOf returns sentences about gaps in the account's figures: days that have ended and were not
// read, days that the range cuts, counters without a baseline, and metrics that are missing
// although other metrics were read.
func (qc sourceQuery) gapsOf(f sourceFacts) []string {
	first, end := qc.query.Range.flowDays()
	over := end // the end of the days that have ended
	for over > first && !qc.query.Range.isOver(over-1) {
		over--
	}
	none := "nothing was read in this range"
	switch {
	case first == end: // platforms do not divide days
		none = "nothing was read because no day begins in this range"
	case over == first:
		none = "nothing was read yet, because no day of this range is over"
	}
	var sentences []string
	read := qc.metricsRead[f.SocialAccount]
	for _, metric := range qc.metrics {
		var gaps []string
		if r := read[metric]; r != nil {
			gaps = []string{lacking(r.days, first, over, over < end), r.gap}
		} else if len(read) > 0 && slices.Contains(f.figures, metric) {
			gaps = []string{none}
		}
		for _, what := range gaps {
			if what != "" {
				sentences = append(sentences, "For "+metric+", "+what+".")
			}
		}
	}
	return sentences
}

// lacking describes the missing days of a day flow. It returns "" if no day is missing, and for
// other figures. The range goes on after end if it includes days that are not over.
func lacking(read []byDay, first, end day, goesOn bool) string {
	if len(read) == 0 {
		return ""
	}
	n := 0
	for d := first; d < end; d++ {
		if slices.ContainsFunc(read, func(days byDay) bool { return days.get(d) != nil }) {
			n++
		}
	}
	if n == int(end-first) {
		return ""
	}
	switch {
	case end-first == 1:
		return first.String() + " was not read"
	case goesOn:
		return fmt.Sprintf("%d of the %d days that are over were read", n, end-first)
	default:
		return fmt.Sprintf("%d of %d days were read", n, end-first)
	}
}

// classifyPostSources sets the sources of a response that lists posts. It considers all posts in
// the range, not only those on the page. Finding out whether any post has a figure is faster than
// adding up the figures.
func (qc sourceQuery) classifyPostSources(ctx context.Context) error {
	qc.ofPosts = true
	parts, args := gainParts(qc.queryContext, qc.platformIDs(), gainQuery{from: qc.query.Range.From})
	rows, _ := qc.queryGrouped(ctx, `
		select social_account_id, max(last_at), max(readings), max(likes_n), max(comments_n), max(shares_n),
		       max(views_n)
		from (`+parts+`) g
		group by social_account_id`, args...)
	var social int64
	var last *time.Time
	var most gainSums
	err := forEach(rows, "read figures of posts", []any{
		&social, &last, &most.readings, &most.likes.n, &most.comments.n, &most.shares.n, &most.views.n,
	}, func() {
		qc.notePostMetrics(social, &most)
		qc.noteCapture(last)
	})
	if err != nil {
		return err
	}
	return qc.classifySources(ctx)
}

// notePostMetrics records which metrics of the response the posts of a social account have in the
// range.
func (qc sourceQuery) notePostMetrics(social int64, now *gainSums) {
	for _, metric := range qc.metrics {
		if now.sumOf(metric).n > 0 {
			qc.noteMetric(social, metric)
		}
	}
	if now.readings > 0 {
		qc.noteRead(social)
	}
}
