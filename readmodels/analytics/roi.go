package analytics

import (
	"context"
	"slices"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// RoiViews is the answer to /getRoiViews.
type RoiViews struct {
	Total     Roi           `json:"total"`     // over the platforms and months
	Platforms []PlatformRoi `json:"platforms"` // each platform asked for, over the months
	Months    []RoiMonth    `json:"months"`    // every calendar month that the range touches, oldest first
}

// RoiMonth is one calendar month, or the part of it that lies in the range.
type RoiMonth struct {
	Roi

	Month string `json:"month"` // YYYY-MM in the answer's time zone
	// Days are those of the month that the range touches and that have begun, today included: the share of the
	// price that stands against the views to date. Less than `days_in_month` while the month has not ended; 0
	// while it is still to come.
	Days        int           `json:"days"`
	DaysInMonth int           `json:"days_in_month"`
	Platforms   []PlatformRoi `json:"platforms"` // each platform asked for, in this month
}

// PlatformRoi is one platform's views against the price. A subscription has one price for all
// platforms: here it stands in full against this platform's views alone, so the costs of two
// platforms must not be added.
type PlatformRoi struct {
	readmodels.PlatformRef
	Roi

	// SourceMetrics are the platform's names of what `views` of Roi is made of: Facebook page_media_view and
	// Instagram views (day flows), TikTok view_count (cumulative, of its videos). LinkedIn gives none.
	SourceMetrics []string `json:"source_metrics"`
}

// Roi sets views against what subscriptions cost.
type Roi struct {
	// Views gained; null when none were read. Days count by the platform's label, each once, for the client
	// whose page it was when the day was read last; counters by the difference of their readings at the ends of
	// the month; TikTok's videos by what each reading added, at its capture (see [Gain]).
	Views *int64 `json:"views"`
	// PricedViews are the views of the accounts whose price is known: what the cost stands against;
	// null when no account with views has a known price.
	PricedViews *int64 `json:"priced_views"`
	// Cost is what the subscriptions of those accounts cost in this time, in minor units (cents) of
	// `currency`: the monthly price, by days where only a part of the month counts or has begun: of a month
	// that has not ended, what has accrued up to today, today included. A day on which a subscription began or
	// ended costs the part of it, so that a change of plans costs no day twice; a day that the range cuts costs whole.
	// The price is what the main application says of the subscription now: a price that it changes without ending the
	// subscription changes all its months. The agency's own subscription covers all its clients, and counts when
	// all of them are asked for. Months in which those accounts have no views add no cost. Null with
	// `priced_views`, and when prices are in several currencies.
	Cost     *int64 `json:"cost_minor"`
	Currency string `json:"currency"` // ISO 4217; "" without a cost
	// CostPerThousandViews is `cost_minor` / `priced_views` × 1000, in minor units with two decimals; null
	// without a cost, and where `priced_views` is not positive.
	CostPerThousandViews *float64    `json:"cost_per_thousand_views"`
	Price                PriceStatus `json:"price"`
}

// PriceStatus says whether there is a price, and if not, why.
type PriceStatus string

// The price statuses.
const (
	PriceKnown             PriceStatus = "known"              // of all accounts and months with views
	PriceKnownInPart       PriceStatus = "known_in_part"      // not of all accounts or months with views
	PriceUnknown           PriceStatus = "unknown"            // there is a subscription, its price is not known
	PriceNoSubscription    PriceStatus = "no_subscription"    // none ran in this time
	PriceSeveralCurrencies PriceStatus = "several_currencies" // costs that cannot be added
	PriceNoViews           PriceStatus = "no_views"           // nothing to set a price against
)

// viewsKey is a sub-account on a platform.
type viewsKey struct {
	platform domain.Platform
	account  string
}

// viewsGained are the views that were gained, and the platforms' names of what they are made of.
type viewsGained struct {
	views   []map[viewsKey]int64 // by month
	sources map[domain.Platform][]string
}

// of are the views in a month on some platforms, by sub-account.
func (v viewsGained) of(month int, platforms ...domain.Platform) map[string]int64 {
	sums := map[string]int64{}
	for key, views := range v.views[month] {
		if slices.Contains(platforms, key.platform) {
			sums[key.account] += views
		}
	}
	return sums
}

// RoiViews is endpoint 3: views per platform and month against what the subscriptions cost.
func (a *Analytics) RoiViews(ctx context.Context, scope readmodels.Scope, query RangeQuery) (RoiViews, Meta, error) {
	metrics := []string{domain.MetricViews}
	return answer(ctx, a, "views and costs", scope, query, metrics, func(ctx context.Context, qc *queryContext, data *RoiViews) error {
		qc.uncompared = true
		months := query.Range.cut(ByMonth)
		series, err := qc.figures(ctx, months, true)
		if err != nil {
			return err
		}
		qc.onceADay(series)
		gained := viewsGained{make([]map[viewsKey]int64, len(months)), map[domain.Platform][]string{}}
		for i := range gained.views {
			gained.views[i] = map[viewsKey]int64{}
		}
		counted := map[int64]bool{}
		for _, c := range qc.metricValues(series, domain.MetricViews, months) {
			counted[c.social] = true
			gained.sources[c.platform] = append(gained.sources[c.platform], c.sources...)
			for i, v := range c.buckets {
				if v != nil {
					gained.views[i][viewsKey{c.platform, c.account}] += *v
				}
			}
		}
		if err := qc.postViews(ctx, months, counted, gained); err != nil {
			return err
		}
		prices, err := qc.prices(ctx, months)
		if err != nil {
			return err
		}
		*data = roiViews(query, months, gained, prices)
		return qc.classifySources(ctx)
	})
}

// onceADay keeps each day of a social account once, in the series of the sub-account that had it when the day was
// read last: a page that moves shows its new owner days that the old one has read too. As everywhere, an account
// whose platform gives days in the range has no other views. The series are in the order of [queryContext.figures].
func (qc *queryContext) onceADay(series []*metricSeries) {
	first, end := qc.query.Range.labels()
	for len(series) > 0 {
		n := 1
		for n < len(series) && series[n].social == series[0].social {
			n++
		}
		owners := series[:n]
		series = series[n:]
		byDays := false
		for d := first; d < end; d++ {
			var last *metricSeries
			for _, s := range owners {
				switch p := s.dayFlows.of(d); {
				case p == nil:
				case last == nil:
					last = s
				case p.replaces(*last.dayFlows.of(d)):
					last.dayFlows.drop(d)
					last = s
				default:
					s.dayFlows.drop(d)
				}
			}
			byDays = byDays || last != nil
		}
		for _, s := range owners {
			if byDays {
				s.gauges = nil
			}
		}
	}
}

func roiViews(query RangeQuery, months []bucket, gained viewsGained, prices []monthPrices) RoiViews {
	var data RoiViews
	var sum roiSum
	sums := make([]roiSum, len(query.Platforms))
	for i, month := range months {
		whole := prices[i].against(gained.of(i, query.Platforms...))
		sum.add(whole)
		m := RoiMonth{
			Month: month.day.String()[:len("2006-01")], Days: prices[i].days, DaysInMonth: prices[i].daysInMonth, Roi: whole,
		}
		for j, p := range query.Platforms {
			part := prices[i].against(gained.of(i, p))
			sums[j].add(part)
			names := []string{}
			if part.Views != nil {
				names = sorted(gained.sources[p])
			}
			m.Platforms = append(m.Platforms, PlatformRoi{readmodels.PlatformRefOf(p), part, names})
		}
		data.Months = append(data.Months, m)
	}
	data.Total = sum.roi()
	for j, p := range query.Platforms {
		data.Platforms = append(data.Platforms, PlatformRoi{readmodels.PlatformRefOf(p), sums[j].roi(), sorted(gained.sources[p])})
	}
	return data
}
