package projectors_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/foldtest"
	"github.com/ledgerboard/ledgerboard/internal/pg/pgtest"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
)

// Planning over all months takes longer than the rest of a batch. The test detects planned tables
// by their locks.
func TestReadingsInOrderQueryNoMonths(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	at := func(hour int) fold.Event { return foldtest.Event(fmt.Sprintf("e%02d", hour), daily(hour, 1)) }
	foldtest.Batches(t, db, projectors.PostInsights, [][]fold.Event{{at(30)}})
	locked := func(events ...fold.Event) (locks int) {
		err := pgx.BeginFunc(t.Context(), db.Pool, func(tx pgx.Tx) error {
			if err := fold.LoadAll(t.Context(), tx, projectors.PostInsights.Begin(1), events); err != nil {
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
		days = append(days, foldtest.Event(fmt.Sprintf("e%02d", n), daily(24*n, int64(100+n*n))))
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
			events = append(events, foldtest.Event(fmt.Sprintf("e-%d-%d-%s", p, n, version), read))
		}
	}
	return events
}

// followingLate is a part of the statement that reads the readings after late ones.
const followingLate = "greatest("

// lookUps returns the statements with followingLate that loading events sends, with their
// arguments.
func lookUps(t *testing.T, db *pgtest.DB, events []fold.Event) (found []pgx.TraceQueryStartData) {
	t.Helper()
	noted := &notedStatements{}
	config := db.Pool.Config()
	config.ConnConfig.Tracer = noted
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	defer pool.Close()
	err = pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
		return fold.LoadAll(t.Context(), tx, projectors.PostInsights.Begin(1), events)
	})
	require.NoError(t, err)
	for _, s := range noted.statements {
		if strings.Contains(s.SQL, followingLate) {
			found = append(found, s)
		}
	}
	return found
}

type notedStatements struct{ statements []pgx.TraceQueryStartData }

func (n *notedStatements) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	n.statements = append(n.statements, data)
	return ctx
}

func (*notedStatements) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// Late readings are looked up once, by key, regardless of the planner's statistics.
func TestReadingsAfterLateOnesAreReadByKey(t *testing.T) {
	t.Parallel()
	const posts, days = 200, 20
	db := pgtest.New(t)
	_, err := db.Pool.Exec(t.Context(), "alter table tSPostInsights_rest set (autovacuum_enabled = false)")
	require.NoError(t, err)
	foldtest.Batches(t, db, projectors.PostInsights, [][]fold.Event{everyTwelveHours(posts, days, 0, "stored")})
	late := everyTwelveHours(posts, days/4, 13*time.Hour, "late")
	statements := lookUps(t, db, late)
	require.Len(t, statements, 1)
	for _, known := range []string{"nothing", "all"} {
		if known == "all" {
			_, err := db.Pool.Exec(t.Context(), "analyze tSPostInsights")
			require.NoError(t, err)
		}
		for _, mode := range []string{"force_custom_plan", "force_generic_plan"} {
			plan := planOf(t, db, mode, statements[0])
			for _, scan := range scansOf(t, db, plan) {
				require.Contains(t, scan.Condition, "captured_at >= ", "%s is known, %s:\n%s", known, mode, plan)
				require.LessOrEqual(t, scan.Loops, float64(len(late)), "%s is known, %s:\n%s", known, mode, plan)
			}
		}
	}
}

// A log that was imported twice has readings twice: the second ones change nothing and cause no
// reads.
func TestNothingIsReadAfterUnchangedReadings(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	stored := everyTwelveHours(3, 10, 0, "m")
	foldtest.Batches(t, db, projectors.PostInsights, [][]fold.Event{stored})
	require.Empty(t, lookUps(t, db, stored), "the same")
	require.Empty(t, lookUps(t, db, everyTwelveHours(3, 5, 0, "z")), "other readings of the same instants, with greater ids")
	require.NotEmpty(t, lookUps(t, db, everyTwelveHours(3, 5, 0, "a")), "with smaller ids")
	require.NotEmpty(t, lookUps(t, db, everyTwelveHours(3, 5, 13*time.Hour, "z")), "of other instants")
}

// planOf runs a statement with the plan of a mode of the server's cache, and returns the executed
// plan.
func planOf(t *testing.T, db *pgtest.DB, mode string, s pgx.TraceQueryStartData) (plan string) {
	t.Helper()
	conn, err := pgx.ConnectConfig(t.Context(), db.Pool.Config().ConnConfig)
	require.NoError(t, err)
	defer conn.Close(context.WithoutCancel(t.Context()))
	_, err = conn.Exec(t.Context(), "set plan_cache_mode = "+mode)
	require.NoError(t, err)
	statements, err := conn.Prepare(t.Context(), "asked", s.SQL)
	require.NoError(t, err)
	args := make([]string, len(s.Args))
	for i, oid := range statements.ParamOIDs {
		text, err := conn.TypeMap().Encode(oid, pgtype.TextFormatCode, s.Args[i], nil)
		require.NoError(t, err)
		args[i] = "'" + strings.ReplaceAll(string(text), "'", "''") + "'"
	}
	sql := "explain (analyze, format json) execute asked(" + strings.Join(args, ", ") + ")"
	err = conn.QueryRow(t.Context(), sql, pgx.QueryExecModeSimpleProtocol).Scan(&plan)
	require.NoError(t, err)
	return plan
}

// scan is a node of a plan that reads readings.
type scan struct {
	Condition string
	Loops     float64
}

// scansOf returns the scans of a plan.
func scansOf(t *testing.T, db *pgtest.DB, plan string) []scan {
	t.Helper()
	scans := collect[scan](t, db, `
		select concat(s->>'Index Cond', s->>'Recheck Cond'), (s->>'Actual Loops')::float
		from jsonb_path_query($1, 'strict $.** ? (@."Relation Name" starts with "tspostinsights")') s`, plan)
	require.NotEmpty(t, scans, plan)
	return scans
}
