package analytics_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/foldtest"
	"github.com/ledgerboard/ledgerboard/internal/pg/pgtest"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
)

// asked notes the statements of a pool.
type asked struct {
	mu         sync.Mutex
	statements []pgx.TraceQueryStartData
}

// TraceQueryStart implements [pgx.QueryTracer].
func (a *asked) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.statements = append(a.statements, data)
	return ctx
}

// TraceBatchStart implements [pgx.BatchTracer].
func (*asked) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	return ctx
}

// TraceBatchQuery implements [pgx.BatchTracer].
func (a *asked) TraceBatchQuery(ctx context.Context, conn *pgx.Conn, data pgx.TraceBatchQueryData) {
	a.TraceQueryStart(ctx, conn, pgx.TraceQueryStartData{SQL: data.SQL, Args: data.Args})
}

// TraceBatchEnd implements [pgx.BatchTracer].
func (*asked) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) {}

// TraceQueryEnd implements [pgx.QueryTracer].
func (*asked) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// Among agencies that are like each other, no statement of any endpoint reads a table of readings, or one
// of their roll-ups, from end to end: whole days, days of another zone, instants, one client, one member.
func TestNoReadingTableIsReadFromEndToEnd(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	fillAgencies(t, db, 16)
	pool, noted := notedPool(t, db)
	a := &analytics.Analytics{Pool: pool}
	from := planDay.AddDate(0, 0, 10)
	scope := readmodels.Scope{ParentAccount: planAgency(0)}
	for name, change := range map[string]func(*readmodels.Scope, *analytics.RangeQuery){
		"whole days": func(*readmodels.Scope, *analytics.RangeQuery) {},
		"another zone": func(_ *readmodels.Scope, q *analytics.RangeQuery) {
			q.Range.Zone = zone(t, "America/New_York")
			q.Range.From, q.Range.To = q.Range.From.Add(5*time.Hour), q.Range.To.Add(5*time.Hour)
		},
		"instants": func(_ *readmodels.Scope, q *analytics.RangeQuery) {
			q.Range.From, q.Range.To = q.Range.From.Add(7*time.Hour+time.Minute), q.Range.To.Add(11*time.Hour+7*time.Minute)
		},
		"nothing read before": func(_ *readmodels.Scope, q *analytics.RangeQuery) { q.Range.From = planDay.AddDate(0, 0, -1) },
		"before most posts": func(_ *readmodels.Scope, q *analytics.RangeQuery) {
			q.Range.From, q.Range.To = planDay.AddDate(0, 0, -9), planDay.AddDate(0, 0, -4)
		},
		"one client":   func(s *readmodels.Scope, _ *analytics.RangeQuery) { s.Accounts = []string{planClient(0, 1)} },
		"one member":   func(_ *readmodels.Scope, q *analytics.RangeQuery) { q.Member = 1 },
		"one category": func(_ *readmodels.Scope, q *analytics.RangeQuery) { q.Category = 1 },
		"by total":     func(_ *readmodels.Scope, q *analytics.RangeQuery) { q.By = analytics.RankByTotal },
	} {
		t.Run(name, func(t *testing.T) {
			scope := scope
			query := analytics.RangeQuery{
				Range:     analytics.Range{From: from, To: from.AddDate(0, 0, 8), Zone: time.UTC},
				Platforms: domain.Platforms(), Page: readmodels.Page{Limit: 5},
			}
			change(&scope, &query)
			for _, ask := range everyQuery(a) {
				noted.statements = nil
				require.NoError(t, ask(t.Context(), scope, query))
				for _, s := range noted.statements {
					if strings.Contains(s.SQL, "select") {
						requireNoScan(t, db, s)
					}
				}
			}
		})
	}
}

