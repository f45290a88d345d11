package analytics

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// NothingRead is the beginning of the reason if an account has no problem but the response has no
// figures of it.
const NothingRead = "No figures were read"

// nothingRead is the reason if an account has no problem but no figures in the range.
const nothingRead = NothingRead + " in this range."

// whyBlank returns the reason if a source has no figures. If no day begins in the range, metrics
// that platforms count by day cannot be read in it; the reason then says so.
func (qc sourceQuery) whyBlank() string {
	first, end := qc.query.Range.flowDays()
	if qc.blank != nothingRead || first < end || qc.ofPosts || slices.Contains(qc.metrics, domain.MetricFollowers) {
		return qc.blank
	}
	return NothingRead + " in this range, in which no day begins."
}

// gapsOf returns sentences about the gaps in the account's figures: days that are over and were not
// read, days that the range cuts, counters without a baseline, and metrics that are missing while
// others were read.
func (qc sourceQuery) gapsOf(f sourceFacts) []string {
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
				sentences = append(sentences, "For "+metric+", "+what+".")
			}
		}
	}
	return sentences
}

// daysOver returns the days that begin in the range and are over: first to overEnd-1.
func (r Range) daysOver() (first, overEnd day) {
	first, overEnd = r.flowDays()
	for overEnd > first && !r.isOver(overEnd-1) {
		overEnd--
	}
	return first, overEnd
}

// lacking describes the missing days of a day flow; "" if none are missing, and for other figures.
func (r Range) lacking(read []byDay) string {
	if len(read) == 0 {
		return ""
	}
	first, overEnd := r.daysOver()
	n := 0
	for d := first; d < overEnd; d++ {
		if slices.ContainsFunc(read, func(days byDay) bool { return days.get(d) != nil }) {
			n++
		}
	}
	if n < int(overEnd-first) {
		return fmt.Sprintf("%d of %d days were read", n, overEnd-first)
	}
	return ""
}

// whyNone returns why a range has no figure of a metric that the newest reading has.
func (r Range) whyNone() string {
	first, end := r.flowDays()
	_, overEnd := r.daysOver()
	switch {
	case first == end: // metrics that platforms count by day have no parts of days
		return "nothing was read in this range, in which no day begins"
	case overEnd == first:
		return "nothing was read yet, because no day of this range is over"
	default:
		return "nothing was read in this range"
	}
}

// classifyPostSources completes the sources of a response that lists posts: which figures the posts
// of each social account have in the range, regardless of the page. Testing whether there are any
// is faster than counting them.
func (qc sourceQuery) classifyPostSources(ctx context.Context) error {
	qc.ofPosts = true
	parts, args := gainParts(qc.queryContext, qc.platformIDs(), gainQuery{from: qc.query.Range.From})
	rows, _ := qc.queryGrouped(ctx, `
		select social_account_id, max(last_at), max(readings), max(likes_n), max(comments_n), max(shares_n), max(views_n)
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

// notePostMetrics records which of the response's figures the posts of a social account have.
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
