package projectors_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"
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
		return tables.Load(t.Context(), tx, projectors.PostInsights.Begin(1), events)
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
	ledgertest.Fold(t, db, projectors.PostInsights, stored)
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
	scans := ledgertest.Rows[scan](t, db.Pool, `
		select concat(s->>'Index Cond', s->>'Recheck Cond'), (s->>'Actual Loops')::float
		from jsonb_path_query($1, 'strict $.** ? (@."Relation Name" starts with "tspostinsights")') s`, plan)
	require.NotEmpty(t, scans, plan)
	return scans
}

// figures are the figures of a reading that have steps, with their share of engagement.
var figures = []struct {
	name  string
	value func(domain.Counts) *int64
	part  bool
}{
	{"likes", func(c domain.Counts) *int64 { return c.Likes }, true},
	{"comments", func(c domain.Counts) *int64 { return c.Comments }, true},
	{"shares", func(c domain.Counts) *int64 { return c.Shares }, true},
	{"views", func(c domain.Counts) *int64 { return c.Views }, false},
	{"impressions", func(c domain.Counts) *int64 { return c.Impressions }, false},
	{"clicks", func(c domain.Counts) *int64 { return c.Clicks }, false},
	{"saves", func(c domain.Counts) *int64 { return c.Saves }, false},
}

// counted returns the readings that count, by the plain definition: of each post, agency and
// instant the smallest event id.
func counted(events []fold.Event) (ids []string, reads []domain.PostRead) {
	for _, ev := range events {
		read, ok := readOf(ev)
		smaller := slices.ContainsFunc(events, func(o fold.Event) bool {
			other, isRead := readOf(o)
			return ok && isRead && sameSeries(other, read) && other.CapturedAt.Equal(read.CapturedAt) && o.Envelope.ID < ev.Envelope.ID
		})
		if ok && !smaller {
			ids, reads = append(ids, ev.Envelope.ID), append(reads, read)
		}
	}
	return ids, reads
}

// readOf returns the reading of an event, to the microsecond.
func readOf(ev fold.Event) (domain.PostRead, bool) {
	read, ok := ev.Data.(domain.PostRead)
	read.CapturedAt = read.CapturedAt.UTC().Truncate(time.Microsecond)
	return read, ok
}

func sameSeries(a, b domain.PostRead) bool {
	return a.SocialAccount == b.SocialAccount && a.ExternalID == b.ExternalID && a.ParentAccount == b.ParentAccount
}

// lastWith returns the last earlier value of a figure.
func lastWith(reads []domain.PostRead, read domain.PostRead, figure func(domain.Counts) *int64) (value *int64) {
	var at time.Time
	for _, o := range reads {
		if v := figure(o.Counts); v != nil && sameSeries(o, read) && o.CapturedAt.Before(read.CapturedAt) && o.CapturedAt.After(at) {
			value, at = v, o.CapturedAt
		}
	}
	return value
}

// gainOf returns a reading's gain of a figure.
func gainOf(reads []domain.PostRead, read domain.PostRead, figure func(domain.Counts) *int64) *int64 {
	now, before := figure(read.Counts), lastWith(reads, read, figure)
	switch {
	case now == nil, before == nil && !read.FromZero:
		return nil
	case before == nil:
		return now
	default:
		return new(*now - *before)
	}
}

// text formats a figure like PostgreSQL's format.
func text(v *int64) string {
	if v == nil {
		return "-"
	}
	return fmt.Sprint(*v)
}

// gainsText sums the gains of readings: each figure, then engagement.
type gainsText struct {
	sums, n  map[string]int64
	readings int
	partial  int64
	last     time.Time
	lastID   string
}

func (g *gainsText) count(reads []domain.PostRead, read domain.PostRead, id string) {
	if g.sums == nil {
		g.sums, g.n = map[string]int64{}, map[string]int64{}
	}
	g.readings++
	parts := 0
	for _, f := range figures {
		if v := gainOf(reads, read, f.value); v != nil {
			g.sums[f.name] += *v
			g.n[f.name]++
			if f.part {
				g.sums["engagement"] += *v
				parts++
			}
		}
	}
	if parts > 0 {
		g.n["engagement"]++
	}
	if parts == 1 || parts == 2 {
		g.partial++
	}
	if read.CapturedAt.After(g.last) {
		g.last, g.lastID = read.CapturedAt, id
	}
}

