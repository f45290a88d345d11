package analytics

import (
	"context"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// gainSeries are what posts gained in some parts of time; the zero value is of none.
type gainSeries struct {
	*postGains

	parts []bucket
}

// seriesOf makes a series of what posts on some platforms gained in each part; nil of no parts.
func seriesOf[D any](g gainSeries, part func(day string, sums *gainSums) D, platforms []domain.Platform) []D {
	if g.postGains == nil {
		return nil
	}
	series := make([]D, len(g.parts))
	for i, sums := range g.buckets(len(g.parts), platforms...) {
		series[i] = part(g.parts[i].day.String(), &sums)
	}
	return series
}

// postSeries reads what posts gained over time of some metrics and hands it to build; by the other ones the
// status of the sources is found.
func postSeries[D any](
	ctx context.Context, a *Analytics, what string, scope readmodels.Scope, query RangeQuery, metrics, sums []string,
	build func(now, before gainSeries, data *D),
) (D, Meta, error) {
	return answer(ctx, a, what, scope, query, metrics, func(ctx context.Context, qc *queryContext, data *D) error {
		now, before, err := qc.gainsWithSources(ctx, sums)
		if err != nil {
			return err
		}
		build(now, before, data)
		return nil
	})
}

// gainsWithSources reads what posts gained over time and completes the sources of an answer that rests on nothing else.
func (qc *queryContext) gainsWithSources(ctx context.Context, metrics []string) (now, before gainSeries, err error) {
	now.parts = qc.query.buckets()
	before.parts = qc.query.comparedParts(now.parts)
	if now.postGains, before.postGains, err = qc.comparedGains(ctx, metrics, now.parts); err != nil {
		return now, before, err
	}
	now.shows(qc)
	return now, before, qc.classifySources(ctx)
}
