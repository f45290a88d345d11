package analytics

import (
	"context"
	"slices"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// gapsOf returns the gaps in the account's figures: days that have ended and were not read, days
// that the range cuts, counters without a baseline, and metrics that are missing although other
// metrics were read.
func (s sourceQuery) gapsOf(f sourceFacts) (gaps []domain.StatusReason) {
	first, end := s.query.Range.flowDays()
	over := end // the end of the days that have ended
	for over > first && !s.query.Range.isOver(over-1) {
		over--
	}
	none := domain.StatusNothingRead
	switch {
	case first == end: // platforms do not divide days
		none = domain.StatusNoDayBegins
	case over == first:
		none = domain.StatusNoDayOver
	}
	read := s.metricsRead[f.SocialAccount]
	for _, metric := range s.metrics {
		r := read[metric]
		switch {
		case r != nil:
			if n := readDays(r.days, first, over); len(r.days) > 0 && n < int(over-first) {
				gap := s.about(metric, domain.StatusDaysMissing)
				gap.Days, gap.Of = n, int(over-first)
				if gap.Of == 1 {
					gap = s.about(metric, domain.StatusDayMissing)
					gap.Day = first.String()
				}
				gaps = append(gaps, gap)
			}
			if gap := r.gap; gap.Code != "" {
				gap.Metric, gap.Figures = metric, s.subject()
				gaps = append(gaps, gap)
			}
		case len(read) > 0 && slices.Contains(f.figures, metric):
			gaps = append(gaps, s.about(metric, none))
		}
	}
	return gaps
}

// readDays counts the days in [first, end) on which a day flow was read.
func readDays(read []dayLabels, first, end day) (n int) {
	for d := first; d < end; d++ {
		if slices.ContainsFunc(read, func(days dayLabels) bool { return days.get(d) != nil }) {
			n++
		}
	}
	return n
}

// classifyPostSources sets the sources of a response that lists posts. It considers all posts in
// the range, not only those on the page. Finding out whether any post has a figure is faster than
// adding up the figures.
func (s sourceQuery) classifyPostSources(ctx context.Context) error {
	s.ofPosts = true
	parts, args := gainParts(s.queryContext, s.platformIDs(), gainQuery{from: s.query.Range.From})
	rows, _ := s.queryGrouped(ctx, `
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
		s.notePostMetrics(social, &most)
		s.noteCapture(last)
	})
	if err != nil {
		return err
	}
	return s.classifySources(ctx)
}

// notePostMetrics records which metrics of the response the posts of a social account have in the
// range.
func (s sourceQuery) notePostMetrics(social int64, now *gainSums) {
	for _, metric := range s.metrics {
		if now.sumOf(metric).n > 0 {
			s.noteMetric(social, metric)
		}
	}
	if now.readings > 0 {
		s.noteRead(social)
	}
}
