package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/internal/dev/tables"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
	"github.com/ledgerboard/ledgerboard/readmodels/directory"
)

// How often each endpoint is asked, and its SQL run, for one figure: of wall time, if -requests does not say, and of processor time.
const (
	figureRequests    = 500
	figureCPURequests = 50
)

// paths are the 22 endpoints for the staff of one agency: the last days in a time zone, limit=50.
func (w figureWorld) paths() []string {
	const list, member = "?limit=50", "1"
	start, end := w.now().AddDate(0, 0, 1-w.days).Format(time.DateOnly), w.now().Format(time.DateOnly)
	span := start + "/" + end
	paths := []string{
		"/getAccountInsights/" + span + "/all",
		"/getAccountFollowers/" + span + "/all",
		"/getRoiViews",
		"/reach/getAccountStats/all",
		"/reach/getAccountNetGrowth",
		"/reach/activityMeter",
		"/leaderboard/all" + list,
		"/getTopPostsInsights/" + span + "/all/all" + list,
		"/getPostInsights/" + span + "/all" + list,
		"/getPostsLikes/" + span + "/all" + list,
		"/getPostsViews/" + span + "/all",
		"/getPostsEngagements/" + span + "/all" + list,
		"/getPostsTotalEngagements/" + span + "/all",
		"/member-followers-graph/" + member,
		"/accountActiveMembersPlatforms/1" + list,
		"/membersSocialGrowth/" + member + "/" + span,
		"/getMembersPostInsights/" + member + "/" + span + "/all" + list,
		"/getMembersfollowersGrowth/" + member + "/" + span + "/all",
		"/getMembersPostLikes/" + member + "/" + span + "/all" + list,
		"/getMembersPostViews/" + member + "/" + span + "/all",
		"/getMembersPostEngagement/" + member + "/" + span + "/all" + list,
		"/getMembersTopPosts/" + member + "/" + span + "/all/all" + list,
	}
	for i, path := range paths {
		paths[i] = path + map[bool]string{true: "&", false: "?"}[strings.Contains(path, "?")] + "tz=" + w.zone
	}
	return paths
}

// names are the endpoints as -run chooses among them.
func (w figureWorld) names() []string {
	names := make([]string, len(w.paths()))
	for i := range names {
		names[i] = fmt.Sprintf("%s_%02d", w.name, i+1)
	}
	return names
}

// figures measures the analytics over HTTP beside their bare SQL, in a database of few agencies and
// again in one with more: what one agency's answer costs must not grow with the others.
func (b *bench) figures(ctx context.Context, w figureWorld, sizes []int, asked func(name string) bool, print func(result) error) error {
	fewer := 0
	before := map[string]figureCost{}
	if w.agencies > 0 {
		sizes = []int{w.agencies}
	}
	for _, agencies := range sizes {
		url, err := b.filled(ctx, w, fewer, agencies)
		if err != nil {
			return err
		}
		if err := b.askFigures(ctx, url, w, agencies, asked, before, print); err != nil {
			return err
		}
		fewer = agencies
	}
	return nil
}

// connectTables connects to a database whose tables are found by their names alone.
func connectTables(ctx context.Context, url string) (*pgx.Conn, error) {
	config, err := tablesConfig(url)
	if err != nil {
		return nil, err
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	return conn, nil
}

func tablesConfig(url string) (*pgx.ConnConfig, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("parse URL: %w", err)
	}
	config.RuntimeParams["search_path"] = pg.SearchPath(tables.Schemas()...)
	return config, nil
}

// figureCost is what an endpoint cost: milliseconds, and pages of PostgreSQL's cache that its SQL touched,
// which no load of the machine changes.
type figureCost struct{ p50, pages float64 }

