package analytics_test

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg/pgtest"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
)

var videos = []string{"v1", "v2", "v3"}

// drawRoiWorld adds to a world: videos with readings, accounts and what they pay.
func drawRoiWorld(t *rapid.T, season time.Time) *world {
	w := drawWorld(t, season)
	for i := range rapid.IntRange(0, 5).Draw(t, "subscriptions") {
		s := domain.DirectorySubscription{
			ID: int64(i + 1), AccountID: rapid.SampledFrom([]string{agencyA, clientA, clientA, clientC, clientC, clientB}).Draw(t, "payer"),
			Currency: rapid.SampledFrom([]string{"EUR", "EUR", "EUR", "USD"}).Draw(t, "currency"), StartsAt: drawInstant(t, season.AddDate(0, 0, -5)),
		}
		if rapid.IntRange(0, 4).Draw(t, "price unknown") > 0 {
			price := rapid.Int64Range(0, 99_999).Draw(t, "price")
			s.PriceMinor = &price
		}
		if rapid.Bool().Draw(t, "ends") {
			ends := s.StartsAt.Add(time.Duration(rapid.IntRange(1, 200).Draw(t, "hours")) * time.Hour)
			s.EndsAt = &ends
		}
		w.Directory = append(w.Directory, s)
	}
	taken := map[string]bool{}
	for i := range rapid.IntRange(0, 25).Draw(t, "video readings") {
		at := drawInstant(t, season)
		video := rapid.SampledFrom(videos).Draw(t, "video")
		tenant := tenantOf(rapid.SampledFrom(tenants).Draw(t, "tenant"), rapid.SampledFrom([]int64{15, 16}).Draw(t, "account"))
		if key := fmt.Sprint(tenant.SocialAccount, video, at); taken[key] {
			continue
		} else {
			taken[key] = true
		}
		read := domain.PostRead{Tenant: tenant, Platform: domain.TikTok, ExternalID: video, CapturedAt: at}
		if rapid.Bool().Draw(t, "published") {
			read.PublishedAt = new(drawInstant(t, season))
		}
		if rapid.IntRange(0, 4).Draw(t, "no views") > 0 {
			n := rapid.Int64Range(0, 900).Draw(t, "views")
			read.Views = &n
		}
		w.Add(fmt.Sprintf("p%03d", i), read)
	}
	return w
}

func TestRoiViewsAgreeWithTheOracle(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	queries := &analytics.Analytics{Pool: db.ReadOnly}
	rapid.Check(t, func(t *rapid.T) {
		season := rapid.SampledFrom(seasons).Draw(t, "season")
		w := drawRoiWorld(t, season)
		w.Fold(t, db)
		for range 4 {
			scope, query := drawQuery(t, season)
			got, meta, err := queries.RoiViews(t.Context(), scope, query)
			o := newOracle(w, scope, query)
			if o.refuses(t, err) {
				continue
			}
			require.Equal(t, o.roiViews(), got)
			o.restOfRoi()
			require.Equal(t, o.asOf, meta.AsOf)
			o.agreeOnMeta(t, meta)
			o.agreeOnSources(t, meta)
			require.Equal(t, o.socialIDs(query.Platforms...), sourceIDs(meta))
		}
	})
}

func (o *oracle) roiViews() analytics.RoiViews {
	var want analytics.RoiViews
	var all []analytics.Roi
	byPlatform := map[domain.Platform][]analytics.Roi{}
	names := map[domain.Platform][]string{}
	for _, month := range o.months() {
		for _, p := range o.q.Platforms {
			names[p] = append(names[p], o.views(p, month).sources...)
		}
	}
	distinct := func(p domain.Platform) []string {
		out := append([]string{}, names[p]...)
		slices.Sort(out)
		return slices.Compact(out)
	}
	for _, month := range o.months() {
		first, _ := time.Parse("2006-01", month.name)
		m := analytics.RoiMonth{Month: month.name, Days: len(o.begunOf(month)), DaysInMonth: first.AddDate(0, 1, -1).Day()}
		together := map[string]int64{}
		for _, p := range o.q.Platforms {
			views := o.views(p, month)
			for account, n := range views.byAccount {
				together[account] += n
			}
			row := analytics.PlatformRoi{PlatformRef: PlatformRefOf(p), Roi: o.against(views.byAccount, month), SourceMetrics: []string{}}
			if row.Views != nil {
				row.SourceMetrics = distinct(p)
			}
			m.Platforms = append(m.Platforms, row)
			byPlatform[p] = append(byPlatform[p], row.Roi)
		}
		m.Roi = o.against(together, month)
		all = append(all, m.Roi)
		want.Months = append(want.Months, m)
	}
	want.Total = addUp(all)
	for _, p := range o.q.Platforms {
		want.Platforms = append(want.Platforms, analytics.PlatformRoi{
			PlatformRef: PlatformRefOf(p), Roi: addUp(byPlatform[p]), SourceMetrics: distinct(p),
		})
	}
	return want
}

