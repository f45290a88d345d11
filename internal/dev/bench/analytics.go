package main

import (
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/dev/pgtest"
	"github.com/ledgerboard/ledgerboard/internal/dev/tables"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
	"github.com/ledgerboard/ledgerboard/readmodels/directory"
)

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

// measure measures the analytics over HTTP next to their bare SQL, one in turn with the other: p50 and p99
// of each endpoint, and finally the slowest p50 next to that of the median endpoint.
func (f figureWorld) measure(b *bench) {
	agencies := b.agencies
	if f.agencies > 0 {
		agencies = f.agencies
	}
	pool := b.database(8)
	f.fillTables(b, pool, agencies)
	server, statements := serveFigures(b, pool.Config().ConnString(), f.now)
	conn := connectTables(b, pool.Config().ConnString(), nil)
	size := fmt.Sprintf("%.1fm", float64(agencies*f.readings())/1_000_000)
	var medians []float64
	for i, path := range f.paths() {
		name := f.names()[i]
		if !b.chosen.MatchString(f.name) && !b.chosen.MatchString(name) {
			continue
		}
		ask := func() time.Duration {
			began := time.Now()
			ledgertest.Send(http.DefaultClient, http.MethodGet, server+path, "").Says(b, http.StatusOK)
			return time.Since(began)
		}
		statements.Take()
		ask()
		sent := statements.Take()
		var overHTTP, bare []time.Duration
		for range b.requests {
			overHTTP, bare = append(overHTTP, ask()), append(bare, runBare(b, conn, sent))
		}
		b.comparePercentiles(name+"_"+size, overHTTP, bare)
		medians = append(medians, percentile(overHTTP, 0.50))
	}
	if len(medians) > 0 {
		b.compare(f.name+"_slowest_"+size+"_p50", "ms", slices.Max(medians), median(medians))
	}
}

// serveFigures serves the analytics to the staff of agency 0, and notes the statements of a request.
func serveFigures(b *bench, databaseURL string, now func() time.Time) (base string, statements *pgtest.Statements) {
	opened, err := pg.Open(b.ctx, pg.Config{URL: databaseURL, SearchPath: tables.Views(), Name: "bench reader", ReadOnly: true, MaxConns: 4})
	require.NoError(b, err)
	opened.Close() // only its configuration is used
	pool, statements := pgtest.Traced(b, opened)
	handler, err := api.Handler(api.Deps{
		Config: api.Config{AnalyticsAtRoot: true},
		Authenticator: api.AuthenticatorFunc(func(*http.Request) (api.Principal, error) {
			return api.Principal{UserID: "b000000000000000000000aa", AccountID: figureAgency(0), Roles: api.Roles{api.RoleAgency}}, nil
		}),
		People: directory.People{Pool: pool}, UnknownUsers: true, ParentAccount: readmodels.Accounts{Pool: pool}.ParentAccount,
		Dashboards: noDashboards{}, DashboardCommands: noDashboards{},
		Scope: readmodels.Scopes{Pool: pool}.Scope, Analytics: &analytics.Analytics{Pool: pool},
		Logger: slog.New(slog.DiscardHandler), Now: now,
	})
	require.NoError(b, err)
	return ledgertest.Serve(b, handler), statements
}

// noDashboards is what the analytics do not need.
type noDashboards struct {
	api.DashboardReader
	api.DashboardCommands
}

// connectTables connects to a database whose tables are found by their names alone. notice may be nil.
func connectTables(b *bench, databaseURL string, notice pgconn.NoticeHandler) *pgx.Conn {
	config, err := pgx.ParseConfig(databaseURL)
	require.NoError(b, err)
	config.RuntimeParams["search_path"], config.OnNotice = pg.SearchPath(tables.Schemas()...), notice
	conn, err := pgx.ConnectConfig(b.ctx, config)
	require.NoError(b, err)
	b.Cleanup(func() { conn.Close(b.ctx) })
	return conn
}

// runBare runs the statements of a request one after the other and throws the rows away undecoded.
func runBare(b *bench, conn *pgx.Conn, asked []pgtest.Statement) time.Duration {
	began := time.Now()
	for _, s := range asked {
		rows, err := conn.Query(b.ctx, s.SQL, s.Args...)
		require.NoError(b, err, s.SQL)
		rows.Close() // reads to the end
		require.NoError(b, rows.Err(), s.SQL)
	}
	return time.Since(began)
}
