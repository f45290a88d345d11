package analytics_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/dev/pgtest"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
)

// tracedPool is a pool and its statements.
type tracedPool struct {
	*pgxpool.Pool

	statements *pgtest.Statements
}

// planQuestion is a query for a range of 8 days of one agency; tests change parts of it.
type planQuestion struct {
	scope readmodels.Scope
	query analytics.RangeQuery
}

func askedOf(from time.Time, change func(*planQuestion)) planQuestion {
	q := planQuestion{readmodels.Scope{ParentAccount: planAgency(0)}, everywhere(analytics.Range{From: from, To: from.AddDate(0, 0, 8), Zone: time.UTC})}
	q.query.Page.Limit = 5
	if change != nil {
		change(&q)
	}
	return q
}

func ofOneClient(q *planQuestion)   { q.scope.Accounts = []string{planClient(0, 1)} }
func ofOneMember(q *planQuestion)   { q.query.Member = 1 }
func ofOneCategory(q *planQuestion) { q.query.Category = 1 }

// No statement scans all readings or roll-ups; sources of posts read only the newest.
func TestNoReadingTableIsScanned(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	fillAgencies(t, db, 16)
	pool := traced(t, db)
	for name, change := range map[string]func(*planQuestion){
		"whole days": nil,
		"another zone": func(q *planQuestion) {
			q.query.Range.Zone = zone("America/New_York")
			q.query.Range.From, q.query.Range.To = q.query.Range.From.Add(5*time.Hour), q.query.Range.To.Add(5*time.Hour)
		},
		"instants": func(q *planQuestion) {
			q.query.Range.From = q.query.Range.From.Add(7*time.Hour + time.Minute)
			q.query.Range.To = q.query.Range.To.Add(11*time.Hour + 7*time.Minute)
		},
		"nothing read before": func(q *planQuestion) { q.query.Range.From = planDay.AddDate(0, 0, -1) },
		"before most posts": func(q *planQuestion) {
			q.query.Range.From, q.query.Range.To = planDay.AddDate(0, 0, -9), planDay.AddDate(0, 0, -4)
		},
		"one client": ofOneClient, "one member": ofOneMember, "one category": ofOneCategory,
		"by total": func(q *planQuestion) { q.query.By = analytics.RankByTotal },
	} {
		t.Run(name, func(t *testing.T) {
			for endpoint := range endpoints {
				for _, s := range pool.ofEndpoint(t, endpoint, askedOf(planDay.AddDate(0, 0, 10), change)) {
					if strings.Contains(s.SQL, "select") {
						requireNoScan(t, db, s)
					}
				}
			}
		})
	}
	read := map[string]float64{}
	for _, node := range pool.planForAny(t, "PostInsights", "tSubscriptions", askedOf(planDay.AddDate(0, 0, 10), nil)) {
		read[tableOf(node)] += rowsOf(node)
	}
	// of eight pages
	require.LessOrEqual(t, read["post_owners"], 2.0*8)
	require.Positive(t, read["post_owners"])
}

// A list of an old range does not probe posts that are newer, neither their readings nor their
// months.
func TestOldRangeQueriesDoNotReadLaterPosts(t *testing.T) {
	t.Parallel()
	const later = 3000
	db := pgtest.New(t)
	fillAgencies(t, db, 2)
	ledgertest.Exec(t, db.Pool, `
		insert into tSPosts (post, social_account_id, external_id, parent_account, account_id, member_id, p_id, a_type, published_at, registered_at, updated_at)
		select n, 1, 'later ' || n, $1, $2, 1, $3, 0, $4::timestamptz + n * interval '1 minute', $4, $4 from generate_series(1, $5::integer) n`,
		planAgency(0), planClient(0, 0), int16(domain.Platforms()[0]), planDay.AddDate(0, 0, 40), later)
	ledgertest.Exec(t, db.Pool, "vacuum analyze")
	pool := traced(t, db)
	for name, change := range map[string]func(*planQuestion){
		"all": nil, "one member": ofOneMember,
		"one client": func(q *planQuestion) { q.scope.Accounts = []string{planClient(0, 0)} },
	} {
		t.Run(name, func(t *testing.T) {
			for _, node := range pool.planForAny(t, "PostInsights", "as place", askedOf(planDay, change)) {
				if relation := node.Text("Relation Name"); ofReadings(relation) || relation == "tsposts" {
					looked := node.Number("Actual Loops") * (1 + node.Number("Actual Rows") + node.Number("Rows Removed by Filter"))
					require.Less(t, looked, float64(later/2), "%s: %v", relation, node)
				}
			}
		})
	}
}

