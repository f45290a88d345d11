package analytics

import (
	"context"
	"slices"

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
	query := gainQuery{metrics: []string{domain.MetricViews}, from: qc.query.Range.From, buckets: parts}
	rows, err := qc.gainRows(ctx, []int16{int16(domain.TikTok)}, query, gainSets{"true", `(social_account_id, account_id, p_id, bucket)`})
	if err != nil {
		return err
	}
	for _, r := range rows {
		if r.last == nil || counted[*r.social] {
			continue
		}
		if v := r.views.value(); v != nil {
			qc.noteMetric(*r.social, domain.MetricViews)
			gained.views[*r.bucket-1][viewsKey{domain.TikTok, *r.account}] += *v
			gained.sources[domain.TikTok] = append(gained.sources[domain.TikTok], postViewsSource)
		}
		qc.noteAccount(*r.social, *r.account, domain.TikTok, *r.last)
		qc.noteCapture(r.last)
	}
	return nil
}
