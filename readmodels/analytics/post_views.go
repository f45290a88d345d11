package analytics

import (
	"context"
	"slices"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// postViewsSource names what stands in for the views of an account whose platform only counts those of
// its posts.
const postViewsSource = "view_count"

// postViews adds, for TikTok, what the views of its videos gained: the platform counts none of the
// account; should one be counted all the same, its videos are left out.
func (qc *queryContext) postViews(ctx context.Context, parts []bucket, counted map[int64]bool, gained viewsGained) error {
	if !slices.Contains(qc.query.Platforms, domain.TikTok) {
		return nil
	}
	add := func(social int64, account string, part int, sums gainSums, at time.Time) {
		if counted[social] {
			return
		}
		if v := sums.views.value(); v != nil {
			qc.noteMetric(social, domain.MetricViews)
			gained.views[part][viewsKey{domain.TikTok, account}] += *v
			gained.sources[domain.TikTok] = append(gained.sources[domain.TikTok], postViewsSource)
		}
		qc.noteAccount(social, account, domain.TikTok, at)
		qc.noteCapture(&at)
	}
	query := gainQuery{metrics: []string{domain.MetricViews}, from: qc.query.Range.From, buckets: parts}
	rows, err := qc.gainRows(ctx, []int16{int16(domain.TikTok)}, query, `(social_account_id, account_id, p_id, bucket)`)
	if err != nil {
		return err
	}
	for _, r := range rows {
		if r.last != nil {
			add(*r.social, *r.account, *r.bucket-1, r.gainSums, *r.last)
		}
	}
	cut, err := qc.cutGains(ctx, query)
	if err != nil {
		return err
	}
	for _, r := range cut {
		if r.platform == domain.TikTok {
			add(r.social, r.account, bucketOf(r.at, parts), r.gainSums, r.at)
		}
	}
	return nil
}