// A ranking reads the weeks of the range of all posts of an owner at once, and the readings around
// them. It neither probes each post nor compares each post with each reading, although the generic plan,
// made without the scope, member and category, expects a few posts instead of thousands.
func TestRankingReadsPostsInOnePass(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	fillAgencies(t, db, 4)
	pool := traced(t, db)
	until := func(day int) func(*planQuestion) {
		return func(q *planQuestion) { q.query.Range.To = planDay.AddDate(0, 0, day) }
	}
	for name, change := range map[string]func(*planQuestion){
		"all": nil, "one client": ofOneClient, "one member": ofOneMember, "one category": ofOneCategory,
		"two clients":                func(q *planQuestion) { q.scope.Accounts = []string{planClient(0, 0), planClient(0, 1)} },
		"early in a day":             until(21), // no page is read after the 20th day
		"not over":                   until(40),
		"since before the first day": func(q *planQuestion) { q.query.Range.From = planDay.AddDate(0, 0, -10) },
	} {
		t.Run(name, func(t *testing.T) {
			for _, endpoint := range []string{"Leaderboard", "TopPosts"} {
				read := map[string]float64{}
				for _, node := range pool.planForAny(t, endpoint, "rank()", askedOf(planDay.AddDate(0, 0, 10), change)) {
					require.Zero(t, node.Number("Rows Removed by Join Filter"), "%v", node)
					relation := node.Text("Relation Name")
					require.False(t, strings.HasPrefix(relation, "post_") && node.Number("Actual Loops") > 8*2,
						"not once for each owner and end of the range: %v", node)
					read[tableOf(node)] += rowsOf(node)
				}
				if change == nil {
					require.Equal(t, []float64{40, 40, 40 * 2}, // each post, with a week and two readings before it
						[]float64{read["tsposts"], read["post_weeks"], read["post_readings"]})
				}
			}
		})
	}
}

func traced(t *testing.T, db *pgtest.DB) tracedPool {
	t.Helper()
	pool, statements := pgtest.Traced(t, db.ReadOnly)
	return tracedPool{pool, statements}
}

// ofEndpoint returns the statements of an endpoint.
func (p tracedPool) ofEndpoint(t *testing.T, endpoint string, q planQuestion) []pgtest.Statement {
	t.Helper()
	p.statements.Take()
	_, _, err := endpoints[endpoint](&analytics.Analytics{Pool: p.Pool}, t.Context(), q.scope, q.query)
	require.NoError(t, err)
	return p.statements.Take()
}

// planForAny runs a statement with its generic plan.
func (p tracedPool) planForAny(t *testing.T, endpoint, part string, q planQuestion) []pgtest.PlanNode {
	t.Helper()
	all := p.ofEndpoint(t, endpoint, q)
	s := all[slices.IndexFunc(all, func(s pgtest.Statement) bool { return strings.Contains(s.SQL, part) })]
	return pgtest.Plan(t, p.Pool, "force_generic_plan", s)
}

func requireNoScan(t *testing.T, db *pgtest.DB, s pgtest.Statement) {
	t.Helper()
	for _, node := range pgtest.Plan(t, db.ReadOnly, "force_custom_plan", s) {
		relation, index := node.Text("Relation Name"), node.Text("Index Name")
		require.False(t, node.Text("Node Type") == "Seq Scan" && ofReadings(relation), "%s\nreads all of %s:\n%v", s.SQL, relation, node)
		// An index without a condition on its first column is scanned completely too.
		first := "parent_account = "
		switch {
		case strings.HasPrefix(index, "account_days"), strings.HasPrefix(index, "account_quarters"),
			strings.HasPrefix(index, "post_days"), strings.HasPrefix(index, "post_quarters"), strings.HasSuffix(index, "_owner"):
			first = "owner = "
		case strings.HasPrefix(index, "post_"):
			first = "post = "
		case strings.HasPrefix(index, "account_readings"), strings.HasPrefix(index, "day_figures"):
			first = "series = "
		case strings.HasSuffix(index, "_pkey"):
			first = "social_account_id = "
		}
		require.False(t, ofReadings(index) && !strings.Contains(node.Text("Index Cond"), first), "%s\nreads all of %s:\n%v", s.SQL, index, node)
	}
}

// ofReadings reports whether a table, or the table of an index, has rows for readings or days of
// readings.
func ofReadings(relation string) bool {
	for _, table := range []string{"account_readings", "account_days", "account_quarters", "day_figures", "post_readings", "post_weeks", "post_days", "post_quarters"} {
		if strings.HasPrefix(relation, table) {
			return true
		}
	}
	return false
}

func rowsOf(n pgtest.PlanNode) float64 { return n.Number("Actual Rows") * n.Number("Actual Loops") }

// tableOf returns the table of a node; for a partition, its parent.
func tableOf(n pgtest.PlanNode) string {
	table, _, _ := strings.Cut(n.Text("Relation Name"), "_2")
	return table
}

var planDay = time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)

func planAgency(n int) string    { return fmt.Sprintf("%024x", 0xa0000+n) }
func planClient(n, i int) string { return fmt.Sprintf("%024x", 0xc0000+n*2+i) }

// fillAgencies folds agencies with 2 clients, 8 social accounts and 40 posts, read twice a day for
// 20 days.
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
			put(ownedPage(tenant, tenant.SocialAccount, platform))
			id := func(kind string, parts ...any) string { return fmt.Sprint(kind, tenant.SocialAccount, parts) }
			for post := range 5 {
				ofEndpoint := registered(tenant, platform, fmt.Sprint("post ", post), planDay, new(planDay.AddDate(0, 0, -post)))
				ofEndpoint.CategoryID = new(int64(1))
				w.Add(id("g", post), ofEndpoint)
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
					counts := domain.Counts{Likes: &n, Comments: &n, Shares: &n, Views: &n}
					w.Add(id("p", post, slot), readPost(tenant, platform, fmt.Sprint("post ", post), at, nil, counts))
				}
			}
		}
	}
	put(domain.DirectoryCategory{ID: 1, Name: "one"})
	w.Fold(t, db)
	ledgertest.Exec(t, db.Pool, "vacuum analyze")
}
