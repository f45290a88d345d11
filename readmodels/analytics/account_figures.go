package analytics

import (
	"cmp"
	"context"
	"math"
	"slices"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// AccountInsights is the response to /getAccountInsights.
type AccountInsights struct {
	Total AccountTotals `json:"total"` // all requested platforms together
	// all requested platforms, including those without accounts
	Platforms []PlatformInsights `json:"platforms"`
	// AsRead lists engagement figures that platforms report only for their own windows, such as
	// lifetime statistics. No total includes them.
	AsRead []ReadFigure `json:"as_read"`
}

// PlatformInsights are the totals of one platform.
type PlatformInsights struct {
	readmodels.PlatformRef
	AccountTotals
}

// AccountTotals are the totals of a set of social accounts.
type AccountTotals struct {
	// SocialAccounts is the number of social accounts in scope, whether read or not, plus accounts
	// that have left the scope and have figures in this response.
	SocialAccounts int `json:"social_accounts"`
	// Followers is the number of followers (a stock), from each account's last reading in the
	// range: {account followers}.
	Followers Total `json:"followers"`
	// Engagement is the number of interactions gained in the range, as each platform counts them:
	// {account engagement}.
	Engagement Total `json:"engagement"`
}

// accountFigures contains the figures of social accounts for a response.
type accountFigures struct {
	*queryContext

	buckets []bucket
	series  []*metricSeries
	values  map[string][]*metricValue // by metric
	before  *accountFigures           // of the compared period; nil if series have none
}

// readAccountFigures reads the figures in the buckets and in the buckets that these are compared
// with.
func readAccountFigures(ctx context.Context, qc *queryContext, buckets []bucket) (*accountFigures, error) {
	series, err := qc.figures(ctx, slices.Concat(qc.query.comparedParts(buckets), buckets))
	if err != nil {
		return nil, err
	}
	return accountFiguresOf(qc, buckets, series), nil
}

// accountFiguresOf computes the figures of series that were read with the buckets and with those that
// they are compared with.
func accountFiguresOf(qc *queryContext, buckets []bucket, series []*metricSeries) *accountFigures {
	f := newAccountFigures(qc, buckets, series)
	if before := qc.query.comparedParts(buckets); before != nil {
		f.before = newAccountFigures(qc.comparison(), before, series)
	}
	return f
}

func newAccountFigures(qc *queryContext, buckets []bucket, series []*metricSeries) *accountFigures {
	f := &accountFigures{queryContext: qc, buckets: buckets, series: series, values: map[string][]*metricValue{}}
	for _, s := range series {
		var v *metricValue
		switch s.metric {
		case domain.MetricReach: // never summed
		case domain.MetricFollowers:
			v = qc.stockValue(s, buckets)
		default:
			v = qc.gainedValue(s, buckets, qc.sees)
		}
		if v != nil {
			f.values[s.metric] = append(f.values[s.metric], v)
		}
	}
	return f
}

func (a *accountFigures) onPlatforms(metric string, platforms []domain.Platform) []*metricValue {
	values := make([]*metricValue, 0, len(a.values[metric]))
	for _, v := range a.values[metric] {
		if slices.Contains(platforms, v.platform) {
			values = append(values, v)
		}
	}
	return values
}

func (a *accountFigures) total(metric string, platforms []domain.Platform) Total {
	a.totals = true
	return total(a.onPlatforms(metric, platforms))
}

// ReadFigure is a figure as the platform reports it. No total includes it, because it covers the
// platform's own window or cannot be added up.
type ReadFigure struct {
	readmodels.PlatformRef

	SocialAccount int64 `json:"social_account_id"` // the connected profile or page, by its id
	// Name of the metric: followers, engagement, impressions, views, reach, …
	Metric string      `json:"metric"`
	Kind   domain.Kind `json:"kind"` // rolling or stock
	// the platform's name for the window; null if unnamed
	Window       domain.OptionalText `json:"window"`
	Value        int64               `json:"value"`         // the figure as read
	SourceMetric string              `json:"source_metric"` // the platform's name for the metric
	// capture time of the last reading in the range
	CapturedAt time.Time `json:"captured_at"`
}

// asRead returns the figures of a metric that no total includes.
func (a *accountFigures) asRead(metric string) []ReadFigure {
	figures := []ReadFigure{}
	for _, s := range a.series {
		if s.metric != metric {
			continue
		}
		if s.platform.AccountSource(0, metric).Kind == domain.Stock {
			if last := s.last(a.query.Range.From, a.query.Range.To, a.sees); last != nil {
				figures = append(figures, a.readFigure(s, domain.Stock, "", last))
			}
		}
		for window, last := range s.undated {
			figures = append(figures, a.readFigure(s, domain.Rolling, window, last))
		}
	}
	slices.SortFunc(figures, func(x, y ReadFigure) int {
		return cmp.Or(cmp.Compare(x.Platform, y.Platform), cmp.Compare(x.SocialAccount, y.SocialAccount),
			cmp.Compare(x.Kind, y.Kind), cmp.Compare(x.Window, y.Window))
	})
	return figures
}

func (a *accountFigures) readFigure(s *metricSeries, kind domain.Kind, window string, last *reading) ReadFigure {
	a.noteCapture(&last.at)
	a.noteMetric(s.social, s.metric)
	return ReadFigure{
		SocialAccount: s.social, PlatformRef: readmodels.PlatformRefOf(s.platform),
		Metric: s.metric, Kind: kind, Window: domain.OptionalText(window),
		Value: last.value, SourceMetric: last.source, CapturedAt: last.at,
	}
}

// Percent returns part as a percentage of whole, rounded to two decimal places (halves away from
// zero). It returns nil if whole is not positive.
func Percent(part, whole int64) *float64 { return ratio(part, whole, 100) }

// ratio returns part / whole × times, rounded as in [Percent].
func ratio(part, whole int64, times float64) *float64 {
	if whole <= 0 {
		return nil
	}
	return new(math.Round(float64(part)*times*100/float64(whole)) / 100)
}

func roundToTwoDecimals(v float64) float64 { return math.Round(v*100) / 100 }
