package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/internal/dev/pgtest"
	"github.com/ledgerboard/ledgerboard/internal/dev/tables"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
	"github.com/ledgerboard/ledgerboard/readmodels/directory"
)

// figureRequests is how often each endpoint is asked, and its SQL run, if -requests does not say.
const figureRequests = 500

// paths are the 22 endpoints for the staff of one agency: the last days in a time zone, limit=50.
func (f figureWorld) paths() []string {
	const list, member = "?limit=50", "1"
	start, end := f.now().AddDate(0, 0, 1-f.days).Format(time.DateOnly), f.now().Format(time.DateOnly)
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
		paths[i] = path + map[bool]string{true: "&", false: "?"}[strings.Contains(path, "?")] + "tz=" + f.zone
	}
	return paths
}

// names are the endpoints as -run chooses among them.
func (f figureWorld) names() []string {
	names := make([]string, len(f.paths()))
	for i := range names {
		names[i] = fmt.Sprintf("%s_%02d", f.name, i+1)
	}
	return names
}

// figures measures the analytics over HTTP next to their bare SQL, in a database of so many agencies: p50 and p99 of
// each endpoint, and finally the slowest p50 next to that of the median endpoint.
func (b *bench) figures(ctx context.Context, w figureWorld, agencies int, asked func(name string) bool, print func(result) error) error {
	if w.agencies > 0 {
		agencies = w.agencies
	}
	url, err := b.filled(ctx, w, agencies)
	if err != nil {
		return err
	}
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
	size := fmt.Sprintf("%.1fm", float64(agencies*w.readings())/1_000_000)
	var medians []float64
	for i, path := range w.paths() {
		if !asked(w.names()[i]) {
			continue
		}
		name := w.names()[i] + "_" + size
		statements.Take()
		if err := get(ctx, server, path); err != nil {
			return err
		}
		overHTTP, bare, err := b.inTurns(ctx, server, path, conn, statements.Take())
		if err != nil {
			return err
		}
		for _, p := range []float64{0.50, 0.99} {
			if err := print(against(fmt.Sprintf("%s_p%.0f", name, p*100), "ms", percentile(overHTTP, p), percentile(bare, p))); err != nil {
				return err
			}
		}
		medians = append(medians, percentile(overHTTP, 0.50))
	}
	if len(medians) == 0 {
		return nil
	}
	return print(against(w.name+"_slowest_"+size+"_p50", "ms", slices.Max(medians), median(medians)))
}

// filled makes a database with the readings of so many agencies and returns its URL.
func (b *bench) filled(ctx context.Context, w figureWorld, agencies int) (string, error) {
	pool, err := b.database(ctx, 8)
	if err != nil {
		return "", err
	}
	defer pool.Close()
	if err := w.fill(ctx, pool, agencies); err != nil {
		return "", err
	}
	// What a checkpoint would write meanwhile is written before anything is measured.
	if _, err := pool.Exec(ctx, "checkpoint"); err != nil {
		return "", fmt.Errorf("checkpoint: %w", err)
	}
	return pool.Config().ConnString(), nil
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

// inTurns asks over HTTP and with the bare statements, so that what else the machine does hits both, and says how long each took.
func (b *bench) inTurns(
	ctx context.Context, server *httptest.Server, path string, conn *pgx.Conn, sent []pgtest.Statement,
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
func figureServer(ctx context.Context, url string, now func() time.Time) (*httptest.Server, *pgtest.Statements, func(), error) {
	base, err := pg.Open(ctx, pg.Config{URL: url, SearchPath: tables.Views(), Name: "bench reader", ReadOnly: true, MaxConns: 4})
	if err != nil {
		return nil, nil, nil, err
	}
	config := base.Config()
	base.Close()
	noted := &pgtest.Statements{}
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

// runBare runs the statements of a request one after the other and throws the rows away undecoded.
func runBare(ctx context.Context, conn *pgx.Conn, asked []pgtest.Statement) (time.Duration, error) {
	began := time.Now()
	for _, s := range asked {
		rows, err := conn.Query(ctx, s.SQL, s.Args...)
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
