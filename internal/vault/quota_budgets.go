package vault

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg"
)

// Budgets stores the quotas that all fetchers share.
type Budgets struct{ Pool *pgxpool.Pool }

// Take takes calls from all budgets or from none. A process whose clock is behind adds no calls.
func (b Budgets) Take(ctx context.Context, t domain.BudgetTake, now time.Time) (domain.BudgetTaken, error) {
	taken, err := b.take(ctx, t, now)
	if errors.Is(err, errBudgetMissing) {
		_, err = b.Pool.Exec(ctx, `
			insert into fetch_budgets (name, calls, at) select name, burst, coalesce($2, now())
			from jsonb_to_recordset($1) as n(name text, rate float8, burst float8) where rate > 0
			order by name on conflict do nothing`, rowsOf(t.From), nullIfZero(now))
		if err == nil {
			taken, err = b.take(ctx, t, now)
		}
	}
	return taken, pg.Wrap("take calls from budgets "+namesOf(t.From), err)
}

var errBudgetMissing = errors.New("a budget has no row")

// budgetRow is a [domain.Budget] as it is sent to the database, at its place in a list.
type budgetRow struct {
	Place  int     `json:"place"`
	Name   string  `json:"name"`
	Rate   float64 `json:"rate"`
	Burst  float64 `json:"burst"`
	Kept   float64 `json:"kept"`
	Shared bool    `json:"shared"`
}

func rowsOf(budgets []domain.Budget) []budgetRow {
	rows := make([]budgetRow, len(budgets))
	for i, b := range budgets {
		rows[i] = budgetRow{i, b.Name, b.Rate, b.Burst, b.Kept, b.Shared}
	}
	return rows
}

func namesOf(budgets []domain.Budget) string {
	names := make([]string, len(budgets))
	for i, b := range budgets {
		names[i] = b.Name
	}
	return strings.Join(names, ", ")
}

// takeCalls takes the calls of a step from all budgets or from none. The row of an unlimited budget
// matters only while the budget is held. In a budget that accounts and posts share, posts leave half
// (least + half, at most a full budget), and then take turns with the accounts: posts that were
// refused are next after each step of the accounts, which leave the calls to them until they have
// tried again.
const takeCalls = `
	with asked as (
	  select * from jsonb_to_recordset($1) as a (place int, name text, rate float8, burst float8, kept float8, shared bool)
	), present as (
	  select b.name, a.place, b.held_until, a.rate, a.burst, t.now, a.rate > 0 as limited,
	         a.shared and a.rate > 0 as shared,
	         least(a.burst, greatest(0, a.burst - $4::int), a.kept) as kept,
	         least(greatest(0, a.burst - $4::int), a.burst / 2) as half,
	         b.posts_are_next, coalesce(b.posts_wait_until > t.now, false) as posts_wait,
	         least(a.burst, b.calls + greatest(0, extract(epoch from t.now - b.at))::float8 * a.rate) as calls
	  from fetch_budgets b join asked a using (name), (select coalesce($2::timestamptz, now()) as now) t
	  where a.rate > 0 or b.held_until > t.now
	  order by b.name for update of b
	), needed as (
	  select p.*, case when $5::text = 'posts' and shared and not posts_are_next then greatest(kept, half) else kept end as leaves,
	         $5 = 'accounts' and shared and posts_are_next and posts_wait and calls - $4::int < burst / 2 as yields
	  from present p
	), waiting as (
	  select n.*, case when limited and $4::int + leaves - calls > 1e-6 then ($4::int + leaves - calls) / rate else 0 end as missing,
	         case when limited and $4::int + kept - calls > 1e-6 then ($4::int + kept - calls) / rate else 0 end as least_missing
	  from needed n
	), judged as (
	  select w.*, greatest(coalesce(extract(epoch from held_until - now), 0)::float8,
	           case when yields then greatest(missing, 1) else 0 end,
	           -- after the next step of the accounts, it is the turn of the posts
	           case when missing > least_missing then least(missing, greatest(least_missing, 60)) else missing end, 0) as wait
	  from waiting w
	), granted as (
	  select case when max(wait) > 0 then 0
	              else coalesce(least($3::int, floor(min(calls - leaves + 1e-6) filter (where limited)))::int, $3::int) end as n,
	         count(*) filter (where limited) = (select count(*) from asked where rate > 0) as complete
	  from judged
	), taken as (
	  update fetch_budgets b
	  set calls = j.calls - g.n, at = greatest(b.at, j.now),
	      posts_are_next = case
	        when j.shared and g.n > 0 and $5 = 'accounts' then j.calls - g.n < j.burst / 2
	        when j.shared and g.n > 0 and $5 = 'posts' then false else b.posts_are_next end,
	      posts_wait_until = case
	        when j.shared and $5 = 'posts' and g.n > 0 then null
	        when j.shared and $5 = 'posts' and j.missing > 0 then j.now + make_interval(secs => 60 + 2 * j.wait)
	        else b.posts_wait_until end
	  from judged j, granted g where b.name = j.name and j.limited and g.complete
	)
	select g.n, g.complete, j.place, j.calls - g.n, j.wait, coalesce(j.held_until > j.now, false)
	from granted g left join judged j on true`

