package analytics_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/pgtest"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
)

// The cost of views, day by day, with drawn subscriptions in two currencies, in several zones and
// ranges.
func TestCostsAgreeWithDays(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	rapid.Check(t, func(t *rapid.T) {
		c := drawCosts(t)
		c.world().Fold(t, db)
		got, _, err := (&analytics.Analytics{Pool: db.ReadOnly}).RoiViews(t.Context(), c.scope, analytics.RangeQuery{
			Range: c.requested, Platforms: domain.Platforms(),
		})
		require.NoError(t, err)
		months := c.months()
		require.Len(t, got.Months, len(months))
		for i, month := range got.Months {
			at := months[i].name
			require.Equal(t, at, month.Month)
			require.Equal(t, []int{len(months[i].begun), months[i].days}, []int{month.Days, month.DaysInMonth}, at)
			requireRoi(t, c.roi(months[i:i+1], domain.Platforms()...), month.Roi, at)
			for _, of := range month.Platforms {
				requireRoi(t, c.roi(months[i:i+1], of.Platform), of.Roi, at+" "+of.PlatformName)
			}
		}
		requireRoi(t, c.roi(months, domain.Platforms()...), got.Total, "total")
		for _, of := range got.Platforms {
			requireRoi(t, c.roi(months, of.Platform), of.Roi, of.PlatformName)
		}
	})
}

// requireRoi compares to the cent, and the cost per thousand views to half of its last decimal.
func requireRoi(t require.TestingT, want, got analytics.Roi, of string) {
	if want.CostPerThousandViews != nil && got.CostPerThousandViews != nil {
		require.LessOrEqual(t, math.Abs(*want.CostPerThousandViews-*got.CostPerThousandViews), 0.005+1e-6, of)
		got.CostPerThousandViews = want.CostPerThousandViews
	}
	require.Equal(t, want, got, of)
}

// costsWorld has subscriptions and the gains of views by account.
type costsWorld struct {
	season    time.Time
	plans     []domain.DirectorySubscription
	gains     []viewsAt
	scope     readmodels.Scope
	requested analytics.Range
}

// viewsAt are the views that an account gained at an instant; for day flows, at the start of the
// day.
type viewsAt struct {
	page  domain.DirectorySocialAccount
	day   time.Time // day flows only; otherwise zero
	at    time.Time
	views int64
}

const costDays = 75 // three months and a clock change

// costPages are pages of two clients, of the agency itself and of another agency.
var costPages = []domain.DirectorySocialAccount{
	ownedPage(tenants[0], 21, domain.Facebook), ownedPage(tenants[0], 22, domain.TikTok), ownedPage(tenants[1], 23, domain.Facebook),
	ownedPage(tenants[1], 24, domain.Instagram), ownedPage(tenants[3], 25, domain.TikTok), ownedPage(tenants[2], 26, domain.Facebook),
}

func drawCosts(t *rapid.T) costsWorld {
	c := costsWorld{season: rapid.SampledFrom(seasons).Draw(t, "season").AddDate(0, 0, -30)}
	c.scope = rapid.SampledFrom([]readmodels.Scope{
		{ParentAccount: agencyA},
		{ParentAccount: agencyA},
		{ParentAccount: agencyA, Accounts: []string{clientA}},
		{ParentAccount: agencyA, Accounts: []string{clientA, clientC}},
	}).Draw(t, "scope")
	zone := zone(rapid.SampledFrom(zoneNames).Draw(t, "zone"))
	c.requested.Zone = zone
	instant := func(name string) time.Time {
		if rapid.IntRange(0, 2).Draw(t, name+" in a day") == 0 {
			return c.season.Add(time.Duration(rapid.IntRange(0, costDays*48).Draw(t, name)) * 30 * time.Minute)
		}
		return firstInstant(c.season.AddDate(0, 0, rapid.IntRange(0, costDays).Draw(t, name+" day")), zone)
	}
	c.requested.From, c.requested.To = instant("from"), instant("to")
	if c.requested.To.Before(c.requested.From) {
		c.requested.From, c.requested.To = c.requested.To, c.requested.From
	}
	if c.requested.To.Equal(c.requested.From) {
		c.requested.To = c.requested.To.Add(30 * time.Minute)
	}
	if rapid.Bool().Draw(t, "not over") {
		c.requested.Now = instant("now")
	}
	for i := range rapid.IntRange(2, 6).Draw(t, "plans") {
		plan := domain.DirectorySubscription{
			ID: int64(i + 1), AccountID: rapid.SampledFrom([]string{clientA, clientA, clientC, agencyA, clientB}).Draw(t, "whose"),
			Currency: rapid.SampledFrom([]string{"EUR", "EUR", "EUR", "USD"}).Draw(t, "currency"),
			StartsAt: instant("starts"),
		}
		if rapid.IntRange(0, 4).Draw(t, "priced") > 0 {
			plan.PriceMinor = new(int64(rapid.SampledFrom([]int{0, 1, 9_900, 10_000, 123_457}).Draw(t, "price")))
		}
		switch rapid.IntRange(0, 3).Draw(t, "how it began") {
		case 0: // when another one ended
			if i > 0 && c.plans[i-1].EndsAt != nil {
				plan.StartsAt = *c.plans[i-1].EndsAt
			}
		case 1: // before the range
			plan.StartsAt = c.season.AddDate(-1, 0, 0)
		}
		if rapid.IntRange(0, 2).Draw(t, "open ended") > 0 {
			if ends := instant("ends"); ends.After(plan.StartsAt) {
				plan.EndsAt = &ends
			}
		}
		c.plans = append(c.plans, plan)
	}
	taken := map[string]bool{}
	for range rapid.IntRange(4, 14).Draw(t, "gains") {
		gain := viewsAt{page: rapid.SampledFrom(costPages).Draw(t, "page"), views: int64(rapid.IntRange(-2, 3000).Draw(t, "views"))}
		if gain.page.Platform == domain.TikTok {
			gain.at = instant("gained")
		} else {
			gain.day = c.season.AddDate(0, 0, rapid.IntRange(0, costDays).Draw(t, "gained on"))
			gain.at = firstInstant(gain.day, zone)
		}
		key := fmt.Sprint(gain.page.ID, gain.at)
		// nothing is read before it exists
		if !taken[key] && (c.requested.Now.IsZero() || !gain.at.After(c.requested.Now)) {
			taken[key] = true
			c.gains = append(c.gains, gain)
		}
	}
	slices.SortFunc(c.gains, func(a, b viewsAt) int { return a.at.Compare(b.at) })
	return c
}

