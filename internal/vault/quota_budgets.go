package vault

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/internal/quota"
)

// Budgets stores the quotas that all fetchers share. It implements [quota.Store].
type Budgets struct{ Pool *pgxpool.Pool }

// Take implements [quota.Store]. A process whose clock is behind adds no calls.
func (b Budgets) Take(ctx context.Context, t quota.Take, now time.Time) (quota.Taken, error) {
	taken, err := b.take(ctx, t, now)
	if errors.Is(err, errBudgetMissing) {
		names, rates, bursts, _ := columns(t.From)
		_, err = b.Pool.Exec(ctx, `
			insert into fetch_budgets (name, calls, at) select name, burst, coalesce($4, now())
			from unnest($1::text[], $2::float8[], $3::float8[]) as n(name, rate, burst) where rate > 0
			order by name on conflict do nothing`, names, rates, bursts, nullIfZero(now))
		if err == nil {
			taken, err = b.take(ctx, t, now)
		}
	}
	if err != nil {
		names, _, _, _ := columns(t.From)
		return taken, pg.Wrap("take calls from budgets "+strings.Join(names, ", "), err)
	}
	return taken, nil
}

var errBudgetMissing = errors.New("a budget has no row")

func columns(from []quota.Budget) (names []string, rates, bursts, kept []float64) {
	for _, f := range from {
		names, rates, bursts, kept = append(names, f.Name), append(rates, f.Rate), append(bursts, f.Burst), append(kept, f.Kept)
	}
	return names, rates, bursts, kept
}

// takeCalls takes the calls of a step from all budgets or from none. The row of an unlimited budget
// matters only while the budget is held. In a budget that accounts and posts share, posts leave half
// (least + half, at most a full budget), and then take turns with the accounts: posts that were
// refused are next after each step of the accounts, which leave the calls to them until they have
// tried again.
const takeCalls = `
	with asked as (
	  select * from unnest($1::text[], $2::float8[], $3::float8[], $4::float8[], $5::bool[]) with ordinality
	    as a (name, rate, burst, kept, shared, place)
	), present as (
	  select b.name, a.place, b.held_until, a.rate, a.burst, t.now, a.rate > 0 as limited,
	         a.shared and a.rate > 0 as shared,
	         least(a.burst, greatest(0, a.burst - $8::int), a.kept) as kept,
	         least(greatest(0, a.burst - $8::int), a.burst / 2) as half,
	         b.posts_are_next, coalesce(b.posts_wait_until > t.now, false) as posts_wait,
	         least(a.burst, b.calls + greatest(0, extract(epoch from t.now - b.at))::float8 * a.rate) as calls
	  from fetch_budgets b join asked a using (name), (select coalesce($6::timestamptz, now()) as now) t
	  where a.rate > 0 or b.held_until > t.now
	  order by b.name for update of b
	), needed as (
	  select p.*, case when $9::text = 'posts' and shared and not posts_are_next then greatest(kept, half) else kept end as leaves,
	         $9 = 'accounts' and shared and posts_are_next and posts_wait and calls - $8::int < burst / 2 as yields
	  from present p
	), waiting as (
	  select n.*, case when limited and $8::int + leaves - calls > 1e-6 then ($8::int + leaves - calls) / rate else 0 end as missing,
	         case when limited and $8::int + kept - calls > 1e-6 then ($8::int + kept - calls) / rate else 0 end as least_missing
	  from needed n
	), judged as (
	  select w.*, greatest(coalesce(extract(epoch from held_until - now), 0)::float8,
	           case when yields then greatest(missing, 1) else 0 end,
	           -- after the next step of the accounts, it is the turn of the posts
	           case when missing > least_missing then least(missing, greatest(least_missing, 60)) else missing end, 0) as wait
	  from waiting w
	), granted as (
	  select case when max(wait) > 0 then 0
	              else coalesce(least($7::int, floor(min(calls - leaves + 1e-6) filter (where limited)))::int, $7::int) end as n,
	         count(*) filter (where limited) = (select count(*) from asked where rate > 0) as complete
	  from judged
	), taken as (
	  update fetch_budgets b
	  set calls = j.calls - g.n, at = greatest(b.at, j.now),
	      posts_are_next = case
	        when j.shared and g.n > 0 and $9 = 'accounts' then j.calls - g.n < j.burst / 2
	        when j.shared and g.n > 0 and $9 = 'posts' then false else b.posts_are_next end,
	      posts_wait_until = case
	        when j.shared and $9 = 'posts' and g.n > 0 then null
	        when j.shared and $9 = 'posts' and j.missing > 0 then j.now + make_interval(secs => 60 + 2 * j.wait)
	        else b.posts_wait_until end
	  from judged j, granted g where b.name = j.name and j.limited and g.complete
	)
	select g.n, g.complete, j.place, j.calls - g.n, j.wait, j.limited, coalesce(j.held_until > j.now, false)
	from granted g left join judged j on true`

func (b Budgets) take(ctx context.Context, t quota.Take, now time.Time) (taken quota.Taken, err error) {
	names, rates, bursts, kept := columns(t.From)
	shared := make([]bool, len(t.From))
	for i, f := range t.From {
		shared[i] = f.Shared
	}
	taken.Left = make([]quota.BudgetState, len(t.From))
	for i := range taken.Left {
		taken.Left[i].Calls = quota.Unlimited
	}
	rows, _ := b.Pool.Query(ctx, takeCalls, names, rates, bursts, kept, shared, nullIfZero(now), t.Calls, t.Least, t.Kind)
	complete := true
	var position *int
	var calls, wait *float64
	var limited, held *bool
	_, err = pgx.ForEachRow(rows, []any{&taken.Calls, &complete, &position, &calls, &wait, &limited, &held}, func() error {
		if position == nil { // there are only unlimited budgets
			return nil
		}
		left := &taken.Left[*position-1]
		if left.Held = *held; *wait > 0 {
			left.Wait = time.Duration(*wait * float64(time.Second)).Round(time.Millisecond)
		}
		if left.Wait > 0 && !*held {
			left.Wait += time.Millisecond // not a moment too early
		}
		if *limited {
			left.Calls = *calls
		}
		return nil
	})
	if err == nil && !complete {
		err = errBudgetMissing
	}
	return taken, err
}

// Return implements [quota.Store].
func (b Budgets) Return(ctx context.Context, calls int, to []quota.Budget) error {
	names, rates, bursts, _ := columns(to)
	return pg.Exec(ctx, b.Pool, "return calls to budgets "+strings.Join(names, ", "), `
		with present as (
		  select b.name, a.burst from fetch_budgets b
		  join unnest($1::text[], $2::float8[], $3::float8[]) as a (name, rate, burst) using (name)
		  where a.rate > 0 order by b.name for update of b)
		update fetch_budgets b set calls = least(p.burst, b.calls + $4) from present p where b.name = p.name`,
		names, rates, bursts, calls)
}

// Hold implements [quota.Store]. A new budget starts empty.
func (b Budgets) Hold(ctx context.Context, name string, until time.Time) error {
	return pg.Exec(ctx, b.Pool, "hold budget "+name, `
		insert into fetch_budgets as b (name, calls, at, held_until) values ($1, 0, $2, $2)
		on conflict (name) do update set held_until = greatest(b.held_until, excluded.held_until)`, name, until)
}
