package console

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/api/console/chart"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
)

type rateShown struct {
	Platform, Month, Rate string

	RelativeTo analytics.RateBase
}

type splitShown struct {
	Platform, Ages, Genders, Countries, Cities string

	CapturedAt time.Time
	Part       string // number of accounts covered; "": all
}

func putAudience(f figures, shown *figuresView, data analytics.PlatformStats, _ analytics.Meta) {
	for _, p := range data.Platforms {
		var split *analytics.Demographics // newest
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
				part = fmt.Sprintf("%d of %d accounts", split.SocialAccounts, p.SocialAccounts)
			}
			shown.Splits = append(shown.Splits, splitShown{
				p.PlatformName, largest(split.AgeGroups), largest(split.Gender),
				largest(split.Countries), largest(split.Cities), split.CapturedAt, part,
			})
		}
	}
}

// monthIn names a month, or its days if the range covers only a part of the month.
func (f figures) monthIn(p analytics.StatsPeriod) string {
	first, last := analytics.CalendarDay(p.From, f.zone), analytics.CalendarDay(p.To.Add(-time.Second), f.zone)
	if first.Day() == 1 && last.AddDate(0, 0, 1).Day() == 1 {
		return first.Format("January 2006")
	}
	days := last.Format("2 January 2006")
	if first.Day() < last.Day() {
		days = fmt.Sprintf("%d–%s", first.Day(), days)
	}
	return days
}

func largest(split []analytics.AudienceShare) string {
	split = slices.Clone(split)
	slices.SortStableFunc(split, func(a, b analytics.AudienceShare) int { return int(b.Followers - a.Followers) })
	var parts []string
	for _, part := range split[:min(len(split), 5)] {
		parts = append(parts, foreign(part.Name)+"\u00a0"+chart.Number(part.Followers))
	}
	return cmp.Or(strings.Join(parts, "; "), unknown)
}

// reachShown is a table of accounts and windows.
type reachShown struct {
	Windows []string
	EndsOn  string // the day on which windows end, unless a cell has its own
	Rows    []reachRow
}

type reachRow struct {
	Platform, Name string

	Cells []*reachCell // by window; nil: not reported
}

type reachCell struct {
	People int64
	EndsOn string // "": that of the table
}

func reachOf(accounts []analytics.AccountReach, sources []analytics.Source) (shown reachShown) {
	ends, used := map[string]int{}, map[string]bool{}
	for _, a := range accounts {
		for _, w := range a.Windows {
			used[w.Window] = true
			if ends[endOf(w)]++; ends[endOf(w)] > ends[shown.EndsOn] {
				shown.EndsOn = endOf(w)
			}
		}
	}
	shown.Windows = slices.SortedFunc(maps.Keys(used), func(a, b string) int {
		return cmp.Or(slices.Index(reachWindows, a)-slices.Index(reachWindows, b), strings.Compare(a, b))
	})
	for _, a := range accounts {
		row := reachRow{Platform: a.PlatformName, Name: strconv.FormatInt(a.SocialAccount, 10), Cells: make([]*reachCell, len(shown.Windows))}
		if at := slices.IndexFunc(sources, func(s analytics.Source) bool { return s.SocialAccount == a.SocialAccount }); at >= 0 {
			row.Name = foreign(sources[at].Name, row.Name)
		}
		for _, w := range a.Windows {
			cell := &reachCell{People: w.Value}
			if end := endOf(w); end != shown.EndsOn {
				cell.EndsOn = end
			}
			row.Cells[slices.Index(shown.Windows, w.Window)] = cell
		}
		shown.Rows = append(shown.Rows, row)
	}
	return shown
}

// endOf returns the last day of a window.
func endOf(w analytics.ReachWindow) string {
	if w.EndsOn == nil {
		return "an unknown day"
	}
	return ofDay(*w.EndsOn)
}

type costsShown struct {
	Rows []costRow // the total, then each platform with views
	Why  string    // why the price is known for none or only some of the views; "": it is known for all
}

type costRow struct {
	Platform string // "": all platforms
	Views    *int64
	Cost     string // with its currency; "–": unknown
	Thousand string // cost per thousand views, with its currency; "–": unknown
}

func putCosts(f figures, shown *figuresView, data analytics.RoiViews, _ analytics.Meta) {
	shown.Costs.Rows = append(shown.Costs.Rows, costOf("", data.Total))
	for _, p := range data.Platforms {
		if p.Views != nil {
			shown.Costs.Rows = append(shown.Costs.Rows, costOf(p.PlatformName, p.Roi))
		}
	}
	shown.Costs.Why = map[analytics.PriceStatus]string{
		analytics.PriceKnownInPart:       "The price is known for only some of these page views. The cost covers only those.",
		analytics.PriceUnknown:           "The price of the subscription is not known.",
		analytics.PriceNoSubscription:    "There was no active subscription when these page views were gained.",
		analytics.PriceSeveralCurrencies: "The prices are in several currencies, which cannot be added.",
		analytics.PriceNoViews:           "No page views were read in " + f.within + ".",
	}[data.Total.Price]
}

func costOf(platform string, r analytics.Roi) costRow {
	row := costRow{Platform: platform, Views: r.Views, Cost: unknown, Thousand: unknown}
	if r.Cost != nil {
		row.Cost = money(*r.Cost, string(r.Currency))
	}
	if r.CostPerThousandViews != nil {
		thousand := int64(*r.CostPerThousandViews + 0.5)
		row.Thousand = money(thousand, string(r.Currency))
		if thousand == 0 && r.Cost != nil && *r.Cost > 0 {
			row.Thousand = "less than " + money(1, string(r.Currency))
		}
	}
	return row
}

func money(minor int64, currency string) string {
	unit, places := int64(1), domain.CurrencyDecimals(currency)
	for range places {
		unit *= 10
	}
	amount := chart.Number(minor / unit)
	if places > 0 {
		amount += fmt.Sprintf(".%0*d", places, minor%unit)
	}
	return amount + "\u00a0" + currency
}

func putActivity(f figures, shown *figuresView, data analytics.ActivityMeter, meta analytics.Meta) {
	f.Form.Compare = ""
	tile := figureShown{Name: analytics.FigureNames["posts"], Value: data.Total.Posts}
	if data.Total.Frequency != nil && data.Total.Regularity != nil {
		tile.What = fmt.Sprintf("frequency %.0f, regularity %.0f of 100", *data.Total.Frequency, *data.Total.Regularity)
		if measured, all := data.Total.AccountsMeasured, data.Total.SocialAccounts; measured < all {
			tile.Marks = []mark{{
				Short: fmt.Sprintf("%d of %d accounts", measured, all),
				Text:  fmt.Sprintf("Frequency and regularity cover %d of %d accounts.", measured, all),
			}}
		}
	} else {
		tile.Marks = []mark{{
			Short: "activity not known",
			Text:  "Frequency and regularity are not known for this range: no post has been read yet, or nothing since the range began.",
		}}
	}
	shown.Numbers = append(shown.Numbers, tile)
	c := withSeries(f, chart.Chart{
		ID: "activity", Title: analytics.FigureNames["posts"], Unit: "posts", Bars: true,
	}, data.Total.Series, nil, func(d analytics.ActivityDay) (string, *int64, int) { return d.Day, d.Posts, 0 })
	shown.Charts = append(shown.Charts, f.completed(c, meta))
}
