package projectors_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/dev/pgtest"
	"github.com/ledgerboard/ledgerboard/internal/dev/tables"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
)

// accountHistory builds the readings of an account in the order of their arrival.
type accountHistory []fold.Event

// read adds a reading at an hour of March. owner is a client and a member, such as "1a".
func (a *accountHistory) read(id, owner string, hour int, figures ...domain.Figure) *domain.AccountRead {
	read := &domain.AccountRead{
		Tenant: domain.Tenant{
			ParentAccount: agencyA, AccountID: "c" + owner[:1] + "0000000000000000000000", MemberID: int64(owner[1]), SocialAccount: 11,
		},
		Platform: domain.Facebook, CapturedAt: time.Date(2026, 3, 1, hour, 0, 0, 0, time.UTC), Figures: figures,
	}
	*a = append(*a, ledgertest.Event(id, *read))
	return read
}

func (a *accountHistory) backfill(id, owner string, hour int, figures ...domain.Figure) {
	read := *a.read(id, owner, hour, figures...)
	read.Backfilled = true
	(*a)[len(*a)-1] = ledgertest.Event(id, read)
}

func (a *accountHistory) erase(hour int) {
	*a = append(*a, ledgertest.Event("x", domain.AccountErased{
		ParentAccount: agencyA, SocialAccount: 11, Platform: domain.Facebook, ErasedAt: time.Date(2026, 3, 1, hour, 0, 0, 0, time.UTC),
	}))
}

func followers(n int64) domain.Figure {
	return domain.Figure{Name: domain.MetricFollowers, Kind: domain.Stock, Value: n, Source: "followers_count"}
}

func viewsOf(day string, n int64) domain.Figure {
	return domain.Figure{Name: domain.MetricViews, Kind: domain.DayFlow, Value: n, Source: "page_media_view", Day: day}
}

// The days of accounts whose readings arrive late, whose page changes owner, and that are erased, for
// every division into batches and in a build.
func TestAccountGainsWithLateReadingsAndOwnerChanges(t *testing.T) {
	t.Parallel()
	day := func(n int) int { return 24 * (n - 1) }
	const label = "2026-03-01"
	for name, c := range map[string]struct {
		events func(*accountHistory)
		days   []string // day, owner, running gain and number of gains, value, then what is noted
		labels []string // day, owner, value
	}{
		"a late reading of the client": {events: func(h *accountHistory) {
			h.read("a", "1a", 8, followers(100))
			h.read("b", "1b", 10, followers(130))
			h.read("late", "1a", 9, followers(110))
		}, days: []string{"01 1a 10/1 110 baseline", "01 1b 20/1 130"}},
		"a late reading of another client": {events: func(h *accountHistory) {
			h.read("a", "1a", 8, followers(100))
			h.read("b", "1b", 10, followers(130))
			h.read("late", "2a", 9, followers(110))
		}, days: []string{"01 1a 0/0 100 baseline", "01 1b 0/0 130 baseline", "01 2a 0/0 110 baseline"}},
		"a late reading before one without the figure": {events: func(h *accountHistory) {
			h.read("a", "1a", 8, followers(100))
			h.read("b", "1b", 10, viewsOf(label, 1))
			h.read("c", "1b", day(3), followers(130))
			h.read("late", "1a", 9, followers(110))
		}, days: []string{"01 1a 10/1 110 baseline", "03 1b 20/1 130"}, labels: []string{"01 1b 1"}},
		"later days follow a late reading": {events: func(h *accountHistory) {
			h.read("b", "1a", day(2), followers(130))
			h.read("c", "1a", day(4), followers(140))
			h.read("d", "1a", day(6), followers(160))
			h.read("late", "1a", day(1), followers(100))
		}, days: []string{"01 1a 0/0 100 baseline", "02 1a 30/1 130", "04 1a 40/2 140", "06 1a 60/3 160"}},
		"a pause without a change": {events: func(h *accountHistory) {
			h.read("a", "1a", day(1), followers(51202))
			h.read("b", "1a", day(20), followers(51202))
			h.read("c", "1a", day(60), followers(51202))
		}, days: []string{"01 1a 0/0 51202 baseline", "20 1a 0/1 51202", "29 1a 0/2 51202 gap"}}, // April 29
		"a label keeps the value of a reading that loses its instant": {events: func(h *accountHistory) {
			h.read("b", "1a", 10, followers(1), viewsOf(label, 7))
			h.read("a", "2a", 10, followers(2))
			h.read("c", "2a", 11, viewsOf("2026-03-02", 3))
		}, days: []string{"01 2a 0/0 2 baseline"}, labels: []string{"01 1a 7", "02 2a 3"}},
		"captures of a label that are backfilled, and one that is not": {events: func(h *accountHistory) {
			h.backfill("b", "2a", 30, viewsOf(label, 5))
			h.backfill("a", "1a", 26, viewsOf(label, 4))
			h.read("c", "1b", 40, viewsOf(label, 6))
			h.backfill("d", "2a", 50, viewsOf(label, 7), viewsOf("2026-02-28", 1))
		}, labels: []string{"28 2a 1", "01 1b 7"}},
		"away and back; a counter that falls; a figure that is absent for a while": {events: func(h *accountHistory) {
			h.read("a", "1a", day(1), followers(100))
			h.read("b", "2a", day(2), followers(120))
			h.read("c", "2a", day(3), followers(115))
			h.read("d", "1a", day(4))
			h.read("e", "1b", day(5), followers(140))
			h.read("f", "1a", day(6), followers(150))
		}, days: []string{
			"01 1a 0/0 100 baseline", "02 2a 0/0 120 baseline", "03 2a -5/1 115", "05 1b 0/0 140 baseline", "06 1a 10/1 150",
		}},
		"away and back within a day": {events: func(h *accountHistory) {
			h.read("a", "1a", 1, followers(100))
			h.read("b", "1a", 2, followers(107))
			h.read("c", "2a", 3, followers(120))
			h.read("d", "1a", 4, followers(130))
		}, days: []string{"01 1a 7/1 130 baseline", "01 2a 0/0 120 baseline"}},
		"an erasure in the middle": {events: func(h *accountHistory) {
			h.read("a", "1a", day(1), followers(100), viewsOf(label, 9))
			h.read("b", "1a", day(3), followers(120))
			h.erase(day(2))
			h.read("c", "1a", day(1)+5, followers(90))
			h.read("d", "1a", day(4), followers(150))
			h.read("e", "1a", day(5), followers(160))
		}, days: []string{"04 1a 0/0 150 baseline", "05 1a 10/1 160"}},
		"a reading that replaces one of another client": {events: func(h *accountHistory) {
			h.read("a", "1a", day(1), followers(100))
			h.read("d", "2a", day(2), followers(110))
			h.read("e", "1a", day(3), followers(120))
			h.read("b", "1b", day(2), followers(112))
		}, days: []string{"01 1a 0/0 100 baseline", "02 1b 12/1 112", "03 1a 8/1 120"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := pgtest.New(t)
			var h accountHistory
			c.events(&h)
			var want []string
			check := func(batches [][]fold.Event, how string, folded func(require.TestingT, *pgtest.DB, fold.Projector, ...[]fold.Event)) {
				got := tablesAfter(t, db, projectors.AccountInsights, projectors.AccountInsights.Tables, folded, batches)
				if want == nil {
					want = got
				}
				require.Equal(t, want, got, how)
				require.Equal(t, append([]string{}, c.days...), ledgertest.Column[string](t, db.Pool, `
					select format('%s %s%s %s/%s %s', to_char(day, 'DD'), substring(account_id, 2, 1), chr(member_id::integer), total, gains, last_value)
					  || case when baseline_at is not null then ' baseline' else '' end || case when gap_since is not null then ' gap' else '' end
					from account_days d join figure_owners o on o.id = d.owner order by day, account_id, member_id`), how)
				require.Equal(t, append([]string{}, c.labels...), ledgertest.Column[string](t, db.Pool, `
					select format('%s %s%s %s', to_char(day, 'DD'), substring(account_id, 2, 1), chr(member_id::integer), value)
					from day_figures d join figure_owners o on o.id = d.owner order by day`), how)
				require.Empty(t, ledgertest.Column[string](t, db.Pool, `
					select format('%s %s', day, q.total) from account_days d
					cross join lateral (select total, gains from account_quarters q where q.owner = d.owner and q.figure = d.figure
						and q.quarter >= d.day and q.quarter < d.day + 1 order by quarter desc limit 1) q
					left join lateral (select total from account_days b where b.owner = d.owner and b.figure = d.figure and b.day < d.day
						order by b.day desc limit 1) b on true
					where d.total <> coalesce(b.total, 0) + q.total or d.gained is distinct from case when q.gains > 0 then q.total end`),
					"the quarters of a day add up to it")
			}
			eachCut(h, func(batches [][]fold.Event) { check(batches, fmt.Sprint("cut into ", len(batches)), ledgertest.Fold) })
			check([][]fold.Event{h}, "built", foldBulk)
		})
	}
}

