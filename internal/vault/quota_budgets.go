package vault

import (
	"context"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/internal/quota"
)

// Budgets are the quotas that all fetchers share; they implement [quota.Store].
type Budgets struct{ pool *pgxpool.Pool }

// NewBudgets returns the budgets of a pool that [OpenFetching] made.
func NewBudgets(pool *pgxpool.Pool) *Budgets { return &Budgets{pool} }

// Draw implements [quota.Store]. A clock that lags behind another process's adds nothing.
func (b *Budgets) Draw(ctx context.Context, want int, from []quota.Budget, now time.Time) (granted int, left []quota.Left, err error) {
	names, rates, bursts := make([]string, len(from)), make([]float64, len(from)), make([]float64, len(from))
	for i, f := range from {
		names[i], rates[i], bursts[i] = f.Name, f.Rate, f.Burst
	}
	granted, left, err = b.draw(ctx, want, names, rates, bursts, now)
	if err == nil && len(left) < len(from) {
		_, err = b.pool.Exec(ctx, `
			insert into fetch_budgets (name, calls, at) select name, burst, coalesce($3, now()) from unnest($1::text[], $2::float8[]) as n(name, burst)
			order by name on conflict do nothing`, names, bursts, nullIfZero(now))
		if err == nil {
			granted, left, err = b.draw(ctx, want, names, rates, bursts, now)
		}
	}
	return granted, left, doing(err, "draw from budgets %s", strings.Join(names, ", "))
}

// draw takes nothing while a budget is missing. The budgets are locked in the order of their names.
func (b *Budgets) draw(
	ctx context.Context, want int, names []string, rates, bursts []float64, now time.Time,
) (granted int, left []quota.Left, err error) {
	rows, _ := b.pool.Query(ctx, `
		with present as (
		  select b.name, held_until, t.now, least(burst, calls + greatest(0, extract(epoch from t.now - at))::float8 * rate) as calls
		  from fetch_budgets b join unnest($2::text[], $3::float8[], $4::float8[]) as a(name, rate, burst) using (name),
		       (select coalesce($5::timestamptz, now()) as now) t
		  order by b.name for update of b
		), granted as (
		  select case when count(*) < cardinality($2) or bool_or(held_until > now) then 0
		              else least($1::int, floor(greatest(min(calls), 0)))::int end as n
		  from present
		)
		update fetch_budgets b set calls = p.calls - g.n, at = greatest(b.at, p.now)
		from present p, granted g where b.name = p.name
		returning g.n, b.calls, b.held_until, array_position($2, b.name)`, want, names, rates, bursts, nullIfZero(now))
	left = make([]quota.Left, len(names))
	var calls float64
	var held *time.Time
	var place, present int
	_, err = pgx.ForEachRow(rows, []any{&granted, &calls, &held, &place}, func() error {
		left[place-1].Calls, present = calls, present+1
		if held != nil {
			left[place-1].HeldUntil = *held
		}
		return nil
	})
	return granted, left[:present], err
}

// Hold implements [quota.Store]. A budget that was never drawn from begins empty: the platform has just
// said that it is.
func (b *Budgets) Hold(ctx context.Context, name string, until time.Time) error {
	_, err := b.pool.Exec(ctx, `
		insert into fetch_budgets as b (name, calls, at, held_until) values ($1, 0, $2, $2)
		on conflict (name) do update set held_until = greatest(b.held_until, excluded.held_until)`, name, until)
	return doing(err, "hold budget %s", name)
}

// Holds implements [quota.Store].
func (b *Budgets) Holds(ctx context.Context, now time.Time) (map[string]time.Time, error) {
	rows, _ := b.pool.Query(ctx, `select name, held_until from fetch_budgets where held_until > $1`, now)
	holds := map[string]time.Time{}
	var name string
	var until time.Time
	_, err := pgx.ForEachRow(rows, []any{&name, &until}, func() error {
		holds[name] = until
		return nil
	})
	return holds, doing(err, "read holds of budgets")
}
