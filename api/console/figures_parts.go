package console

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/api/console/chart"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
)

// rateShown is the engagement rate of a platform in a month, or the part of it that lies in the range.
type rateShown struct {
	Platform, Month, Rate string

	Of analytics.RateBase
}

// splitShown is what a platform says about the followers of its accounts: the largest parts of each split.
type splitShown struct {
	Platform, Ages, Genders, Countries, Cities string

	CapturedAt time.Time
	Part       string // of how many of the platform's accounts; "" if of all
}

// putAudience puts engagement rates there, and what is known about the followers.
func putAudience(_ *visit, f figures, shown *figuresView, data analytics.PlatformStats, _ analytics.Meta) {
	for _, p := range data.Platforms {
		var split *analytics.Demographics // the newest
		for _, period := range p.Periods {
			if rate := period.EngagementRatePct; rate != nil && period.EngagementRateOf != nil {
				shown.Rates = append(shown.Rates, rateShown{
					p.PlatformName, f.monthIn(period), fmt.Sprintf("%.2f\u00a0%%", *rate), *period.EngagementRateOf,
				})
			}
			if period.Demographics != nil {
				split = period.Demographics
			}
		}
		if split != nil {
			part := ""
			if split.SocialAccounts < p.SocialAccounts {
				part = fmt.Sprintf("of %d of %d accounts", split.SocialAccounts, p.SocialAccounts)
			}
			shown.Splits = append(shown.Splits, splitShown{
				p.PlatformName, largest(split.AgeGroups), largest(split.Gender), largest(split.Countries), largest(split.Cities),
				split.CapturedAt, part,
			})
		}
	}
}

// monthIn names a month, with its first and last day in the range if that is only a part of it.
func (f figures) monthIn(p analytics.StatsPeriod) string {
	zone, err := time.LoadLocation(f.Form.Zone)
	if err != nil {
		zone = time.UTC
	}
	first, last := p.From.In(zone), p.To.Add(-time.Second).In(zone)
	if first.Day() == 1 && last.AddDate(0, 0, 1).Day() == 1 {
		return first.Format("January 2006")
	}
	days := last.Format("2 January 2006")
	if first.Day() < last.Day() {
		days = fmt.Sprintf("%d–%s", first.Day(), days)
	}
	return days
}

// largest names the five largest parts of a split.
func largest(split []analytics.AudienceShare) string {
	split = slices.Clone(split)
	slices.SortStableFunc(split, func(a, b analytics.AudienceShare) int { return int(b.Followers - a.Followers) })
	var parts []string
	for _, part := range split[:min(len(split), 5)] {
		parts = append(parts, part.Name+"\u00a0"+chart.Number(part.Followers))
	}
	return nameOr(strings.Join(parts, "; "), unknown)
}

// costsShown is page views against what the subscriptions cost.
type costsShown struct {
	Rows []costRow // the whole, then each platform with views
	Why  string    // a price stands against no views, or against some only
}

// costRow is one line of it.
type costRow struct {
	Of       string // "": all platforms
	Views    *int64
	Cost     string // with its currency; "–": not known
	Thousand string // likewise, of a thousand views
}

// putCosts puts page views against cost there. They are compared with nothing.
func putCosts(_ *visit, _ figures, shown *figuresView, data analytics.RoiViews, meta analytics.Meta) {
	shown.Sources = addSources(shown.Sources, sourcesOf("views", meta.Sources))
	shown.Costs.Rows = append(shown.Costs.Rows, costOf("", data.Total))
	for _, p := range data.Platforms {
		if p.Views != nil {
			shown.Costs.Rows = append(shown.Costs.Rows, costOf(p.PlatformName, p.Roi))
		}
	}
	shown.Costs.Why = map[analytics.PriceStatus]string{
		analytics.PriceKnownInPart:       "The price is known of some of these page views only; the cost stands against those.",
		analytics.PriceUnknown:           "The main application has not told what the subscription costs.",
		analytics.PriceNoSubscription:    "No subscription ran when these page views were gained.",
		analytics.PriceSeveralCurrencies: "The prices are in several currencies, which cannot be added.",
		analytics.PriceNoViews:           "No page views were read in this range.",
	}[data.Total.Price]
}

func costOf(platform string, r analytics.Roi) costRow {
	row := costRow{Of: platform, Views: r.Views, Cost: unknown, Thousand: unknown}
	if r.Cost != nil {
		row.Cost = money(*r.Cost, string(r.Currency))
	}
	if r.CostPerThousandViews != nil {
		row.Thousand = money(int64(*r.CostPerThousandViews+0.5), string(r.Currency))
	}
	return row
}

// money writes minor units of a currency.
func money(minor int64, currency string) string {
	const cents = 100
	return fmt.Sprintf("%s.%02d\u00a0%s", chart.Number(minor/cents), minor%cents, currency)
}

// putActivity puts there how often and how regularly was posted. It is compared with nothing.
func putActivity(v *visit, f figures, shown *figuresView, data analytics.ActivityMeter, meta analytics.Meta) {
	f.Form.Compare = ""
	if shown.AsOf == nil && shown.PostsAsOf == nil { // nothing was read in the range: that nothing was published is not known
		data.Total.Posts, data.Total.Frequency = nil, nil
		for i := range data.Total.Series {
			data.Total.Series[i].Posts = nil
		}
	}
	note := "No post is known."
	if data.Total.Frequency != nil && data.Total.Regularity != nil {
		note = fmt.Sprintf("Activity: %.0f of 100 for frequency, %.0f of 100 for regularity.", *data.Total.Frequency, *data.Total.Regularity)
	}
	shown.Numbers = append(shown.Numbers, figureShown{
		Name: figureNames["posts"], Value: data.Total.Posts, Note: note,
	})
	shown.Charts = append(shown.Charts, chartOf(v, f, meta, withSeries(chart.Chart{
		ID: "activity", Title: figureNames["posts"], Unit: "posts", Bars: true,
	}, data.Total.Series, nil, func(d analytics.ActivityDay) (string, *int64, int) { return d.Day, d.Posts, 0 })))
}
