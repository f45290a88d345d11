package analytics_test

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/pgtest"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
)

// The cost of views, day by day, of the subscriptions in drawn worlds: in two currencies, in several
// zones and ranges.
func TestViewCostsAgreeWithDailyOracle(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	rapid.Check(t, func(t *rapid.T) {
		g := drawGainsWorld(rapid.Uint64().Draw(t, "world"))
		g.Fold(t, db)
		for range 3 {
			c := costs{question: g.drawQuestion()}
			c.Member = 0
			if g.IntN(2) == 0 { // it is not over; all was read before now
				c.Range.Now = g.season.AddDate(0, 0, gainsDays+2).Add(time.Duration(g.IntN(48)) * 30 * time.Minute)
				shift := g.IntN(60)
				c.Range.From, c.Range.To = c.Range.From.AddDate(0, 0, shift), c.Range.To.AddDate(0, 0, shift+30)
			}
			for _, entity := range g.Directory {
				if plan, ok := entity.(domain.DirectorySubscription); ok {
					c.plans = append(c.plans, plan)
					if g.IntN(4) == 0 && plan.StartsAt.After(c.Range.From.Add(time.Hour)) { // just before it begins, which counts from the day's start
						c.Range.To = plan.StartsAt.Add(-domain.GainQuarter) // ranges end at quarter hours
					}
				}
			}
			c.gains = c.ofViews(&g.world)
			c.agree(t, db)
		}
	})
}

// costs are the views of a question and the subscriptions that may cover them.
type costs struct {
	question
	plans []domain.DirectorySubscription
	gains gains
}

func (c costs) agree(t *rapid.T, db *pgtest.DB) {
	got, _, err := (&analytics.Analytics{Pool: db.ReadOnly}).RoiViews(t.Context(), c.scope, c.RangeQuery)
	require.NoError(t, err)
	months := c.months()
	require.Len(t, got.Months, len(months))
	for i, month := range got.Months {
		at := months[i].name
		require.Equal(t, at, month.Month)
		require.Equal(t, []int{len(months[i].begun), months[i].days}, []int{month.Days, month.DaysInMonth}, at)
		requireRoi(t, c.roi(months[i:i+1], c.Platforms...), month.Roi, at)
		for _, of := range month.Platforms {
			requireRoi(t, c.roi(months[i:i+1], of.Platform), of.Roi, at+" "+of.PlatformName)
		}
	}
	requireRoi(t, c.roi(months, c.Platforms...), got.Total, "total")
	for _, of := range got.Platforms {
		requireRoi(t, c.roi(months, of.Platform), of.Roi, of.PlatformName)
	}
}

// requireRoi compares to the cent, and the cost per thousand views to half of its last decimal.
func requireRoi(t require.TestingT, want, got analytics.Roi, of string) {
	if want.CostPerThousandViews != nil && got.CostPerThousandViews != nil {
		require.LessOrEqual(t, math.Abs(*want.CostPerThousandViews-*got.CostPerThousandViews), 0.005+1e-6, of)
		got.CostPerThousandViews = want.CostPerThousandViews
	}
	require.Equal(t, want, got, of)
}

// costMonth is the part of a calendar month in the range, with the days that have begun.
type costMonth struct {
	name     string
	days     int
	from, to time.Time
	begun    []string // dates
}

// costParts are the parts of a cent in which costs are added: divisible by the days of any month.
const costParts = 28 * 29 * 30 * 31

func (c costs) months() (months []costMonth) {
	c.Granularity = analytics.ByMonth
	begun := newOracle(nil, c.question).begun()
	for _, p := range c.periods() {
		first, _ := time.Parse(time.DateOnly, p.name)
		month := costMonth{name: first.Format("2006-01"), days: first.AddDate(0, 1, -1).Day(), from: p.from, to: p.to}
		for _, date := range begun {
			if strings.HasPrefix(date, month.name) {
				month.begun = append(month.begun, date)
			}
		}
		months = append(months, month)
	}
	return months
}

