package vault

import (
	"context"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/internal/quota"
)

// Budgets stores the quotas that all fetchers share. It implements [quota.Store].
type Budgets struct{ Pool *pgxpool.Pool }

// Draw implements [quota.Store]. A process whose clock is behind adds no calls.
func (b Budgets) Draw(
	ctx context.Context, want int, from []quota.Budget, now time.Time,
) (granted int, left []quota.BudgetState, err error) {
	names, rates, bursts := make([]string, len(from)), make([]float64, len(from)), make([]float64, len(from))
	for i, f := range from {
		names[i], rates[i], bursts[i] = f.Name, f.Rate, f.Burst
	}
	granted, left, complete, err := b.draw(ctx, want, names, rates, bursts, now)
	if err == nil && !complete {
		_, err = b.Pool.Exec(ctx, `
			insert into fetch_budgets (name, calls, at) select name, burst, coalesce($4, now())
			from unnest($1::text[], $2::float8[], $3::float8[]) as n(name, rate, burst) where rate > 0
			order by name on conflict do nothing`, names, rates, bursts, nullIfZero(now))
		if err == nil {
			granted, left, _, err = b.draw(ctx, want, names, rates, bursts, now)
		}
	}
	return granted, left, pg.Wrap("draw from budgets "+strings.Join(names, ", "), err)
}

// draw takes nothing if a limited budget has no row yet; complete is then false. The row of an
// unlimited budget matters only while the budget is held.
func (b Budgets) draw(
	ctx context.Context, want int, names []string, rates, bursts []float64, now time.Time,
) (granted int, left []quota.BudgetState, complete bool, err error) {
	rows, _ := b.Pool.Query(ctx, `
		with present as (
		  select b.name, held_until, t.now, place, rate > 0 as limited,
		         least(burst, calls + greatest(0, extract(epoch from t.now - at))::float8 * rate) as calls
		  from fetch_budgets b
		       join unnest($2::text[], $3::float8[], $4::float8[]) with ordinality as a(name, rate, burst, place) using (name),
		       (select coalesce($5::timestamptz, now()) as now) t
		  where rate > 0 or held_until > t.now
		  order by b.name for update of b
		), granted as (
		  select case when count(*) filter (where limited) < (select count(*) from unnest($3::float8[]) as r(rate) where rate > 0)
		                or bool_or(held_until > now) then 0
		              else least($1::int, floor(min(greatest(calls, 0)) filter (where limited)))::int end as n
		  from present
		), taken as (
		  update fetch_budgets b set calls = p.calls - g.n, at = greatest(b.at, p.now)
		  from present p, granted g where b.name = p.name and p.limited
		)
		select g.n, case when p.limited then p.calls - g.n else $6::float8 end, p.held_until, p.place
		from present p, granted g`, want, names, rates, bursts, nullIfZero(now), quota.Unlimited)
	left, granted = make([]quota.BudgetState, len(names)), want
	var calls float64
	var heldUntil *time.Time
	var position, limited int
	for i, rate := range rates {
		if left[i].Calls = quota.Unlimited; rate > 0 {
			limited++
		}
	}
	_, err = pgx.ForEachRow(rows, []any{&granted, &calls, &heldUntil, &position}, func() error {
		left[position-1].Calls = calls
		if rates[position-1] > 0 {
			limited--
		}
		if heldUntil != nil {
			left[position-1].HeldUntil = *heldUntil
		}
		return nil
	})
	return granted, left, limited == 0, err
}

// Hold implements [quota.Store]. A new budget starts empty.
func (b Budgets) Hold(ctx context.Context, name string, until time.Time) error {
	return pg.Exec(ctx, b.Pool, "hold budget "+name, `
		insert into fetch_budgets as b (name, calls, at, held_until) values ($1, 0, $2, $2)
		on conflict (name) do update set held_until = greatest(b.held_until, excluded.held_until)`, name, until)
}