// against follows the words of the documentation: the accounts with views whose price is known.
func (o *oracle) against(views map[string]int64, month monthPart) analytics.Roi {
	r := analytics.Roi{Price: analytics.PriceNoViews}
	if len(views) == 0 {
		return r
	}
	agencyCost, agencyRan, agencyKnown, agencyCurrencies := o.cost(o.scope.ParentAccount, month)
	if o.scope.Accounts != nil { // the agency's price is no single client's
		agencyRan, agencyKnown, agencyCurrencies, agencyCost = false, false, nil, 0
	}
	var cost, priced int64
	var currencies []string
	covered, unpriced, severalIn := 0, agencyRan && !agencyKnown, len(agencyCurrencies) > 1
	for account, n := range views {
		sum(&r.Views, n)
		own, ran, known, in := o.cost(account, month)
		if account == o.scope.ParentAccount && o.scope.Accounts == nil {
			own, ran, known, in = 0, false, false, nil // counted as the agency's
		}
		unpriced, severalIn = unpriced || ran && !known, severalIn || len(in) > 1
		if known && len(in) == 1 || !ran && agencyKnown && len(agencyCurrencies) == 1 {
			covered, cost, priced, currencies = covered+1, cost+own, priced+n, append(currencies, in...)
		}
	}
	currencies = append(currencies, agencyCurrencies...)
	slices.Sort(currencies)
	currencies = slices.Compact(currencies)
	switch {
	case covered > 0 && len(currencies) == 1 && (!agencyRan || agencyKnown):
		r.Price, cost = analytics.PriceKnown, cost+agencyCost
		r.Cost, r.PricedViews, r.Currency = &cost, &priced, currencies[0]
		if covered < len(views) {
			r.Price = analytics.PriceKnownInPart
		}
	case unpriced:
		r.Price = analytics.PriceUnknown
	case len(currencies) > 1 || severalIn:
		r.Price = analytics.PriceSeveralCurrencies
	default:
		r.Price = analytics.PriceNoSubscription
	}
	return perThousand(r)
}

func perThousand(r analytics.Roi) analytics.Roi {
	if r.Cost != nil && *r.PricedViews > 0 {
		v := math.Round(float64(*r.Cost)*1000/float64(*r.PricedViews)*100) / 100
		r.CostPerThousandViews = &v
	}
	return r
}

// addUp adds months up.
func addUp(months []analytics.Roi) analytics.Roi {
	var sumUp analytics.Roi
	var currencies []string
	status := map[analytics.PriceStatus]int{}
	for _, m := range months {
		if m.Views == nil {
			continue
		}
		status[m.Price]++
		sum(&sumUp.Views, *m.Views)
		if m.Cost != nil {
			sum(&sumUp.Cost, *m.Cost)
			sum(&sumUp.PricedViews, *m.PricedViews)
			currencies = append(currencies, m.Currency)
		}
	}
	slices.Sort(currencies)
	currencies = slices.Compact(currencies)
	switch {
	case sumUp.Views == nil:
		sumUp.Price = analytics.PriceNoViews
	case len(currencies) == 1:
		sumUp.Price, sumUp.Currency = analytics.PriceKnownInPart, currencies[0]
		if len(status) == 1 && status[analytics.PriceKnown] > 0 {
			sumUp.Price = analytics.PriceKnown
		}
	case len(currencies) > 1 || status[analytics.PriceSeveralCurrencies] > 0:
		sumUp.Price = analytics.PriceSeveralCurrencies
		sumUp.Cost, sumUp.PricedViews = nil, nil
	case status[analytics.PriceUnknown] > 0:
		sumUp.Price = analytics.PriceUnknown
	default:
		sumUp.Price = analytics.PriceNoSubscription
	}
	return perThousand(sumUp)
}
