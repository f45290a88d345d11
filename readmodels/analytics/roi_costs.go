package analytics

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg"
)

// subscription is a row of tSubscriptions. Its times are moved to the start of their days: the
// first day is charged and the last day is not, so that a change of plans charges no day twice.
type subscription struct {
	Account    string
	PriceMinor *int64
	Currency   string
	Starts     time.Time
	Ends       *time.Time
}

func (s subscription) runs(at time.Time) bool {
	return !at.Before(s.Starts) && (s.Ends == nil || at.Before(*s.Ends))
}

type prices struct {
	own map[string][]subscription // by paying account
	// the agency's own subscriptions cover all its clients; empty in a narrower scope
	agency []subscription
	months []bucket
	// parts of the months, in order; the price status of every account is constant within a part
	parts   []bucket
	partsOf [][]int // indexes of the parts of each month
}

// twoDays covers the day that the end of the range cuts, which is charged in full.
const twoDays = 48 * time.Hour

func readPrices(ctx context.Context, qc *queryContext, months []bucket) (prices, error) {
	p := prices{own: map[string][]subscription{}, months: months}
	list, err := pg.List(ctx, qc.tx, "read subscriptions", pgx.RowToStructByPos[subscription], `
		select b.account_id, b.price_minor, b.currency, b.starts_at, b.ends_at
		from tSubscriptions b join accounts o on o.id = b.account_id
		where (o.parent_account = $1 or o.id = $1) and ($2::text[] is null or b.account_id = any($2))
		  and b.starts_at < $4 and (b.ends_at is null or b.ends_at > $3)
		order by b.id`, qc.scope.ParentAccount, qc.scope.Accounts, qc.query.Range.From, qc.query.Range.To.Add(twoDays))
	if err != nil {
		return p, err
	}
	for i := range list {
		s := &list[i]
		s.Starts = StartOfDay(s.Starts.In(qc.query.Range.Zone), qc.query.Range.Zone)
		if s.Ends != nil {
			s.Ends = new(StartOfDay(s.Ends.In(qc.query.Range.Zone), qc.query.Range.Zone))
		}
		if s.Account == qc.scope.ParentAccount && qc.scope.Accounts == nil {
			p.agency = append(p.agency, *s)
		} else {
			p.own[s.Account] = append(p.own[s.Account], *s)
		}
	}
	p.cut(list)
	return p, nil
}

// status reports whether an account's price is known at an instant, considering all subscriptions
// that cover it.
func (p *prices) status(account string, at time.Time) PriceStatus {
	status := PriceNoSubscription
	currency := ""
	for _, list := range [][]subscription{p.own[account], p.agency} {
		for _, s := range list {
			switch {
			case !s.runs(at) || status == PriceUnknown:
			case s.PriceMinor == nil:
				status = PriceUnknown
			case status != PriceNoSubscription && currency != s.Currency:
				status = PriceSeveralCurrencies
			case status == PriceNoSubscription:
				status, currency = PriceKnown, s.Currency
			}
		}
	}
	return status
}

// cut splits the months wherever the price status of an account changes.
func (p *prices) cut(list []subscription) {
	var cuts []time.Time
	for _, s := range list {
		cuts = append(cuts, s.Starts)
		if s.Ends != nil {
			cuts = append(cuts, *s.Ends)
		}
	}
	// "" stands for accounts without their own subscription
	accounts := append(slices.Collect(maps.Keys(p.own)), "")
	cuts = slices.DeleteFunc(cuts, func(at time.Time) bool {
		return !slices.ContainsFunc(accounts, func(account string) bool {
			return p.status(account, at) != p.status(account, at.Add(-time.Nanosecond))
		})
	})
	slices.SortFunc(cuts, time.Time.Compare)
	p.partsOf = make([][]int, len(p.months))
	for i, month := range p.months {
		from := month.From
		for _, at := range append(slices.Clone(cuts), month.To) {
			if at.After(from) && !at.After(month.To) {
				p.partsOf[i] = append(p.partsOf[i], len(p.parts))
				p.parts = append(p.parts, Range{From: from, To: at, Zone: month.Zone, Now: month.Now}.whole())
				from = at
			}
		}
	}
}