// A ranking of whole days reads of each post the months of the range, one row each, and nothing else of it.
func TestRankingsReadTheMonthsOfTheRange(t *testing.T) {
	t.Parallel()
	const posts, days, months = 8 * 5, 8, 1
	db := pgtest.New(t)
	fillAgencies(t, db, 4)
	from := planDay.AddDate(0, 0, 10)
	query := analytics.RangeQuery{
		Range: analytics.Range{From: from, To: from.AddDate(0, 0, days), Zone: time.UTC}, Platforms: domain.Platforms(), Page: readmodels.Page{Limit: 5},
	}
	pool, noted := notedPool(t, db)
	a := &analytics.Analytics{Pool: pool}
	for name, ask := range map[string]func() error{
		"top posts": func() error {
			_, _, err := a.TopPosts(t.Context(), readmodels.Scope{ParentAccount: planAgency(0)}, query)
			return err
		},
		"leaderboard": func() error {
			_, _, err := a.Leaderboard(t.Context(), readmodels.Scope{ParentAccount: planAgency(0)}, query)
			return err
		},
	} {
		noted.statements = nil
		require.NoError(t, ask())
		i := slices.IndexFunc(noted.statements, func(s pgx.TraceQueryStartData) bool { return strings.Contains(s.SQL, "rank()") })
		raw := planForAny(t, db, noted.statements[i])
		read := rowsRead(t, raw)
		require.InDelta(t, posts*months, read["post_months"], 0, "%s:\n%s", name, raw)
		require.Zero(t, read["post_daily"], "%s:\n%s", name, raw)
		require.InDelta(t, posts, read["tsposts"], 0, "%s:\n%s", name, raw)
		require.Zero(t, read["tspostinsights"], "%s:\n%s", name, raw)
	}
}

// A list of a range long before most posts of the agency probes none of those: neither their readings nor their months.
func TestListsOfAnOldRangeLeaveLaterPostsAlone(t *testing.T) {
	t.Parallel()
	const later = 3000
	db := pgtest.New(t)
	fillAgencies(t, db, 2)
	_, err := db.Pool.Exec(t.Context(), `
		insert into tSPosts (social_account_id, external_id, parent_account, account_id, member_id, p_id, a_type, published_at, registered_at, updated_at)
		select 1, 'later ' || n, $1, $2, 1, $3, 0, $4::timestamptz + n * interval '1 minute', $4, $4 from generate_series(1, $5::integer) n`,
		planAgency(0), planClient(0, 0), int16(domain.Platforms()[0]), planDay.AddDate(0, 0, 40), later)
	require.NoError(t, err)
	_, err = db.Pool.Exec(t.Context(), "vacuum analyze")
	require.NoError(t, err)
	pool, noted := notedPool(t, db)
	a := &analytics.Analytics{Pool: pool}
	for name, change := range map[string]func(*readmodels.Scope, *analytics.RangeQuery){
		"all":        func(*readmodels.Scope, *analytics.RangeQuery) {},
		"one client": func(s *readmodels.Scope, _ *analytics.RangeQuery) { s.Accounts = []string{planClient(0, 0)} },
		"one member": func(_ *readmodels.Scope, q *analytics.RangeQuery) { q.Member = 1 },
	} {
		t.Run(name, func(t *testing.T) {
			scope := readmodels.Scope{ParentAccount: planAgency(0)}
			query := analytics.RangeQuery{
				Range:     analytics.Range{From: planDay, To: planDay.AddDate(0, 0, 8), Zone: time.UTC},
				Platforms: domain.Platforms(), Page: readmodels.Page{Limit: 5},
			}
			change(&scope, &query)
			noted.statements = nil
			list, _, err := a.PostInsights(t.Context(), scope, query)
			require.NoError(t, err)
			require.Len(t, list.Posts, 5)
			i := slices.IndexFunc(noted.statements, func(s pgx.TraceQueryStartData) bool { return strings.Contains(s.SQL, "as place") })
			raw := planForAny(t, db, noted.statements[i])
			var plan any
			require.NoError(t, json.Unmarshal(raw, &plan))
			eachNode(plan, func(node map[string]any) {
				relation, _ := node["Relation Name"].(string)
				loops, _ := node["Actual Loops"].(float64)
				rows, _ := node["Actual Rows"].(float64)
				removed, _ := node["Rows Removed by Filter"].(float64)
				if ofReadings(relation) || relation == "tsposts" {
					require.Less(t, loops*(1+rows+removed), float64(later/2), "%s:\n%s", relation, raw)
				}
			})
		})
	}
}

