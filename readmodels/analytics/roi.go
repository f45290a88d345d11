package analytics

import (
	"context"
	"slices"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// RoiViews is the response to /getRoiViews.
type RoiViews struct {
	Total     Roi           `json:"total"`     // all platforms and months together
	Platforms []platformRoi `json:"platforms"` // all requested platforms, over the months
	// every calendar month that overlaps the range, oldest first
	Months []roiMonth `json:"months"`
}

// roiMonth is one calendar month, or the part of it in the range.
type roiMonth struct {
	Roi

	Month string `json:"month"` // YYYY-MM in the response's time zone
	// Days is the number of days of the month that are in the range and have begun, including
	// today; 0 before the month begins. The monthly price is prorated by `days` / `days_in_month`.
	Days        int           `json:"days"`
	DaysInMonth int           `json:"days_in_month"` // number of days in the whole month
	Platforms   []platformRoi `json:"platforms"`     // all requested platforms, in this month
}

// platformRoi compares one platform's page views with the cost of subscriptions. A subscription has
// one price for all platforms. Here the full price is compared with this platform's page views
// alone, so do not add the costs of platforms.
type platformRoi struct {
	readmodels.PlatformRef
	Roi

	// SourceMetrics are the platform's names for the metrics in `views`: {account views}. If a
	// platform does not report views of accounts, views of posts are used: {post views}.
	SourceMetrics []string `json:"source_metrics"`
}

// Roi compares page views with the cost of subscriptions. Platforms count page views per account.
// Video views of posts are counted separately, see [ViewsSeries].
type Roi struct {
	// Views is the number of page views gained; null if none were read. For day flows, each day is
	// counted once, by the platform's label, for the client that owned the page at the first reading
	// of the day that is not backfilled. For counters, the increase at each reading is counted at its capture time, for the
	// client that owned the page then. The same applies to views of posts, which are used if a
	// platform does not count page views (see [Gain]).
	Views *int64 `json:"views"`
	// PricedViews is the number of page views that accounts gained while their price was known. The
	// cost is for these views. Null if there are no such views. Like `views`, they add up over
	// time.
	PricedViews *int64 `json:"priced_views"`
	// Cost is the cost of those accounts' subscriptions in this time, in minor units of `currency`
	// by ISO 4217: 50000 is 500.00 EUR, 50,000 JPY or 50.000 KWD. It is the monthly price, prorated by whole days if only a part of the month is in
	// the range or has begun; for the current month, it is the cost accrued through today.
	//
	// The day on which a subscription begins is charged and the day on which it ends is not, so
	// that a change of plans charges no day twice. A day that the range cuts is charged in full.
	// The price is the subscription's current price in the main application: if the price changes
	// without ending the subscription, it changes for all months. The agency's own subscription
	// covers all its clients and is included only if all of them are requested. Months in which the
	// accounts have no priced views, and times in which their price is unknown, add no cost.
	//
	// The cost is rounded once, so monthly costs do not always add up to the total. Null if
	// `priced_views` is null, or if prices are in several currencies.
	Cost     *int64              `json:"cost_minor"`
	Currency domain.OptionalText `json:"currency"` // ISO 4217; null if there is no cost
	// CostPerThousandViews is `cost_minor` / `priced_views` × 1000, in minor units, rounded to two
	// decimal places. Null if there is no cost, or if `priced_views` is not positive.
	CostPerThousandViews *float64    `json:"cost_per_thousand_views_minor"`
	Price                PriceStatus `json:"price"`
}

// PriceStatus says whether a price is known, and if not, why.
type PriceStatus string

// Price statuses.
const (
	PriceKnown             PriceStatus = "known"              // the price was known for all views
	PriceKnownInPart       PriceStatus = "known_in_part"      // the price was known for some views only
	PriceUnknown           PriceStatus = "unknown"            // a subscription was active, but its price is unknown
	PriceNoSubscription    PriceStatus = "no_subscription"    // no subscription was active when views were gained
	PriceSeveralCurrencies PriceStatus = "several_currencies" // costs in several currencies cannot be added
	PriceNoViews           PriceStatus = "no_views"           // there are no views to compare a price with
)

type viewsKey struct {
	platform domain.Platform
	account  string
}

type viewsGained struct {
	views   []map[viewsKey]int64 // by part of the range
	sources map[domain.Platform][]string
}

func (v viewsGained) byAccount(part int, platforms ...domain.Platform) map[string]int64 {
	sums := map[string]int64{}
	for key, views := range v.views[part] {
		if slices.Contains(platforms, key.platform) {
			sums[key.account] += views
		}
	}
	return sums
}

// accountViews adds the views that platforms count per account, and returns the accounts that have
// such views.
func accountViews(
	qc *queryContext, series []*metricSeries, parts []bucket, gained viewsGained,
) (counted map[int64]bool) {
	counted = map[int64]bool{}
	for _, s := range series {
		for _, account := range s.accounts(qc) {
			v := qc.gainedValue(s, parts, func(o owner) bool { return o.account == account && qc.sees(o) })
			if v == nil {
				continue
			}
			counted[s.social] = true
			gained.sources[s.platform] = append(gained.sources[s.platform], v.sources...)
			for i, views := range v.gained {
				if views != nil {
					gained.views[i][viewsKey{s.platform, account}] += *views
				}
			}
		}
	}
	return counted
}

// accounts returns the sub-accounts in scope that may own figures of the series.
func (m *metricSeries) accounts(qc *queryContext) []string {
	var accounts []string
	for _, o := range m.owners {
		accounts = append(accounts, o.account)
	}
	for _, p := range m.flows.list {
		if p != nil {
			accounts = append(accounts, p.account)
		}
	}
	return slices.DeleteFunc(sortedUnique(accounts), func(a string) bool { return !qc.sees(owner{a, qc.query.Member}) })
}

func roiViews(query RangeQuery, gained viewsGained, prices prices) RoiViews {
	var data RoiViews
	var sum roiSum
	sums := make([]roiSum, len(query.Platforms))
	for i, month := range prices.months {
		whole := prices.against(i, gained, query.Platforms...)
		sum.add(whole)
		m := roiMonth{
			Month: month.day.String()[:len("2006-01")], Days: len(month.throughToday().cut(ByDay)),
			DaysInMonth: int(daysInMonth(month)), Roi: whole.roi(),
		}
		for j, p := range query.Platforms {
			part := prices.against(i, gained, p)
			sums[j].add(part)
			names := []string{}
			if part.views.n > 0 {
				names = sortedUnique(gained.sources[p])
			}
			m.Platforms = append(m.Platforms, platformRoi{readmodels.PlatformRefOf(p), part.roi(), names})
		}
		data.Months = append(data.Months, m)
	}
	data.Total = sum.roi()
	for j, p := range query.Platforms {
		data.Platforms = append(data.Platforms,
			platformRoi{readmodels.PlatformRefOf(p), sums[j].roi(), sortedUnique(gained.sources[p])})
	}
	return data
}

// postViews adds the views of posts for platforms that do not count views of accounts. It skips
// accounts that nevertheless have views.
func postViews(
	ctx context.Context, qc *queryContext, parts []bucket, counted map[int64]bool, gained viewsGained,
) error {
	platforms := slices.DeleteFunc(slices.Clone(qc.query.Platforms), func(p domain.Platform) bool {
		return p.Sources(domain.FiguresOfAccount, domain.MetricViews) != nil ||
			p.Sources(domain.FiguresOfPosts, domain.MetricViews) == nil
	})
	if len(platforms) == 0 {
		return nil
	}
	query := gainQuery{metrics: []string{domain.MetricViews}, from: qc.query.Range.From, buckets: parts}
	rows, err := gainRows(ctx, qc, readmodels.PlatformIDs(platforms), query,
		gainSets{"true", `(social_account_id, account_id, p_id, bucket)`})
	if err != nil {
		return err
	}
	for _, r := range rows {
		if r.last == nil || counted[*r.social] {
			continue
		}
		if v := r.views.value(); v != nil {
			qc.noteMetric(*r.social, domain.MetricViews)
			gained.views[*r.bucket-1][viewsKey{r.platform, *r.account}] += *v
			source := r.platform.Sources(domain.FiguresOfPosts, domain.MetricViews)[0].Source
			gained.sources[r.platform] = append(gained.sources[r.platform], source)
		}
		qc.noteAccount(*r.social, *r.account, r.platform, *r.last)
		qc.noteCapture(r.last)
	}
	return nil
}
