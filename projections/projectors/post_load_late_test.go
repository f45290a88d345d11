package projectors_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/dev/foldtest"
	"github.com/ledgerboard/ledgerboard/internal/pg/pgtest"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
)

// everyTwelveHours are readings of so many posts, two a day of each: the id of each ends in version.
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

// followingLate is a part of the statement that reads what follows late readings.
const followingLate = "greatest("

// lookUps are the statements with followingLate that loading events sends, with their arguments.
func lookUps(t *testing.T, db *pgtest.DB, events []fold.Event) (found []pgx.TraceQueryStartData) {
	t.Helper()
	noted := &notedStatements{}
	config := db.Pool.Config()
	config.ConnConfig.Tracer = noted
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	defer pool.Close()
	err = pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
		return fold.LoadAll(t.Context(), tx, projectors.PostInsights{}.Begin(1), events)
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

// Where many late readings come at once, the effect of each is looked up once, and what follows is read by the key: whatever the planner
// knows of the tables, and whether it knows how many readings there are or not.
func TestWhatFollowsLateReadingsIsReadByTheKey(t *testing.T) {
	t.Parallel()
	const posts, days = 200, 20
	db := pgtest.New(t)
	_, err := db.Pool.Exec(t.Context(), "alter table tSPostInsights_rest set (autovacuum_enabled = false)")
	require.NoError(t, err)
	foldtest.Batches(t, db, projectors.PostInsights{}, [][]fold.Event{everyTwelveHours(posts, days, 0, "stored")})
	late := everyTwelveHours(posts, days/4, 13*time.Hour, "late")
	asked := lookUps(t, db, late)
	require.Len(t, asked, 1)
	for _, known := range []string{"nothing", "all"} {
		if known == "all" {
			_, err := db.Pool.Exec(t.Context(), "analyze tSPostInsights")
			require.NoError(t, err)
		}
		for _, mode := range []string{"force_custom_plan", "force_generic_plan"} {
			eachScan(t, planOf(t, db, mode, asked[0]), func(plan string, scan map[string]any) {
				condition := fmt.Sprint(scan["Index Cond"], scan["Recheck Cond"])
				require.Contains(t, condition, "captured_at >= ", "%s is known, %s:\n%s", known, mode, plan)
				loops, _ := scan["Actual Loops"].(float64)
				require.LessOrEqual(t, loops, float64(len(late)), "%s is known, %s:\n%s", known, mode, plan)
			})
		}
	}
}

// A reading that is in the log twice, because a start was killed while it filled the log and the next one began again, changes
// nothing: what follows it is not read. What takes the place of the stored one of its instant does change it.
func TestNothingIsReadBehindReadingsThatStay(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	stored := everyTwelveHours(3, 10, 0, "m")
	foldtest.Batches(t, db, projectors.PostInsights{}, [][]fold.Event{stored})
	require.Empty(t, lookUps(t, db, stored), "the same")
	require.Empty(t, lookUps(t, db, everyTwelveHours(3, 5, 0, "z")), "others of the same instants, with greater ids")
	require.NotEmpty(t, lookUps(t, db, everyTwelveHours(3, 5, 0, "a")), "with smaller ids")
	require.NotEmpty(t, lookUps(t, db, everyTwelveHours(3, 5, 13*time.Hour, "z")), "of other instants")
}

// planOf runs a statement by the plan that a mode of the server's cache makes, and returns that plan with what was read.
func planOf(t *testing.T, db *pgtest.DB, mode string, s pgx.TraceQueryStartData) (plan string) {
	t.Helper()
	conn, err := pgx.ConnectConfig(t.Context(), db.Pool.Config().ConnConfig)
	require.NoError(t, err)
	defer conn.Close(context.WithoutCancel(t.Context()))
	_, err = conn.Exec(t.Context(), "set plan_cache_mode = "+mode)
	require.NoError(t, err)
	asked, err := conn.Prepare(t.Context(), "asked", s.SQL)
	require.NoError(t, err)
	args := make([]string, len(s.Args))
	for i, oid := range asked.ParamOIDs {
		text, err := conn.TypeMap().Encode(oid, pgtype.TextFormatCode, s.Args[i], nil)
		require.NoError(t, err)
		args[i] = "'" + strings.ReplaceAll(string(text), "'", "''") + "'"
	}
	sql := "explain (analyze, format json) execute asked(" + strings.Join(args, ", ") + ")"
	err = conn.QueryRow(t.Context(), sql, pgx.QueryExecModeSimpleProtocol).Scan(&plan)
	require.NoError(t, err)
	return plan
}

// eachScan calls look for each place at which a plan reads readings.
func eachScan(t *testing.T, plan string, look func(plan string, scan map[string]any)) {
	t.Helper()
	var parsed any
	require.NoError(t, json.Unmarshal([]byte(plan), &parsed))
	scans := 0
	var walk func(any)
	walk = func(at any) {
		switch at := at.(type) {
		case []any:
			for _, one := range at {
				walk(one)
			}
		case map[string]any:
			if name, _ := at["Relation Name"].(string); strings.HasPrefix(name, "tspostinsights") {
				scans++
				look(plan, at)
			}
			for _, one := range at {
				walk(one)
			}
		}
	}
	walk(parsed)
	require.Positive(t, scans, plan)
}