// A ranking reads a day of all posts at once: it neither looks for each nor compares each with each reading where
// PostgreSQL, which knows neither the scope nor the member nor the category when it makes the plan for any
// parameters, expects a few posts of thousands.
func TestRankingsAreJoinedInOnePass(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	fillAgencies(t, db, 4)
	pool, noted := notedPool(t, db)
	a := &analytics.Analytics{Pool: pool}
	from := planDay.AddDate(0, 0, 10)
	for name, change := range map[string]func(*readmodels.Scope, *analytics.RangeQuery){
		"all":        func(*readmodels.Scope, *analytics.RangeQuery) {},
		"one client": func(s *readmodels.Scope, _ *analytics.RangeQuery) { s.Accounts = []string{planClient(0, 1)} },
		"two clients": func(s *readmodels.Scope, _ *analytics.RangeQuery) {
			s.Accounts = []string{planClient(0, 0), planClient(0, 1)}
		},
		"one member":   func(_ *readmodels.Scope, q *analytics.RangeQuery) { q.Member = 1 },
		"one category": func(_ *readmodels.Scope, q *analytics.RangeQuery) { q.Category = 1 },
		"early in a day": func(_ *readmodels.Scope, q *analytics.RangeQuery) {
			q.Range.From, q.Range.To = planDay.AddDate(0, 0, 10), planDay.AddDate(0, 0, 21) // nobody is read any more since the 20th day
		},
		"not over":                   func(_ *readmodels.Scope, q *analytics.RangeQuery) { q.Range.To = planDay.AddDate(0, 0, 40) },
		"since before the first day": func(_ *readmodels.Scope, q *analytics.RangeQuery) { q.Range.From = planDay.AddDate(0, 0, -10) },
	} {
		t.Run(name, func(t *testing.T) {
			scope := readmodels.Scope{ParentAccount: planAgency(0)}
			query := analytics.RangeQuery{
				Range: analytics.Range{From: from, To: from.AddDate(0, 0, 8), Zone: time.UTC}, Platforms: domain.Platforms(), Page: readmodels.Page{Limit: 5},
			}
			change(&scope, &query)
			for _, ask := range everyQuery(a)[6:8] { // leaderboard, top posts
				noted.statements = nil
				require.NoError(t, ask(t.Context(), scope, query))
				i := slices.IndexFunc(noted.statements, func(s pgx.TraceQueryStartData) bool { return strings.Contains(s.SQL, "rank()") })
				raw := planForAny(t, db, noted.statements[i])
				var plan any
				require.NoError(t, json.Unmarshal(raw, &plan))
				eachNode(plan, func(node map[string]any) {
					removed, _ := node["Rows Removed by Join Filter"].(float64)
					require.Zero(t, removed, "%s", raw)
					relation, _ := node["Relation Name"].(string)
					loops, _ := node["Actual Loops"].(float64)
					require.False(t, (relation == "post_daily" || relation == "post_months") && loops > 1, "each post is looked for:\n%s", raw)
				})
			}
		})
	}
}

// Of each social account the sources of an answer about posts read the newest quarter of an hour and nothing else,
// however long it was read: also by the plan for any parameters, which expects one row where there are years of them.
func TestSourcesReadOnlyTheNewestQuarter(t *testing.T) {
	t.Parallel()
	const socials = 8
	db := pgtest.New(t)
	fillAgencies(t, db, 16)
	pool, noted := notedPool(t, db)
	a := &analytics.Analytics{Pool: pool}
	from := planDay.AddDate(0, 0, 10)
	_, _, err := a.PostInsights(t.Context(), readmodels.Scope{ParentAccount: planAgency(0)}, analytics.RangeQuery{
		Range: analytics.Range{From: from, To: from.AddDate(0, 0, 8), Zone: time.UTC}, Platforms: domain.Platforms(), Page: readmodels.Page{Limit: 5},
	})
	require.NoError(t, err)
	i := slices.IndexFunc(noted.statements, func(s pgx.TraceQueryStartData) bool { return strings.Contains(s.SQL, "tSubscriptions") })
	raw := planForAny(t, db, noted.statements[i])
	read := rowsRead(t, raw)
	require.LessOrEqual(t, read["post_gains"], float64(2*socials), "%s", raw) // the row behind the newest quarter ends the search
	require.Positive(t, read["post_gains"], "%s", raw)
}

// notedPool is a pool that notes its statements.
func notedPool(t *testing.T, db *pgtest.DB) (*pgxpool.Pool, *asked) {
	t.Helper()
	config := db.ReadOnly.Config()
	noted := &asked{}
	config.ConnConfig.Tracer = noted
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return pool, noted
}