// world returns the events: days in one reading after all of them, views of a video in readings
// that count up from a baseline.
func (c costsWorld) world() *world {
	w := &world{Directory: tenantPeople()}
	for _, plan := range c.plans {
		w.Directory = append(w.Directory, plan)
	}
	for _, p := range costPages {
		w.Directory = append(w.Directory, p)
		tenant := domain.Tenant{ParentAccount: p.ParentAccount, AccountID: p.AccountID, MemberID: p.MemberID, SocialAccount: p.ID}
		before, published, views := c.season.AddDate(0, 0, -20), c.season.AddDate(0, 0, -40), int64(50)
		video := func(at time.Time) {
			w.Add(fmt.Sprint(p.ID, "-", len(w.Events)), readPost(tenant, p.Platform, "v", at, &published, domain.Counts{Views: new(views)}))
		}
		days := domain.AccountRead{Tenant: tenant, Platform: p.Platform, CapturedAt: c.season.AddDate(0, 0, costDays+5)}
		if p.Platform == domain.TikTok {
			video(before)
		}
		for _, gain := range c.gains {
			switch {
			case gain.page.ID != p.ID:
			case gain.day.IsZero():
				views += gain.views
				video(gain.at)
			default:
				days.Figures = append(days.Figures, flow(domain.MetricViews, gain.day.Format(time.DateOnly), gain.views))
			}
		}
		if len(days.Figures) > 0 {
			w.Add(fmt.Sprint(p.ID), days)
		}
	}
	return w
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

func (c costsWorld) months() (months []costMonth) {
	requested := analytics.RangeQuery{Range: c.requested, Granularity: analytics.ByMonth}
	begun := newOracle(nil, c.scope, requested).begun()
	for _, p := range (question{RangeQuery: requested}).periods() {
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
func (c costsWorld) running(account, date string) (plans []domain.DirectorySubscription) {
	if account == "" {
		account = agencyA
	}
	for _, plan := range c.plans {
		if plan.AccountID == account && date >= c.dateOf(plan.StartsAt) && (plan.EndsAt == nil || date < c.dateOf(*plan.EndsAt)) {
			plans = append(plans, plan)
		}
	}
	return plans
}

func (c costsWorld) dateOf(at time.Time) string { return at.In(c.requested.Zone).Format(time.DateOnly) }

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
func (c costsWorld) price(account, date string) analytics.PriceStatus {
	var plans []domain.DirectorySubscription
	if account != agencyA {
		plans = c.running(account, date)
	}
	if c.scope.Accounts == nil {
		plans = append(plans, c.running("", date)...)
	}
	return whyUnpriced(plans)
}

// roi compares the views of some months on some platforms with their cost.
func (c costsWorld) roi(months []costMonth, platforms ...domain.Platform) analytics.Roi {
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
			account := gain.page.AccountID
			requested := gain.page.ParentAccount == agencyA && (c.scope.Accounts == nil || slices.Contains(c.scope.Accounts, account))
			if !requested || !slices.Contains(platforms, gain.page.Platform) || gain.at.Before(month.from) || !gain.at.Before(month.to) {
				continue
			}
			sum(&want.Views, gain.views)
			price := c.price(account, c.dateOf(gain.at))
			if why[price] = true; price == analytics.PriceKnown {
				sum(&want.PricedViews, gain.views)
				paying[account] = true
			}
		}
		for account := range paying {
			if account != agencyA { // the agency's subscription counts once for all
				pay(month, account, func(date string) bool { return c.price(account, date) == analytics.PriceKnown })
			}
		}
		if len(paying) > 0 && c.scope.Accounts == nil {
			pay(month, "", func(date string) bool { return whyUnpriced(c.running("", date)) == analytics.PriceKnown })
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
