package analytics

import (
	"context"
	"fmt"
	"math/big"
	"time"

	"github.com/jackc/pgx/v5"
)

// monthPrices are what the accounts of a scope pay in one month, or in the part of it that counts.
type monthPrices struct {
	days, daysInMonth int
	accounts          map[string]price // by paying account
	// agency is the agency's own price, which covers all its clients; not set in a narrower scope.
	agency price
}

// price is what an account pays in some time.
type price struct {
	subscribed bool // a subscription ran
	unknown    bool // of one of them the price is not known
	mixed      bool // they are in several currencies
	minor      int64
	currency   string
}

func (p price) known() bool { return p.subscribed && !p.unknown && !p.mixed }

// and adds two prices.
func (p price) and(q price) price {
	switch {
	case !p.subscribed:
		return q
	case !q.subscribed:
		return p
	}
	return price{
		subscribed: true, unknown: p.unknown || q.unknown, minor: p.minor + q.minor, currency: p.currency,
		mixed: p.mixed || q.mixed || !p.unknown && !q.unknown && p.currency != q.currency,
	}
}

// subscription is what a row of the query below says.
type subscription struct {
	Account    string
	PriceMinor *int64
	Currency   string
	Starts     time.Time
	Ends       *time.Time
}

// prices reads the subscriptions that ran in the range and shares their prices out to the months.
func (qc *queryContext) prices(ctx context.Context, months []bucket) ([]monthPrices, error) {
	rows, _ := qc.tx.Query(ctx, `
		select b.account_id, b.price_minor, b.currency, b.starts_at, b.ends_at
		from tSubscriptions b join accounts o on o.id = b.account_id
		where (o.parent_account = $1 or o.id = $1) and ($2::text[] is null or b.account_id = any($2))
		  and b.starts_at < $4 and (b.ends_at is null or b.ends_at > $3)
		order by b.id`, qc.scope.ParentAccount, qc.scope.Accounts, qc.query.Range.From, qc.query.Range.To)
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[subscription])
	if err != nil {
		return nil, fmt.Errorf("read subscriptions: %w", err)
	}
	prices := make([]monthPrices, len(months))
	for i, month := range months {
		days := month.Elapsed().cut(ByDay)
		prices[i] = monthPrices{
			days: len(days), daysInMonth: int(month.day.nextMonth() - month.day), accounts: map[string]price{},
		}
		for _, s := range list {
			paid := s.share(days, prices[i].daysInMonth)
			if s.Account == qc.scope.ParentAccount && qc.scope.Accounts == nil {
				prices[i].agency = prices[i].agency.and(paid)
			} else {
				prices[i].accounts[s.Account] = prices[i].accounts[s.Account].and(paid)
			}
		}
	}
	return prices, nil
}

// share is the price of the days on which the subscription ran, rounded to the minor unit. Of a day on which it
// began or ended it is the price of the part: where one subscription ends at noon and the next one begins, the
// day costs once.
func (s subscription) share(days []bucket, daysInMonth int) price {
	whole, parts := int64(0), new(big.Rat)
	for _, d := range days {
		ends := d.To
		if s.Ends != nil {
			ends = earlier(ends, *s.Ends)
		}
		switch ran, length := ends.Sub(later(d.From, s.Starts)), d.To.Sub(d.From); {
		case ran == length:
			whole++
		case ran > 0:
			parts.Add(parts, big.NewRat(int64(ran), int64(length)))
		}
	}
	ran := parts.Add(parts, new(big.Rat).SetInt64(whole))
	if ran.Sign() == 0 {
		return price{}
	}
	p := price{subscribed: true, unknown: s.PriceMinor == nil, currency: s.Currency}
	if s.PriceMinor != nil {
		cost := ran.Mul(ran, big.NewRat(*s.PriceMinor, int64(daysInMonth)))
		half := cost.Add(cost, big.NewRat(1, 2)) // rounds up from there
		p.minor = new(big.Int).Div(half.Num(), half.Denom()).Int64()
	}
	return p
}

// against sets the prices against the views of some accounts. Only accounts with both count, so that
// the two sides are of the same accounts.
func (m monthPrices) against(views map[string]int64) Roi {
	var r Roi
	if len(views) == 0 {
		r.Price = PriceNoViews
		return r
	}
	var cost price
	var priced *int64
	unknown, mixed, covered := m.agency.unknown, m.agency.mixed, 0
	for account, gained := range views {
		r.Views = plus(r.Views, gained)
		own := m.accounts[account]
		unknown, mixed = unknown || own.unknown, mixed || own.mixed
		if own.known() || !own.subscribed && m.agency.known() {
			cost = cost.and(own)
			priced = plus(priced, gained)
			covered++
		}
	}
	cost = cost.and(m.agency)
	switch {
	case covered > 0 && cost.known():
		r.Price = PriceKnown
		if covered < len(views) {
			r.Price = PriceKnownInPart
		}
		r.setCost(cost, priced)
	case unknown:
		r.Price = PriceUnknown
	case cost.mixed || mixed:
		r.Price = PriceSeveralCurrencies
	default:
		r.Price = PriceNoSubscription
	}
	return r
}

// setCost sets a cost against the views of the same accounts.
func (r *Roi) setCost(cost price, views *int64) {
	r.PricedViews, r.Cost, r.Currency = views, &cost.minor, cost.currency
	r.CostPerThousandViews = ratio(cost.minor, *views, 1000)
}

// roiSum adds months up. Months without a price add to the views alone.
type roiSum struct {
	views, priced *int64
	cost          price
	statuses      map[PriceStatus]bool
}

func (s *roiSum) add(r Roi) {
	if r.Views == nil {
		return
	}
	if s.statuses == nil {
		s.statuses = map[PriceStatus]bool{}
	}
	s.statuses[r.Price] = true
	s.views = plus(s.views, *r.Views)
	if r.Cost != nil {
		s.priced = plus(s.priced, *r.PricedViews)
		s.cost = s.cost.and(price{subscribed: true, minor: *r.Cost, currency: r.Currency})
	}
}

func (s *roiSum) roi() Roi {
	r := Roi{Views: s.views}
	known := s.statuses[PriceKnown] || s.statuses[PriceKnownInPart]
	switch {
	case s.views == nil:
		r.Price = PriceNoViews
	case s.cost.mixed, s.statuses[PriceSeveralCurrencies] && !known:
		r.Price = PriceSeveralCurrencies
	case s.statuses[PriceKnown] && len(s.statuses) == 1:
		r.Price = PriceKnown
	case known:
		r.Price = PriceKnownInPart
	case s.statuses[PriceUnknown]:
		r.Price = PriceUnknown
	default:
		r.Price = PriceNoSubscription
	}
	if known && !s.cost.mixed {
		r.setCost(s.cost, s.priced)
	}
	return r
}
