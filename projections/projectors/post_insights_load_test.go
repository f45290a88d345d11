package projectors_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/dev/pgtest"
	"github.com/ledgerboard/ledgerboard/internal/dev/tables"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
)

// Planning over all months takes longer than the rest of a batch. The test detects planned tables
// by their locks.
func TestReadingsInOrderQueryNoMonths(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	at := func(hour int) fold.Event { return ledgertest.Event(fmt.Sprintf("e%02d", hour), daily(hour, 1)) }
	ledgertest.Fold(t, db, projectors.PostInsights, []fold.Event{at(30)})
	locked := func(events ...fold.Event) (locks int) {
		err := pgx.BeginFunc(t.Context(), db.Pool, func(tx pgx.Tx) error {
			if err := tables.Load(t.Context(), tx, projectors.PostInsights.Begin(1), events); err != nil {
				return err
			}
			return tx.QueryRow(context.Background(), `
				select count(*) from pg_locks l join pg_class c on c.oid = l.relation
				where l.pid = pg_backend_pid() and starts_with(c.relname, 'tspostinsights')`).Scan(&locks)
		})
		require.NoError(t, err)
		return locks
	}
	require.Zero(t, locked(at(31)), "later on the same day")
	require.Zero(t, locked(at(50), at(75)), "on later days")
	require.NotZero(t, locked(at(29)), "earlier on the same day")
	require.NotZero(t, locked(at(30)), "once more")
	require.NotZero(t, locked(at(2)), "on an earlier day")
}

// The row of a month does not depend on how many days a batch adds.
func TestDaysOfAMonthInAnyNumber(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	var days []fold.Event
	for n := range 31 {
		days = append(days, ledgertest.Event(fmt.Sprintf("e%02d", n), daily(24*n, int64(100+n*n))))
		if n%5 == 3 { // a day without a known gain
			read := days[n].Data.(domain.PostRead)
			read.Likes = nil
			days[n].Data = read
		}
	}
	one := foldedBy(t, db, days, 1)
	for _, sizes := range [][]int{{len(days)}, {2}, {1, 3, 7}, {11, 20}} {
		require.Equal(t, one, foldedBy(t, db, days, sizes...), sizes)
	}
}

// daily is a reading the given number of hours after the beginning of a month of 31 days.
func daily(hour int, likes int64) domain.PostRead {
	return domain.PostRead{
		Tenant:   domain.Tenant{ParentAccount: agencyA, AccountID: client1, MemberID: 7, SocialAccount: 11},
		Platform: domain.TikTok, ExternalID: "p", CapturedAt: time.Date(2026, 10, 1, hour, 0, 0, 0, time.UTC),
		GrowthEligible: true, GrowthWindow: "168h0m0s", SubscriptionActive: true, Counts: domain.Counts{Likes: &likes, Views: &likes},
	}
}

// everyTwelveHours returns two readings a day of each post; the id of each ends in version.
func everyTwelveHours(posts, days int, after time.Duration, version string) (events []fold.Event) {
	for n := range 2 * days {
		for p := range posts {
			read := daily(0, int64(n))
			read.SocialAccount, read.ExternalID = int64(p%9+1), fmt.Sprintf("p%d", p)
			read.CapturedAt = read.CapturedAt.Add(time.Duration(n)*12*time.Hour + after)
			events = append(events, ledgertest.Event(fmt.Sprintf("e-%d-%d-%s", p, n, version), read))
		}
	}
	return events
}

// followingLate is a part of the statement that reads the readings after late ones.
const followingLate = "greatest("

// lookUps returns the statements with followingLate that loading events sends.
func lookUps(t *testing.T, db *pgtest.DB, events []fold.Event) []pgtest.Statement {
	t.Helper()
	pool, statements := pgtest.Traced(t, db.Pool)
	require.NoError(t, pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
		return tables.Load(t.Context(), tx, projectors.PostInsights.Begin(1), events)
	}))
	return slices.DeleteFunc(statements.Take(), func(s pgtest.Statement) bool { return !strings.Contains(s.SQL, followingLate) })
}

// Late readings are looked up once, by key, regardless of the planner's statistics.
func TestReadingsAfterLateOnesAreReadByKey(t *testing.T) {
	t.Parallel()
	const posts, days = 200, 20
	db := pgtest.New(t)
	_, err := db.Pool.Exec(t.Context(), "alter table tSPostInsights_rest set (autovacuum_enabled = false)")
	require.NoError(t, err)
	ledgertest.Fold(t, db, projectors.PostInsights, everyTwelveHours(posts, days, 0, "stored"))
	late := everyTwelveHours(posts, days/4, 13*time.Hour, "late")
	statements := lookUps(t, db, late)
	require.Len(t, statements, 1)
	for _, known := range []string{"nothing", "all"} {
		if known == "all" {
			_, err := db.Pool.Exec(t.Context(), "analyze tSPostInsights")
			require.NoError(t, err)
		}
		for _, mode := range []string{"force_custom_plan", "force_generic_plan"} {
			scans := 0
			for _, node := range pgtest.Plan(t, db.Pool, mode, statements[0]) {
				if strings.HasPrefix(node.Text("Relation Name"), "tspostinsights") {
					scans++
					require.Contains(t, node.Text("Index Cond")+node.Text("Recheck Cond"), "captured_at >= ", "%s is known, %s: %v", known, mode, node)
					require.LessOrEqual(t, node.Number("Actual Loops"), float64(len(late)), "%s is known, %s: %v", known, mode, node)
				}
			}
			require.Positive(t, scans)
		}
	}
}

// A log that was imported twice has readings twice: the second ones change nothing and cause no
// reads.
func TestNothingIsReadAfterUnchangedReadings(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	stored := everyTwelveHours(3, 10, 0, "m")
	ledgertest.Fold(t, db, projectors.PostInsights, stored)
	require.Empty(t, lookUps(t, db, stored), "the same")
	require.Empty(t, lookUps(t, db, everyTwelveHours(3, 5, 0, "z")), "other readings of the same instants, with greater ids")
	require.NotEmpty(t, lookUps(t, db, everyTwelveHours(3, 5, 0, "a")), "with smaller ids")
	require.NotEmpty(t, lookUps(t, db, everyTwelveHours(3, 5, 13*time.Hour, "z")), "of other instants")
}

// A whole month of a post with the longest id is stored uncompressed and inline: otherwise each
// ranking would decompress thousands of rows.
func TestAWholeMonthOfAPostIsNotCompressed(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	const days, figures = 31, 7
	_, err := db.Pool.Exec(context.Background(), `
		insert into post_months (social_account_id, member_id, month, p_id, external_id, parent_account, account_id, days, gained, partial_days,
			likes_days, comments_days, shares_days, views_days, impressions_days, clicks_days, saves_days)
		select 1, 1, '2026-10-01', 1, repeat('7', 255), $2, $2, array(select generate_series(1, $1::integer)::smallint),
		       array_fill(0::bigint, array[$3::integer * $1]), 0, 0, 0, 0, 0, 0, 0, 0`, days, agencyA, figures)
	require.NoError(t, err)
	var size int
	require.NoError(t, db.Pool.QueryRow(context.Background(), `select pg_column_size(gained) from post_months`).Scan(&size))
	require.GreaterOrEqual(t, size, 8*figures*days, "zeros would compress to nearly nothing")
}
