package analytics

import (
	"context"
	"slices"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// accountFigures is a query context with the figures of accounts that an answer is made of.
type accountFigures struct {
	*queryContext

	buckets []bucket
	series  []*metricSeries
	values  map[string][]*metricValue // by metric
	before  *accountFigures           // of the period that the series come with; nil: they come alone
}

// answerFigures answers by figures of accounts. read, where it is not nil, reads what else the answer rests on; build comes
// after the sources are classified.
func answerFigures[D any](
	ctx context.Context, a *Analytics, what string, scope readmodels.Scope, query RangeQuery, metrics []string, buckets []bucket,
	read func(context.Context, *accountFigures, *D) error, build func(*accountFigures, *D),
) (D, Meta, error) {
	return answer(ctx, a, what, scope, query, metrics, func(ctx context.Context, qc *queryContext, data *D) error {
		before := query.comparedParts(buckets)
		series, err := qc.figures(ctx, slices.Concat(before, buckets))
		if err != nil {
			return err
		}
		f := newAccountFigures(qc, buckets, series)
		if before != nil {
			f.before = newAccountFigures(qc.comparison(), before, series)
		}
		if read != nil {
			if err := read(ctx, f, data); err != nil {
				return err
			}
		}
		if err := qc.classifySources(ctx); err != nil {
			return err
		}
		if f.before != nil {
			f.before.sources = f.sources
		}
		build(f, data)
		return nil
	})
}

func newAccountFigures(qc *queryContext, buckets []bucket, series []*metricSeries) *accountFigures {
	f := &accountFigures{queryContext: qc, buckets: buckets, series: series, values: map[string][]*metricValue{}}
	for _, metric := range qc.metrics {
		if metric != domain.MetricReach { // it never adds up
			f.values[metric] = qc.metricValues(series, metric, buckets)
		}
	}
	return f
}

// on are the values of a metric on some platforms.
func (f *accountFigures) on(metric string, platforms []domain.Platform) []*metricValue {
	return slices.DeleteFunc(slices.Clone(f.values[metric]), func(v *metricValue) bool { return !slices.Contains(platforms, v.platform) })
}

// total adds the values of a metric up over some platforms.
func (f *accountFigures) total(metric string, platforms []domain.Platform) Total {
	f.totals = true
	return total(f.on(metric, platforms))
}

// perPlatform makes an answer's total over the platforms, and its part of each.
func perPlatform[T, P any](platforms []domain.Platform, of func(...domain.Platform) T, part func(readmodels.PlatformRef, T) P) (T, []P) {
	parts := make([]P, len(platforms))
	for i, p := range platforms {
		parts[i] = part(readmodels.PlatformRefOf(p), of(p))
	}
	return of(platforms...), parts
}