func (b Budgets) take(ctx context.Context, t domain.BudgetTake, now time.Time) (taken domain.BudgetTaken, err error) {
	taken.Left = make([]domain.BudgetState, len(t.From))
	rows, _ := b.Pool.Query(ctx, takeCalls, rowsOf(t.From), nullIfZero(now), t.Calls, t.Least, t.Kind)
	complete := true
	var position *int
	var calls, wait *float64
	var held *bool
	_, err = pgx.ForEachRow(rows, []any{&taken.Calls, &complete, &position, &calls, &wait, &held}, func() error {
		if position == nil { // there are only unlimited budgets
			return nil
		}
		left := &taken.Left[*position]
		if left.Calls, left.Held = *calls, *held; *wait > 0 {
			left.Wait = time.Duration(*wait * float64(time.Second)).Round(time.Millisecond)
		}
		if *wait > 0 && (!*held || left.Wait == 0) {
			left.Wait += time.Millisecond // not a moment too early
		}
		return nil
	})
	if err == nil && !complete {
		err = errBudgetMissing
	}
	return taken, err
}

// Return returns calls that were taken and not made.
func (b Budgets) Return(ctx context.Context, unused []domain.BudgetTake) error {
	type returned struct {
		Name  string  `json:"name"`
		Calls int     `json:"calls"`
		Burst float64 `json:"burst"`
	}
	var to []returned
	for _, t := range unused {
		for _, budget := range t.From {
			if budget.Rate > 0 {
				to = append(to, returned{budget.Name, t.Calls, budget.Burst})
			}
		}
	}
	return pg.Exec(ctx, b.Pool, fmt.Sprintf("return calls of %d readings to their budgets", len(unused)), `
		with present as (
		  select b.name, r.calls, r.burst from fetch_budgets b
		  join (select name, sum(calls) as calls, max(burst) as burst
		        from jsonb_to_recordset($1) as r (name text, calls int, burst float8) group by name) r using (name)
		  order by b.name for update of b)
		update fetch_budgets b set calls = least(p.burst, b.calls + p.calls) from present p where b.name = p.name`, to)
}

// Hold closes a budget until the given time, unless it is already closed for longer. A new budget
// starts empty.
func (b Budgets) Hold(ctx context.Context, name string, until time.Time) error {
	return pg.Exec(ctx, b.Pool, "hold budget "+name, `
		insert into fetch_budgets as b (name, calls, at, held_until) values ($1, 0, $2, $2)
		on conflict (name) do update set held_until = greatest(b.held_until, excluded.held_until)`, name, until)
}