// running returns the active subscriptions of an account on a date; the day on which one ends does
// not count.
func (c costs) running(account, date string) (plans []domain.DirectorySubscription) {
	for _, plan := range c.plans {
		if plan.AccountID == account && date >= c.dateOf(plan.StartsAt) && (plan.EndsAt == nil || date < c.dateOf(*plan.EndsAt)) {
			plans = append(plans, plan)
		}
	}
	return plans
}

func (c costs) dateOf(at time.Time) string { return at.In(c.Range.Zone).Format(time.DateOnly) }

// whyUnpriced returns why the price of some subscriptions together is unknown, or known.
func whyUnpriced(plans []domain.DirectorySubscription) analytics.PriceStatus {
	price := analytics.PriceKnown
	for _, plan := range plans {
		if plan.PriceMinor == nil {
			return analytics.PriceUnknown
		}
		if plan.Currency != plans[0].Currency {
			price = analytics.PriceSeveralCurrencies
		}
	}
	if len(plans) == 0 {
		return analytics.PriceNoSubscription
	}
	return price
}

// price returns the status of an account's price on a date, from its own subscriptions and those of
// the agency, which cover all clients if all are requested.
func (c costs) price(account, date string) analytics.PriceStatus {
	var plans []domain.DirectorySubscription
	if account != c.scope.ParentAccount {
		plans = c.running(account, date)
	}
	if c.scope.Accounts == nil {
		plans = append(plans, c.running(c.scope.ParentAccount, date)...)
	}
	return whyUnpriced(plans)
}

// roi compares the views of some months on some platforms with their cost.
func (c costs) roi(months []costMonth, platforms ...domain.Platform) analytics.Roi {
	var want analytics.Roi
	costs, why := map[string]int64{}, map[analytics.PriceStatus]bool{}
	pay := func(month costMonth, account string, known func(date string) bool) {
		for _, date := range month.begun {
			if !known(date) {
				continue
			}
			for _, plan := range c.running(account, date) {
				costs[plan.Currency] += *plan.PriceMinor * costParts / int64(month.days)
			}
		}
	}
	for _, month := range months {
		paying := map[string]bool{}
		for _, gain := range c.gains {
			if !slices.Contains(platforms, gain.platform) || gain.at.Before(month.from) || !gain.at.Before(month.to) {
				continue
			}
			sum(&want.Views, gain.value)
			price := c.price(gain.owner.AccountID, c.dateOf(gain.at))
			if why[price] = true; price == analytics.PriceKnown {
				sum(&want.PricedViews, gain.value)
				paying[gain.owner.AccountID] = true
			}
		}
		for account := range paying {
			if account != c.scope.ParentAccount { // the agency's subscription counts once for all
				pay(month, account, func(date string) bool { return c.price(account, date) == analytics.PriceKnown })
			}
		}
		if len(paying) > 0 && c.scope.Accounts == nil {
			pay(month, c.scope.ParentAccount, func(date string) bool {
				return whyUnpriced(c.running(c.scope.ParentAccount, date)) == analytics.PriceKnown
			})
		}
	}
	switch {
	case want.Views == nil:
		want.Price = analytics.PriceNoViews
	case len(costs) > 1:
		want.Price = analytics.PriceSeveralCurrencies
	case why[analytics.PriceKnown] && len(why) > 1:
		want.Price = analytics.PriceKnownInPart
	default: // the most severe reason
		for _, status := range []analytics.PriceStatus{
			analytics.PriceKnown, analytics.PriceNoSubscription, analytics.PriceSeveralCurrencies, analytics.PriceUnknown,
		} {
			if why[status] {
				want.Price = status
			}
		}
	}
	if len(costs) != 1 || want.PricedViews == nil {
		return want
	}
	for currency, cost := range costs {
		want.Cost, want.Currency = new((cost+costParts/2)/costParts), domain.OptionalText(currency)
		if *want.PricedViews > 0 {
			want.CostPerThousandViews = new(math.Round(float64(*want.Cost)*100_000/float64(*want.PricedViews)) / 100)
		}
	}
	return want
}