// planForAny runs a statement by the plan that PostgreSQL keeps for any parameters, and returns that plan with what
// was read.
func planForAny(t *testing.T, db *pgtest.DB, s pgx.TraceQueryStartData) []byte {
	t.Helper()
	conn, err := db.ReadOnly.Acquire(t.Context())
	require.NoError(t, err)
	defer conn.Release()
	params := make([]string, len(s.Args))
	for i := range params {
		params[i] = fmt.Sprintf("$%d", i+1)
	}
	var raw []byte
	for _, sql := range []string{"set plan_cache_mode = force_generic_plan", "prepare asked as " + s.SQL} {
		_, err = conn.Exec(t.Context(), sql, pgx.QueryExecModeSimpleProtocol)
		require.NoError(t, err)
	}
	err = conn.QueryRow(t.Context(), "explain (analyze, format json) execute asked("+strings.Join(params, ", ")+")",
		append([]any{pgx.QueryExecModeSimpleProtocol}, s.Args...)...).Scan(&raw)
	require.NoError(t, err)
	for _, sql := range []string{"deallocate asked", "reset plan_cache_mode"} {
		_, err = conn.Exec(t.Context(), sql)
		require.NoError(t, err)
	}
	return raw
}

// rowsRead are, by table, the rows that a plan has read.
func rowsRead(t *testing.T, raw []byte) map[string]float64 {
	t.Helper()
	var plan any
	require.NoError(t, json.Unmarshal(raw, &plan))
	read := map[string]float64{}
	eachNode(plan, func(node map[string]any) {
		relation, _ := node["Relation Name"].(string)
		rows, _ := node["Actual Rows"].(float64)
		loops, _ := node["Actual Loops"].(float64)
		table, _, _ := strings.Cut(relation, "_2")
		read[table] += rows * loops
	})
	return read
}

// everyQuery asks each kind of answer.
func everyQuery(a *analytics.Analytics) []func(context.Context, readmodels.Scope, analytics.RangeQuery) error {
	type ask = func(context.Context, readmodels.Scope, analytics.RangeQuery) error
	var all []ask
	for _, answer := range []func(context.Context, readmodels.Scope, analytics.RangeQuery) (any, analytics.Meta, error){
		boxed(a.AccountInsights), boxed(a.AccountFollowers), boxed(a.RoiViews), boxed(a.AccountStats), boxed(a.AccountNetGrowth),
		boxed(a.ActivityMeter), boxed(a.Leaderboard), boxed(a.TopPosts), boxed(a.PostInsights), boxed(a.PostsLikes), boxed(a.PostsViews),
		boxed(a.PostsEngagements), boxed(a.PostsTotalEngagements), boxed(a.ActiveMembers), boxed(a.MemberGrowth),
	} {
		all = append(all, func(ctx context.Context, s readmodels.Scope, q analytics.RangeQuery) error {
			_, _, err := answer(ctx, s, q)
			return err
		})
	}
	return all
}

func requireNoScan(t *testing.T, db *pgtest.DB, s pgx.TraceQueryStartData) {
	t.Helper()
	var raw []byte
	require.NoError(t, db.ReadOnly.QueryRow(t.Context(), "explain (format json) "+s.SQL, s.Args...).Scan(&raw))
	var plan any
	require.NoError(t, json.Unmarshal(raw, &plan))
	eachNode(plan, func(node map[string]any) {
		relation, _ := node["Relation Name"].(string)
		index, _ := node["Index Name"].(string)
		condition, _ := node["Index Cond"].(string)
		require.False(t, node["Node Type"] == "Seq Scan" && ofReadings(relation), "%s\nreads all of %s:\n%s", s.SQL, relation, raw)
		// An index that is not entered by its first column is read from end to end just the same.
		first := "parent_account = "
		if strings.HasSuffix(index, "_pkey") {
			first = "social_account_id = "
		}
		require.False(t, ofReadings(index) && !strings.Contains(condition, first), "%s\nreads all of %s:\n%s", s.SQL, index, raw)
	})
}

// ofReadings reports whether a table, or the table of an index, has rows for readings or for days of them.
func ofReadings(relation string) bool {
	for _, table := range []string{"tsaccountins", "account_months", "tspostinsights", "post_daily", "post_months", "post_gains"} {
		if strings.HasPrefix(relation, table) {
			return true
		}
	}
	return false
}