// partsOfUnit is divisible by the number of days of any month: the least common multiple of 28, 29,
// 30 and 31.
const partsOfUnit = 377_580

// roiSum contains views and their costs. Costs are rounded only by [roiSum.roi], after all sums are
// added.
type roiSum struct {
	views, priced tally
	costs         map[string]int64     // by currency, in 1/[partsOfUnit] of a minor unit
	unpriced      map[PriceStatus]bool // reasons why the price of some views is unknown
}

func (p *prices) against(month int, gained viewsGained, platforms ...domain.Platform) roiSum {
	s := roiSum{costs: map[string]int64{}, unpriced: map[PriceStatus]bool{}}
	paying := map[string]bool{}
	for _, i := range p.partsOf[month] {
		for account, views := range gained.byAccount(i, platforms...) {
			s.views.add(tally{views, 1})
			if status := p.status(account, p.parts[i].From); status != PriceKnown {
				s.unpriced[status] = true
				continue
			}
			s.priced.add(tally{views, 1})
			paying[account] = true
		}
	}
	for account := range paying {
		p.addCosts(s.costs, month, account, p.own[account])
	}
	if len(paying) > 0 {
		p.addCosts(s.costs, month, "", p.agency)
	}
	return s
}

// addCosts adds what subscriptions cost in a month while the account's price is known.
func (p *prices) addCosts(costs map[string]int64, month int, account string, list []subscription) {
	if len(list) == 0 {
		return
	}
	days := p.months[month].throughToday().cut(ByDay)
	for _, i := range p.partsOf[month] {
		if p.status(account, p.parts[i].From) != PriceKnown {
			continue
		}
		for _, s := range list {
			if n := s.daysIn(p.parts[i].Range, days); n > 0 {
				costs[s.Currency] += n * *s.PriceMinor * (partsOfUnit / daysInMonth(p.months[month]))
			}
		}
	}
}

func daysInMonth(month bucket) int64 { return int64(month.day.nextMonth() - month.day) }

func (s subscription) daysIn(part Range, days []bucket) (n int64) {
	for _, d := range days {
		if !d.From.Before(part.From) && d.From.Before(part.To) && s.runs(d.From) {
			n++
		}
	}
	return n
}

func (r *roiSum) add(o roiSum) {
	if r.costs == nil {
		r.costs, r.unpriced = map[string]int64{}, map[PriceStatus]bool{}
	}
	r.views.add(o.views)
	r.priced.add(o.priced)
	for currency, cost := range o.costs {
		r.costs[currency] += cost
	}
	maps.Copy(r.unpriced, o.unpriced)
}

func (r *roiSum) roi() Roi {
	result := Roi{Views: r.views.value(), PricedViews: r.priced.value()}
	switch {
	case r.views.n == 0:
		result.Price = PriceNoViews
	case len(r.costs) > 1:
		result.Price = PriceSeveralCurrencies
	case r.priced.n > 0 && len(r.unpriced) == 0:
		result.Price = PriceKnown
	case r.priced.n > 0:
		result.Price = PriceKnownInPart
	case r.unpriced[PriceUnknown]:
		result.Price = PriceUnknown
	case r.unpriced[PriceSeveralCurrencies]:
		result.Price = PriceSeveralCurrencies
	default:
		result.Price = PriceNoSubscription
	}
	if r.priced.n == 0 || len(r.costs) != 1 {
		return result
	}
	for currency, cost := range r.costs {
		minor := (cost + partsOfUnit/2) / partsOfUnit
		result.Cost, result.Currency, result.CostPerThousandViews = &minor, domain.OptionalText(currency),
			ratio(minor, r.priced.sum, 1000)
	}
	return result
}
