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
	Platforms []platformRoi `json:"platforms"` // each platform asked for, over the months
	Months    []roiMonth    `json:"months"`    // every calendar month that the range touches, oldest first
}

// roiMonth is one calendar month, or the part of it that lies in the range.
type roiMonth struct {
	Roi

	Month string `json:"month"` // YYYY-MM in the answer's time zone
	// Days are those of the month that the range touches and that have begun, today included: the share of the
	// price that stands against the views to date. Less than `days_in_month` while the month has not ended; 0
	// while it is still to come.
	Days        int           `json:"days"`
	DaysInMonth int           `json:"days_in_month"`
	Platforms   []platformRoi `json:"platforms"` // each platform asked for, in this month
}

// platformRoi is one platform's page views against the price. A subscription has one price for all
// platforms: here it stands in full against this platform's page views alone, so the costs of two
// platforms must not be added.
type platformRoi struct {
	readmodels.PlatformRef
	Roi

	// SourceMetrics are the platform's names of what `views` of Roi is made of: {account views}. Where a
	// platform gives none of accounts, those of posts: {post views}.
	SourceMetrics []string `json:"source_metrics"`
}

// Roi sets page views against what subscriptions cost. They are what platforms count of accounts; the video views of posts,
// which they count apart, stand in [ViewsSeries].
type Roi struct {
	// Views are page views gained; null when none were read. Days count by the platform's label, each once, for the client who
	// had the page when the day ended; counters by what each reading added, at its capture, for the client who had the
	// page then; so do the views of posts that stand in where a platform counts no page views (see [Gain]).
	Views *int64 `json:"views"`
	// PricedViews are the page views that accounts gained while their price was known: what the cost stands against;
	// null when of no views it was. Like `views` they add up over time.
	PricedViews *int64 `json:"priced_views"`
	// Cost is what the subscriptions of those accounts cost in this time, in minor units (cents) of
	// `currency`: the monthly price, by whole days where only a part of the month counts or has begun: of a month
	// that has not ended, what has accrued up to today, today included. The day on which a subscription begins costs,
	// the day on which it ends does not, so that a change of plans costs no day twice; a day that the range cuts costs whole.
	// The price is what the main application says of the subscription now: a price that it changes without ending the
	// subscription changes all its months. The agency's own subscription covers all its clients, and counts when
	// all of them are asked for. Months in which those accounts have no such views, and times in which their price is not
	// known, add no cost. Rounded once: costs of months do not always add up to those of all. Null with
	// `priced_views`, and when prices are in several currencies.
	Cost     *int64              `json:"cost_minor"`
	Currency domain.OptionalText `json:"currency"` // ISO 4217; null without a cost
	// CostPerThousandViews is `cost_minor` / `priced_views` × 1000, in minor units with two decimals; null
	// without a cost, and where `priced_views` is not positive.
	CostPerThousandViews *float64    `json:"cost_per_thousand_views_minor"`
	Price                PriceStatus `json:"price"`
}

// PriceStatus says whether there is a price, and if not, why.
type PriceStatus string

// The price statuses.
const (
	PriceKnown             PriceStatus = "known"              // whenever views were gained
	PriceKnownInPart       PriceStatus = "known_in_part"      // of some views only
	PriceUnknown           PriceStatus = "unknown"            // a subscription ran when views were gained, its price is not known
	PriceNoSubscription    PriceStatus = "no_subscription"    // none ran when views were gained
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
	views   []map[viewsKey]int64 // by part of the range
	sources map[domain.Platform][]string
}

// of are the views in a part of the range on some platforms, by sub-account.
func (v viewsGained) of(part int, platforms ...domain.Platform) map[string]int64 {
	sums := map[string]int64{}
	for key, views := range v.views[part] {
		if slices.Contains(platforms, key.platform) {
			sums[key.account] += views
		}
	}
	return sums
}

// accountViews adds the views that platforms count of accounts. It returns the accounts that have some.
func accountViews(qc *queryContext, series []*metricSeries, parts []bucket, gained viewsGained) (counted map[int64]bool) {
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

// accounts are the sub-accounts of the scope whose figures of a series may be.
func (s *metricSeries) accounts(qc *queryContext) []string {
	var accounts []string
	for _, o := range s.owners {
		accounts = append(accounts, o.account)
	}
	for _, o := range s.dayOwners { // one may have had days that only another one has read
		accounts = append(accounts, o.account)
	}
	return slices.DeleteFunc(sorted(accounts), func(a string) bool { return !qc.sees(owner{a, qc.query.Member}) })
}

func roiViews(query RangeQuery, gained viewsGained, prices prices) RoiViews {
	var data RoiViews
	var sum roiSum
	sums := make([]roiSum, len(query.Platforms))
	for i, month := range prices.months {
		whole := prices.against(i, gained, query.Platforms...)
		sum.add(whole)
		m := roiMonth{
			Month: month.day.String()[:len("2006-01")], Days: len(month.Elapsed().cut(ByDay)), DaysInMonth: int(daysInMonth(month)),
			Roi: whole.roi(),
		}
		for j, p := range query.Platforms {
			part := prices.against(i, gained, p)
			sums[j].add(part)
			names := []string{}
			if part.views.n > 0 {
				names = sorted(gained.sources[p])
			}
			m.Platforms = append(m.Platforms, platformRoi{readmodels.PlatformRefOf(p), part.roi(), names})
		}
		data.Months = append(data.Months, m)
	}
	data.Total = sum.roi()
	for j, p := range query.Platforms {
		data.Platforms = append(data.Platforms, platformRoi{readmodels.PlatformRefOf(p), sums[j].roi(), sorted(gained.sources[p])})
	}
	return data
}

// postViews adds, for platforms that count no views of an account, what the views of its posts gained; should one be counted
// all the same, its posts are left out.
func postViews(ctx context.Context, qc *queryContext, parts []bucket, counted map[int64]bool, gained viewsGained) error {
	of := slices.DeleteFunc(slices.Clone(qc.query.Platforms), func(p domain.Platform) bool {
		return p.Sources(domain.FiguresOfAccount, domain.MetricViews) != nil || p.Sources(domain.FiguresOfPosts, domain.MetricViews) == nil
	})
	if len(of) == 0 {
		return nil
	}
	query := gainQuery{metrics: []string{domain.MetricViews}, from: qc.query.Range.From, buckets: parts}
	rows, err := gainRows(ctx, qc, readmodels.PlatformIDs(of), query, gainSets{"true", `(social_account_id, account_id, p_id, bucket)`})
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
			gained.sources[r.platform] = append(gained.sources[r.platform], r.platform.Sources(domain.FiguresOfPosts, domain.MetricViews)[0].Source)
		}
		qc.noteAccount(*r.social, *r.account, r.platform, *r.last)
		qc.noteCapture(r.last)
	}
	return nil
}