// askFigures prints for each endpoint p50 and p99 over HTTP next to those of its SQL, and p50 and pages
// next to those of the smaller database; finally the slowest p50 next to that of the median endpoint.
func (b *bench) askFigures(
	ctx context.Context, url string, w figureWorld, agencies int, asked func(name string) bool, before map[string]figureCost, print func(result) error,
) error {
	size := fmt.Sprintf("%.1fm", float64(agencies*w.readings())/1_000_000)
	small := agencies < 5 // a table whose rows are mostly needed is scanned for good reason
	server, statements, stop, err := figureServer(ctx, url, w.now)
	if err != nil {
		return err
	}
	defer stop()
	conn, err := connectTables(ctx, url)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	var medians []float64
	for i, path := range w.paths() {
		if !asked(w.names()[i]) {
			continue
		}
		name := w.names()[i] + "_" + size
		statements.begin()
		if err := get(ctx, server, path); err != nil {
			return err
		}
		sent := statements.end()
		pages, err := explain(ctx, conn, name, sent, !small)
		if err != nil {
			return err
		}
		overHTTP, bare, err := b.inTurns(ctx, server, path, conn, sent)
		if err != nil {
			return err
		}
		p50, p99 := percentile(overHTTP, 0.50), percentile(overHTTP, 0.99)
		if err := errors.Join(
			print(against(name+"_p50", "ms", p50, percentile(bare, 0.50))), print(against(name+"_p99", "ms", p99, percentile(bare, 0.99))),
		); err != nil {
			return err
		}
		medians = append(medians, p50)
		if smaller, ok := before[path]; ok {
			err := errors.Join(
				print(against(name+"_p50_vs_smaller", "ms", p50, smaller.p50)), print(against(name+"_pages_vs_smaller", "pages", pages, smaller.pages)),
			)
			if err != nil {
				return err
			}
		}
		before[path] = figureCost{p50, pages}
	}
	if len(medians) == 0 {
		return nil
	}
	return print(against(w.name+"_slowest_"+size+"_p50", "ms", slices.Max(medians), median(medians)))
}

// inTurns asks over HTTP and with the bare statements, so that what else the machine does hits both, and says how long each took.
func (b *bench) inTurns(
	ctx context.Context, server *httptest.Server, path string, conn *pgx.Conn, sent []statement,
) (overHTTP, bare []time.Duration, err error) {
	for range b.requests {
		began := time.Now()
		if err := get(ctx, server, path); err != nil {
			return nil, nil, err
		}
		overHTTP = append(overHTTP, time.Since(began))
		took, err := runBare(ctx, conn, sent)
		if err != nil {
			return nil, nil, err
		}
		bare = append(bare, took)
	}
	return overHTTP, bare, nil
}

// figureServer serves the analytics to the staff of agency 0, and notes the statements of a request.
func figureServer(ctx context.Context, url string, now func() time.Time) (*httptest.Server, *statements, func(), error) {
	base, err := pg.Open(ctx, pg.Config{URL: url, SearchPath: tables.Views(), Name: "bench reader", ReadOnly: true, MaxConns: 4})
	if err != nil {
		return nil, nil, nil, err
	}
	config := base.Config()
	base.Close()
	noted := &statements{}
	config.ConnConfig.Tracer = noted
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("open pool: %w", err)
	}
	handler, err := api.Handler(api.Deps{
		Config: api.Config{AnalyticsAtRoot: true},
		Authenticator: api.AuthenticatorFunc(func(*http.Request) (api.Principal, error) {
			return api.Principal{UserID: "b000000000000000000000aa", AccountID: figureAgency(0), Roles: api.Roles{api.RoleAgency}}, nil
		}),
		People: directory.People{Pool: pool}, UnknownUsers: true, ParentAccount: readmodels.Accounts{Pool: pool}.ParentAccount, Dashboards: noDashboards{}, DashboardCommands: noDashboards{},
		Scope: readmodels.Scopes{Pool: pool}.Scope, Analytics: &analytics.Analytics{Pool: pool},
		Logger: slog.New(slog.DiscardHandler), Now: now,
	})
	if err != nil {
		return nil, nil, nil, errors.Join(err)
	}
	server := httptest.NewServer(handler)
	return server, noted, func() { server.Close(); pool.Close() }, nil
}

// noDashboards is what the analytics do not need.
type noDashboards struct {
	api.DashboardReader
	api.DashboardCommands
}

