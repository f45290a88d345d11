package analytics

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// AccountInsights is the answer to /getAccountInsights.
type AccountInsights struct {
	Total     AccountTotals      `json:"total"`     // over the platforms asked for
	Platforms []PlatformInsights `json:"platforms"` // each platform asked for, also without accounts
	// AsRead are the engagement figures that only exist over a platform's own window, like
	// lifetime statistics; they are in no total.
	AsRead []ReadFigure `json:"as_read"`
}

// PlatformInsights are the totals of one platform.
type PlatformInsights struct {
	readmodels.PlatformRef
	AccountTotals
}

// AccountTotals are the totals of some social accounts.
type AccountTotals struct {
	// SocialAccounts is the number of social accounts in scope, read or not, plus those that have left the scope
	// and have figures in this answer.
	SocialAccounts int `json:"social_accounts"`
	// Followers are people, a stock: the last reading of each account in the range: {account followers}.
	Followers Total `json:"followers"`
	// Engagement is interactions gained in the range, as each platform counts them: {account engagement}.
	Engagement Total `json:"engagement"`
}

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
		if err := (sourceQuery{qc}).classifySources(ctx); err != nil {
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

// ReadFigure is a figure that is shown as it was read: it is over the platform's own window, or stands
// for something that does not add up, and is in no total.
type ReadFigure struct {
	readmodels.PlatformRef

	SocialAccount int64               `json:"social_account_id"`
	Metric        string              `json:"metric"`
	Kind          domain.Kind         `json:"kind"`   // rolling, or stock
	Window        domain.OptionalText `json:"window"` // the platform's name for it; null when it gave none
	Value         int64               `json:"value"`
	SourceMetric  string              `json:"source_metric"`
	CapturedAt    time.Time           `json:"captured_at"` // of the last reading in the range
}

// asRead returns the figures of a metric that no total takes, each as the range's last reading has it.
func (f *accountFigures) asRead(metric string) []ReadFigure {
	figures := []ReadFigure{}
	for _, s := range f.series {
		if s.metric != metric {
			continue
		}
		for key, g := range s.gauges {
			last := f.latest(g)
			if key.kind == domain.Cumulative || last == nil {
				continue
			}
			f.noteCapture(&last.at)
			f.noteMetric(s.social, s.metric)
			figures = append(figures, ReadFigure{
				SocialAccount: s.social, PlatformRef: readmodels.PlatformRefOf(s.platform), Metric: s.metric, Kind: key.kind,
				Window: domain.OptionalText(key.window), Value: last.value, SourceMetric: last.source, CapturedAt: last.at,
			})
		}
	}
	slices.SortFunc(figures, func(x, y ReadFigure) int {
		return cmp.Or(cmp.Compare(x.Platform, y.Platform), cmp.Compare(x.SocialAccount, y.SocialAccount),
			cmp.Compare(x.Kind, y.Kind), cmp.Compare(x.Window, y.Window))
	})
	return figures
}