func (g *gainsText) sum(name string) string {
	if g.n[name] == 0 {
		return "-"
	}
	return fmt.Sprint(g.sums[name])
}

// daysFrom returns the remaining days of a reading's month on which its owner read the post,
// including its own.
func daysFrom(reads []domain.PostRead, read domain.PostRead) []string {
	day := read.CapturedAt.UTC().Format(time.DateOnly)
	days := map[string]bool{}
	for _, o := range reads {
		later := o.CapturedAt.UTC().Format(time.DateOnly)
		if o.Tenant == read.Tenant && o.ExternalID == read.ExternalID && later[:7] == day[:7] && later >= day {
			days[later] = true
		}
	}
	return slices.Collect(maps.Keys(days))
}

const clock = "2006-01-02 15:04:05"

// requireSteps compares steps and their sums with the definitions, applied to the set of events.
func requireSteps(t require.TestingT, db *pgtest.DB, events []fold.Event) {
	ids, reads := counted(events)
	var steps, growth, days, months, gains []string
	byDay, dayTotal, byQuarter := map[string]*gainsText{}, map[string]*gainsText{}, map[string]*gainsText{}
	at := func(rows map[string]*gainsText, format string, args ...any) *gainsText {
		key := fmt.Sprintf(format, args...)
		if rows[key] == nil {
			rows[key] = &gainsText{}
		}
		return rows[key]
	}
	for i, read := range reads {
		var one gainsText
		one.count(reads, read, ids[i])
		key := fmt.Sprintf("%s %s %s", read.ParentAccount, read.ExternalID, read.CapturedAt.UTC().Format(clock))
		previous := "-"
		var before time.Time
		for _, o := range reads {
			if sameSeries(o, read) && o.CapturedAt.Before(read.CapturedAt) && o.CapturedAt.After(before) {
				before = o.CapturedAt
				previous = before.UTC().Format(clock)
			}
		}
		line := fmt.Sprintf("%s %s %s", key, ids[i], previous)
		gained := ""
		for _, f := range figures {
			known := lastWith(reads, read, f.value)
			if f.value(read.Counts) != nil {
				known = nil
			}
			line += fmt.Sprintf(" %s/%s", text(known), one.sum(f.name))
			gained += " " + one.sum(f.name)
		}
		steps = append(steps, line)
		if read.GrowthEligible && previous != "-" {
			growth = append(growth, fmt.Sprintf("%s %s%s %s %t", key, previous, gained, one.sum("engagement"), one.partial > 0))
		}
		owner := fmt.Sprintf("%s %s %d", read.ParentAccount, read.AccountID, read.MemberID)
		day := read.CapturedAt.UTC().Format(time.DateOnly)
		at(byDay, "%s %s %s", owner, read.ExternalID, day).count(reads, read, ids[i])
		for _, later := range daysFrom(reads, read) {
			at(dayTotal, "%s %s %s", owner, read.ExternalID, later).count(reads, read, ids[i])
		}
		at(byQuarter, "%s %s", owner, read.CapturedAt.UTC().Truncate(15*time.Minute).Format(clock)).count(reads, read, ids[i])
	}
	for key, g := range byDay {
		line := fmt.Sprintf("%s %s %d", key, g.lastID, g.readings)
		for _, f := range figures {
			line += " " + g.sum(f.name)
		}
		days = append(days, fmt.Sprintf("%s %t", line, g.partial > 0))
	}
	for key, g := range dayTotal {
		line := key
		for _, f := range figures {
			line += fmt.Sprintf(" %d/%t", g.sums[f.name], byDay[key].n[f.name] > 0)
		}
		months = append(months, fmt.Sprintf("%s %t", line, byDay[key].partial > 0))
	}
	for key, g := range byQuarter {
		line := fmt.Sprintf("%s %d %s %d", key, g.readings, g.last.UTC().Format(clock), g.partial)
		for _, name := range []string{"likes", "comments", "shares", "views", "engagement"} {
			line += fmt.Sprintf(" %d/%d", g.sums[name], g.n[name])
		}
		gains = append(gains, line)
	}
	list := func(columns ...string) (list string) {
		for _, c := range columns {
			list += fmt.Sprintf(", coalesce(%s::text, '-')", c)
		}
		return list
	}
	const stamp = `to_char(%s at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS')`
	moment := func(column string) string { return fmt.Sprintf(stamp, column) }
	var pairs []string
	for _, f := range figures {
		pairs = append(pairs, "known_"+f.name, "g"+f.name)
	}
	requireRows(t, db, steps, `select format('%s %s %s %s %s %s/%s %s/%s %s/%s %s/%s %s/%s %s/%s %s/%s', parent_account, external_id, `+
		moment("captured_at")+`, event_id`+list(append([]string{moment("previous_at")}, pairs...)...)+`) from tSPostInsights`)
	requireRows(t, db, growth, `select format('%s %s %s %s %s %s %s %s %s %s %s %s %s', parent_account, external_id, `+moment("captured_at")+", "+moment("previous_at")+
		list("glikes", "gcomments", "gshares", "gviews", "gimpressions", "gclicks", "gsaves", "gengagement", "gengagement_partial")+`) from tSPostGrowth`)
	requireRows(t, db, days, `select format('%s %s %s %s %s %s %s %s %s %s %s %s %s %s %s', parent_account, account_id, member_id, external_id, day, event_id, readings`+
		list("glikes", "gcomments", "gshares", "gviews", "gimpressions", "gclicks", "gsaves")+`, gpartial::text) from post_daily`)
	requireRows(t, db, months, `
		select format('%s %s %s %s %s %s/%s %s/%s %s/%s %s/%s %s/%s %s/%s %s/%s %s', parent_account, account_id, member_id, external_id, month + d.day - 1`+
		shownMonth("likes", "comments", "shares", "views", "impressions", "clicks", "saves")+`, ((partial_days >> (d.day - 1)) & 1 = 1)::text)
		from post_months m cross join lateral unnest(days) with ordinality as d(day, nth)`)
	requireRows(t, db, nil, `select external_id from post_months where cardinality(gained) <> 7 * cardinality(days)`)
	requireRows(t, db, gains, `select format('%s %s %s %s %s %s %s %s/%s %s/%s %s/%s %s/%s %s/%s', parent_account, account_id, member_id, `+moment("quarter")+
		`, readings, `+moment("last_at")+`, partial_n, likes, likes_n, comments, comments_n, shares, shares_n, views, views_n, engagement, engagement_n) from post_gains`)
}