func get(ctx context.Context, server *httptest.Server, path string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+path, nil)
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	response, err := server.Client().Do(request)
	if err != nil {
		return fmt.Errorf("ask %s: %w", path, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return fmt.Errorf("read answer of %s: %w", path, err)
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("ask %s: %s: %s", path, response.Status, body)
	}
	return nil
}

// statement is one that a request sent.
type statement struct {
	sql  string
	args []any
}

// statements notes what a pool is asked, between begin and end.
type statements struct {
	mu    sync.Mutex
	on    bool
	noted []statement
}

func (s *statements) begin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.on, s.noted = true, nil
}

func (s *statements) end() []statement {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.on = false
	return s.noted
}

func (s *statements) note(sql string, args []any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.on {
		s.noted = append(s.noted, statement{sql, args})
	}
}

// TraceQueryStart implements [pgx.QueryTracer].
func (s *statements) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	s.note(data.SQL, data.Args)
	return ctx
}

// TraceQueryEnd implements [pgx.QueryTracer].
func (*statements) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// TraceBatchStart implements [pgx.BatchTracer].
func (*statements) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	return ctx
}

// TraceBatchQuery implements [pgx.BatchTracer].
func (s *statements) TraceBatchQuery(_ context.Context, _ *pgx.Conn, data pgx.TraceBatchQueryData) {
	s.note(data.SQL, data.Args)
}

// TraceBatchEnd implements [pgx.BatchTracer].
func (*statements) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) {}

// runBare runs the statements of a request one after the other and throws the rows away undecoded.
func runBare(ctx context.Context, conn *pgx.Conn, asked []statement) (time.Duration, error) {
	began := time.Now()
	for _, s := range asked {
		rows, err := conn.Query(ctx, s.sql, s.args...)
		if err != nil {
			return 0, fmt.Errorf("run bare: %w", err)
		}
		rows.Close() // reads to the end
		if err := rows.Err(); err != nil {
			return 0, fmt.Errorf("run bare: %w", err)
		}
	}
	return time.Since(began), nil
}

// readingTables hold a row for each reading, or for each day of what is read.
var readingTables = []string{"account_readings", "account_days", "account_quarters", "day_figures", "post_readings", "post_weeks", "post_days", "post_quarters"}

// explain returns the pages that the statements touch; with strict it fails when a plan reads one of the
// reading tables from end to end.
func explain(ctx context.Context, conn *pgx.Conn, name string, asked []statement, strict bool) (pages float64, err error) {
	for _, s := range asked {
		if !strings.Contains(s.sql, "select") {
			continue // begin, commit
		}
		var raw []byte
		if err := conn.QueryRow(ctx, "explain (analyze, buffers, format json) "+s.sql, s.args...).Scan(&raw); err != nil {
			return 0, fmt.Errorf("explain a statement of %s: %w", name, err)
		}
		var plans []struct {
			Plan map[string]any `json:"Plan"`
		}
		if err := json.Unmarshal(raw, &plans); err != nil {
			return 0, fmt.Errorf("read plan: %w", err)
		}
		for _, p := range plans {
			for _, kind := range []string{"Shared Hit Blocks", "Shared Read Blocks"} {
				n, _ := p.Plan[kind].(float64)
				pages += n
			}
			if table := scanned(p.Plan); strict && table != "" {
				return 0, fmt.Errorf("%s scans all of %s: %s\n%s", name, table, s.sql, raw)
			}
		}
	}
	return pages, nil
}

// scanned is a reading table that a plan reads from end to end; "" if no plan does.
func scanned(plan any) string {
	switch node := plan.(type) {
	case []any:
		for _, child := range node {
			if table := scanned(child); table != "" {
				return table
			}
		}
	case map[string]any:
		relation, _ := node["Relation Name"].(string)
		for _, table := range readingTables {
			if node["Node Type"] == "Seq Scan" && strings.HasPrefix(relation, table) {
				return relation
			}
		}
		for _, child := range node {
			if table := scanned(child); table != "" {
				return table
			}
		}
	}
	return ""
}
