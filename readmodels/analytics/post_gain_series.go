package analytics

import (
	"context"

	"github.com/ledgerboard/ledgerboard/domain"
)

// seriesOf makes a series of what posts on some platforms gained in each bucket; nil of no gains.
func seriesOf[D any](g *postGains, part func(day string, sums *gainSums) D, platforms []domain.Platform) []D {
	if g == nil {
		return nil
	}
	series := make([]D, len(g.buckets))
	for i, sums := range g.inBuckets(platforms) {
		series[i] = part(g.buckets[i].day.String(), &sums)
	}
	return series
}

// gainSeries reads what posts gained over time, and notes which social accounts' posts have the answer's figures. before
// is of the period that the series come with; nil: they come alone.
func (qc *queryContext) gainSeries(ctx context.Context, metrics []string) (now, before *postGains, err error) {
	now, before, err = qc.comparedGains(ctx, metrics, qc.query.buckets())
	if err != nil {
		return nil, nil, err
	}
	for social, account := range now.accounts {
		qc.notePostMetrics(social, &account.now)
	}
	return now, before, nil
}