// shownMonth formats the sums of a day of post_months, and whether its own gain is known.
func shownMonth(figures ...string) (list string) {
	for i, f := range figures {
		list += fmt.Sprintf(", coalesce(gained[7 * d.nth - %d]::text, '-'), ((%s_days >> (d.day - 1)) & 1 = 1)::text", 6-i, f)
	}
	return list
}

func requireRows(t require.TestingT, db *pgtest.DB, want []string, sql string) {
	rows, err := db.Pool.Query(context.Background(), sql)
	require.NoError(t, err)
	got, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	require.ElementsMatch(t, want, got)
}

// A whole month of a post with the longest id is stored uncompressed and inline: otherwise each
// ranking would decompress thousands of rows.
func TestAWholeMonthOfAPostIsNotCompressed(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	const days = 31
	_, err := db.Pool.Exec(context.Background(), `
		insert into post_months (social_account_id, member_id, month, p_id, external_id, parent_account, account_id, days, gained, partial_days,
			likes_days, comments_days, shares_days, views_days, impressions_days, clicks_days, saves_days)
		select 1, 1, '2026-10-01', 1, repeat('7', 255), $2, $2, array(select generate_series(1, $1::integer)::smallint),
		       array_fill(0::bigint, array[$3::integer * $1]), 0, 0, 0, 0, 0, 0, 0, 0`, days, agencyA, len(figures))
	require.NoError(t, err)
	var size int
	require.NoError(t, db.Pool.QueryRow(context.Background(), `select pg_column_size(gained) from post_months`).Scan(&size))
	require.GreaterOrEqual(t, size, 8*len(figures)*days, "zeros would compress to nearly nothing")
}