func eachNode(plan any, visit func(map[string]any)) {
	switch node := plan.(type) {
	case []any:
		for _, child := range node {
			eachNode(child, visit)
		}
	case map[string]any:
		visit(node)
		for _, child := range node {
			eachNode(child, visit)
		}
	}
}

var planDay = time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)

func planAgency(n int) string    { return fmt.Sprintf("%024x", 0xa0000+n) }
func planClient(n, i int) string { return fmt.Sprintf("%024x", 0xc0000+n*2+i) }

// fillAgencies folds agencies of 2 clients, 8 social accounts and 40 posts, read twice a day for 20 days.
func fillAgencies(t *testing.T, db *pgtest.DB, agencies int) {
	t.Helper()
	w := &world{}
	put := func(entities ...domain.DirectoryEntity) { w.Directory = append(w.Directory, entities...) }
	for n := range agencies {
		put(domain.DirectoryAccount{ID: planAgency(n)})
		for i := range 2 {
			put(domain.DirectoryAccount{ID: planClient(n, i), ParentAccount: planAgency(n)}, domain.DirectoryMember{ID: int64(n*2 + i + 1), AccountID: planClient(n, i), Active: true})
		}
		for i := range 8 {
			tenant := domain.Tenant{
				ParentAccount: planAgency(n), AccountID: planClient(n, i%2), MemberID: int64(n*2 + i%2 + 1), SocialAccount: int64(n*8 + i + 1),
			}
			platform := domain.Platforms()[i%4]
			put(domain.DirectorySocialAccount{
				ID: tenant.SocialAccount, ParentAccount: tenant.ParentAccount, AccountID: tenant.AccountID, MemberID: tenant.MemberID, Platform: platform, Connected: true,
			})
			fillSocial(w, tenant, platform)
		}
	}
	put(domain.DirectoryCategory{ID: 1, Name: "one"})
	foldtest.Fold(t, db, projectors.Directory{}, directoryEvents(w))
	var accounts, posts []fold.Event
	for _, ev := range w.Events {
		if _, ok := ev.Data.(domain.AccountRead); ok {
			accounts = append(accounts, ev)
		} else {
			posts = append(posts, ev)
		}
	}
	foldtest.Fold(t, db, projectors.AccountInsights{}, accounts)
	foldtest.Fold(t, db, projectors.PostInsights{}, posts)
	_, err := db.Pool.Exec(context.Background(), "vacuum analyze")
	require.NoError(t, err)
}

func directoryEvents(w *world) []fold.Event {
	var events []fold.Event
	for _, entity := range w.Directory {
		events = append(events, fold.Event{Recorded: domain.Recorded{
			Key: domain.EntityKey(entity), Data: entity,
		}})
	}
	return events
}

func fillSocial(w *world, tenant domain.Tenant, platform domain.Platform) {
	id := func(kind string, parts ...any) string { return fmt.Sprint(kind, tenant.SocialAccount, parts) }
	for post := range 5 {
		w.Add(id("g", post), domain.PostRegistered{
			Tenant: tenant, Platform: platform, ExternalID: fmt.Sprint("post ", post), Origin: domain.OriginListing, RegisteredAt: planDay,
			PublishedAt: new(planDay.AddDate(0, 0, -post)), CategoryID: new(int64(1)),
		})
	}
	for slot := range 40 {
		at, n := planDay.Add(time.Duration(slot)*12*time.Hour), int64(slot)
		yesterday := at.AddDate(0, 0, -1).Format(time.DateOnly)
		figures := []domain.Figure{people(n), flow(domain.MetricEngagement, yesterday, n), flow(domain.MetricImpressions, yesterday, n)}
		if platform == domain.TikTok {
			figures = []domain.Figure{people(n), counter(domain.MetricEngagement, n)}
		}
		w.Add(id("a", slot), domain.AccountRead{Tenant: tenant, Platform: platform, CapturedAt: at, Figures: figures})
		for post := range 5 {
			w.Add(id("p", post, slot), domain.PostRead{
				Tenant: tenant, Platform: platform, ExternalID: fmt.Sprint("post ", post), CapturedAt: at,
				Counts: domain.Counts{Likes: &n, Comments: &n, Shares: &n, Views: &n},
			})
		}
	}
}
