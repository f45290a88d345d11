package mount_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/operator"
)

// changeOfUsers is a change that is recorded if it succeeds.
const changeOfUsers = `{"users":["` + carol + `"]}`

// whileAway contains a request of each kind that needs the database, with its body.
func whileAway() map[string]string {
	return map[string]string{
		"GET /api/projects/dashboard/" + client:              "",
		"PUT /api/projects/dashboard/" + client:              changeOfUsers,
		"GET /api/projects/dashboard/" + client + "/history": "",
		"GET /getRoiViews":                                   "",
		"GET " + insightsPath():                              "",
		"GET /api/users":                                     "",
	}
}

// While the database is unavailable, every response is 503; no restart is needed afterward.
func TestDatabaseOutageReturns503(t *testing.T) {
	t.Parallel()
	beside := runBeside(t)
	target, err := url.Parse(beside.databaseURL)
	require.NoError(t, err)
	database, maintenance := pgx.Identifier{strings.TrimPrefix(target.Path, "/")}.Sanitize(), *target
	maintenance.Path = "/postgres"
	admin, err := pgx.Connect(t.Context(), maintenance.String())
	require.NoError(t, err)
	defer admin.Close(context.Background())
	inside, err := pgx.Connect(t.Context(), beside.databaseURL)
	require.NoError(t, err)
	defer inside.Close(context.Background())
	execute := func(conn *pgx.Conn, sql string) func() {
		return func() {
			_, err := conn.Exec(context.Background(), sql)
			require.NoError(t, err)
		}
	}

	config := beside.config(api.AuthenticatorFunc(byCookie))
	config.HTTP.AnalyticsAtRoot = true
	boards := open(t, config)
	ask := func(request, body string) ledgertest.Answer {
		method, path, _ := strings.Cut(request, " ")
		return ledgertest.Ask(t, boards.Handler(), method, path, body, "Cookie: session=alice's")
	}
	serves := func() bool {
		return get(t, boards.Handler(), "/api/projects/dashboard/"+client, "alice's").Status == http.StatusOK &&
			get(t, boards.Handler(), "/readyz?for=writes", "").Status == http.StatusOK
	}
	for _, cause := range []struct {
		name       string
		take, give func()
		unseen     bool // by the monitor, which looks at the engine's tables

		takesChanges bool // before the monitor has noticed, the log takes a change that no table shows
	}{
		{
			"connections are cut, and none is taken",
			func() {
				execute(admin, "alter database "+database+" with allow_connections false")()
				execute(admin, fmt.Sprintf(`select pg_terminate_backend(pid) from pg_stat_activity
					where datname = '%s' and pid <> %d`, strings.TrimPrefix(target.Path, "/"), inside.PgConn().PID()))()
			},
			execute(admin, "alter database "+database+" with allow_connections true"), false, false,
		},
		{
			"tables of dashboards are gone",
			execute(inside, "alter schema lb_dashboards_g1 rename to away"), execute(inside, "alter schema away rename to lb_dashboards_g1"),
			true, false,
		},
		{
			"tables of the engine are gone",
			execute(inside, "alter schema lb_engine rename to away"), execute(inside, "alter schema away rename to lb_engine"),
			false, true,
		},
	} {
		ledgertest.Eventually(t, serves, cause.name)
		cause.take()
		for noticed := false; !noticed; { // before the monitor has, and after
			noticed = cause.unseen || readModelFault(t, boards.Handler()) != ""
			for request, body := range whileAway() {
				w := ask(request, body)
				if w.Status == http.StatusOK && strings.Contains(cause.name, "tables") { // which rest on others
					continue
				}
				about := cause.name + ": " + request + ": " + w.Body
				require.Equal(t, http.StatusServiceUnavailable, w.Status, about)
				require.NotEmpty(t, w.Header.Get("Retry-After"), about)
				if cause.takesChanges && !noticed && strings.Contains(strings.ToLower(w.Body), "your change was recorded") {
					continue
				}
				require.Contains(t, strings.ToLower(w.Body), "nothing was changed", about)
			}
		}
		cause.give()
	}
	ledgertest.Eventually(t, serves)
	served(func() ledgertest.Answer { return ask("PUT /api/projects/dashboard/"+client, changeOfUsers) }).Says(t, http.StatusOK)
}

// While the database is read-only, reads go on, and /readyz?for=writes answers as a PUT does. Both work
// again within seconds after it ends, though every session was opened in the meantime.
func TestReadsContinueWhileDatabaseIsReadOnly(t *testing.T) {
	t.Parallel()
	beside := runBeside(t)
	config := beside.config(api.AuthenticatorFunc(byCookie))
	boards := open(t, config)
	admin, err := pgx.Connect(t.Context(), beside.databaseURL)
	require.NoError(t, err)
	defer admin.Close(context.Background())
	database := admin.Config().Database
	put := func(body string) ledgertest.Answer {
		return ledgertest.Ask(t, boards.Handler(), http.MethodPut, "/api/projects/dashboard/"+client, body, "Cookie: session=alice's")
	}
	status := func(path string) int { return get(t, boards.Handler(), path, "alice's").Status }
	ledgertest.Eventually(t, func() bool { return put(changeOfUsers).Status == http.StatusOK })

	_, err = admin.Exec(t.Context(), fmt.Sprintf("alter database %q set default_transaction_read_only = on", database))
	require.NoError(t, err)
	_, err = admin.Exec(t.Context(), `select pg_terminate_backend(pid) from pg_stat_activity
		where datname = current_database() and pid <> pg_backend_pid()`)
	require.NoError(t, err)
	ledgertest.Eventually(t, func() bool { return readModelFault(t, boards.Handler()) == operator.HealthReadOnly })
	for range 7 {
		answer := put(`{"users":[]}`)
		require.Equal(t, http.StatusServiceUnavailable, answer.Status)
		require.Contains(t, answer.Body, "read-only")
		require.Contains(t, answer.Body, "Nothing was changed")
		require.Equal(t, http.StatusServiceUnavailable, status("/readyz?for=writes"))
		require.Equal(t, http.StatusOK, status("/readyz"), "reads go on")
		require.Equal(t, http.StatusOK, status("/api/projects/dashboard/"+client))
	}
	_, err = admin.Exec(t.Context(), fmt.Sprintf("alter database %q reset default_transaction_read_only", database))
	require.NoError(t, err)
	began := time.Now()
	ledgertest.Eventually(t, func() bool { return status("/readyz?for=writes") == http.StatusOK })
	served(func() ledgertest.Answer { return put(`{"users":[]}`) }).Says(t, http.StatusOK)
	t.Log("changes work again after", time.Since(began).Round(time.Millisecond))
}

// readModelFault returns the code of the most important fault of dashboards in /readyz; "" without a fault.
func readModelFault(t *testing.T, handler http.Handler) operator.HealthCode {
	t.Helper()
	var ready operator.Health
	_ = json.Unmarshal([]byte(get(t, handler, "/readyz", "").Body), &ready) // without an answer nothing is found
	for _, p := range ready.Projections {
		if p.Projection == "dashboards" && len(p.Reasons) > 0 {
			return p.Reasons[0].Code
		}
	}
	return ""
}
