package vault

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/internal/quota"
)

// Budgets are the quotas that all fetchers share; they implement [quota.Store].
type Budgets struct{ pool *pgxpool.Pool }

// NewBudgets returns the budgets of a pool that [OpenFetching] made.
func NewBudgets(pool *pgxpool.Pool) *Budgets { return &Budgets{pool} }

// Draw implements [quota.Store]. A clock that lags behind another process's adds nothing; without one in
// the draw, PostgreSQL's counts.
func (b *Budgets) Draw(ctx context.Context, d quota.Draw) (quota.Drawn, error) {
	drawn, err := b.draw(ctx, d)
	if err == pgx.ErrNoRows { //nolint:errorlint // pgx returns it bare
		_, err = b.pool.Exec(ctx, `insert into fetch_budgets (name, calls, at) values ($1, $2, coalesce($3, now())) on conflict do nothing`,
			d.Name, d.Burst, nullIfZero(d.Now))
		if err == nil {
			drawn, err = b.draw(ctx, d)
		}
	}
	return drawn, doing(err, "draw from budget %s", d.Name)
}

func (b *Budgets) draw(ctx context.Context, d quota.Draw) (drawn quota.Drawn, err error) {
	var held *time.Time
	err = b.pool.QueryRow(ctx, `
		with present as (
		  select name, held_until, t.now, least($4::float8, calls + greatest(0, extract(epoch from t.now - at))::float8 * $3::float8) as calls
		  from fetch_budgets, (select coalesce($5::timestamptz, now()) as now) t where name = $1 for update of fetch_budgets
		), granted as (
		  select name, held_until, now, calls,
		         case when held_until > now then 0 else least($2::int, floor(greatest(calls, 0)))::int end as n
		  from present
		)
		update fetch_budgets b set calls = g.calls - g.n, at = greatest(b.at, g.now)
		from granted g where b.name = g.name
		returning g.n, b.calls, g.held_until`, d.Name, d.Want, d.Rate, d.Burst, nullIfZero(d.Now)).Scan(&drawn.Granted, &drawn.Left, &held)
	if held != nil {
		drawn.HeldUntil = *held
	}
	return drawn, err
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