// The days of late readings are deleted by key, regardless of the planner's statistics.
func TestDaysOfLateReadingsAreDeletedByKey(t *testing.T) {
	t.Parallel()
	const pages, days = 200, 20
	day := func(version string, n, hour int) (events []fold.Event) {
		for page := range pages {
			var history accountHistory
			read := history.read("", "1a", 24*n+hour, followers(int64(n+1)))
			read.SocialAccount = int64(page + 1)
			events = append(events, ledgertest.Event(fmt.Sprintf("e-%d-%d-%s", page, n, version), *read))
		}
		return events
	}
	db := pgtest.New(t)
	for _, table := range []string{"account_days", "account_quarters", "figure_owners"} {
		_, err := db.Pool.Exec(t.Context(), "alter table "+table+" set (autovacuum_enabled = false)")
		require.NoError(t, err)
	}
	for n := range days {
		ledgertest.Fold(t, db, projectors.AccountInsights, day("stored", n, 12))
	}
	pool, statements := pgtest.Traced(t, db.Pool)
	require.NoError(t, tables.Fold(t.Context(), pool, projectors.AccountInsights, day("late", days/2, 6)))
	deletes := slices.DeleteFunc(statements.Take(), func(s pgtest.Statement) bool {
		return !strings.Contains(s.SQL, "delete from account_days") && !strings.Contains(s.SQL, "delete from account_quarters")
	})
	require.Len(t, deletes, 2)
	pgtest.EachPlan(t, db.Pool, "account_days, account_quarters, figure_owners", deletes, func(how string, nodes []pgtest.PlanNode) {
		for _, node := range nodes {
			rows := node.Number("Actual Loops") * max(1, node.Number("Actual Rows")+node.Number("Rows Removed by Join Filter"))
			// The day of a late reading and the next one are written again.
			require.LessOrEqual(t, rows, float64(2*pages*len(domain.AccountFigures())), "%s: %v", how, node)
		}
	})
}
