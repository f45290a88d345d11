package projectors_test

import (
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

// ofAllReadings is a part of the statement that reads all readings of posts.
const ofAllReadings = "where r.post = k.post offset 0"

// lookUps returns the statements with ofAllReadings that loading events sends.
func lookUps(t *testing.T, db *pgtest.DB, events []fold.Event) []pgtest.Statement {
	t.Helper()
	pool, statements := pgtest.Traced(t, db.Pool)
	require.NoError(t, pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
		return tables.Load(t.Context(), tx, projectors.PostInsights.Begin(1), events)
	}))
	return slices.DeleteFunc(statements.Take(), func(s pgtest.Statement) bool { return !strings.Contains(s.SQL, ofAllReadings) })
}

// The readings of posts with late ones are read by key, regardless of the planner's statistics.
func TestLateReadingsAreLookedUpByKey(t *testing.T) {
	t.Parallel()
	const posts, days = 200, 20
	db := pgtest.New(t)
	_, err := db.Pool.Exec(t.Context(), "alter table post_readings set (autovacuum_enabled = false)")
	require.NoError(t, err)
	ledgertest.Fold(t, db, projectors.PostInsights, everyTwelveHours(posts, days, 0, "stored"))
	statements := lookUps(t, db, everyTwelveHours(posts, days/4, 13*time.Hour, "late"))
	require.Len(t, statements, 1)
	pgtest.EachPlan(t, db.Pool, "post_readings", statements, func(how string, nodes []pgtest.PlanNode) {
		scans := 0
		for _, node := range nodes {
			if node.Text("Relation Name") == "post_readings" {
				scans++
				require.Contains(t, node.Text("Index Cond")+node.Text("Recheck Cond"), "(post = k.post)", "%s: %v", how, node)
				require.LessOrEqual(t, node.Number("Actual Loops"), float64(posts), "%s: %v", how, node)
			}
		}
		require.Equal(t, 1, scans, how)
	})
}

// A log that was imported twice has readings twice: the second ones change nothing and cause no
// reads.
func TestRepeatedReadingsCauseNoReads(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	stored := everyTwelveHours(3, 10, 0, "m")
	ledgertest.Fold(t, db, projectors.PostInsights, stored)
	require.Empty(t, lookUps(t, db, stored), "the same")
	require.Empty(t, lookUps(t, db, everyTwelveHours(3, 5, 0, "z")), "other readings of the same instants, with greater ids")
	require.NotEmpty(t, lookUps(t, db, everyTwelveHours(3, 5, 0, "a")), "with smaller ids")
	require.NotEmpty(t, lookUps(t, db, everyTwelveHours(3, 5, 13*time.Hour, "z")), "of other instants")
	require.Empty(t, lookUps(t, db, everyTwelveHours(3, 1, 240*time.Hour, "a")), "after all stored ones")
}
