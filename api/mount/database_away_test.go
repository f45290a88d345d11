package mount_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
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
func TestDatabaseAway(t *testing.T) {
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
	serves := func() bool {
		return get(boards.Handler(), "/api/projects/dashboard/"+client, "alice's").Code == http.StatusOK &&
			get(boards.Handler(), "/readyz?for=writes", "").Code == http.StatusOK
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
		require.Eventually(t, serves, patience, often, cause.name)
		cause.take()
		for noticed := false; !noticed; { // before the monitor has, and after
			noticed = cause.unseen || readModelFault(boards.Handler()) != ""
			for request, body := range whileAway() {
				w := send(boards.Handler(), request, "alice's", body)
				if w.Code == http.StatusOK && strings.Contains(cause.name, "tables") { // which rest on others
					continue
				}
				about := cause.name + ": " + request + ": " + w.Body.String()
				require.Equal(t, http.StatusServiceUnavailable, w.Code, about)
				require.NotEmpty(t, w.Header().Get("Retry-After"), about)
				if cause.takesChanges && !noticed && strings.Contains(strings.ToLower(w.Body.String()), "your change was recorded") {
					continue
				}
				require.Contains(t, strings.ToLower(w.Body.String()), "nothing was changed", about)
			}
		}
		cause.give()
	}
	require.Eventually(t, serves, patience, often)
	var changed *httptest.ResponseRecorder
	served(func() int {
		changed = send(boards.Handler(), "PUT /api/projects/dashboard/"+client, "alice's", changeOfUsers)
		return changed.Code
	})
	require.Equal(t, http.StatusOK, changed.Code, changed.Body)
}

// readModelFault returns the error about the tables of dashboards in /readyz.
func readModelFault(handler http.Handler) string {
	var ready struct {
		Checks []struct{ Name, Reason string } `json:"checks"`
	}
	_ = json.Unmarshal(get(handler, "/readyz", "").Body.Bytes(), &ready) // without an answer nothing is found
	for _, check := range ready.Checks {
		if check.Name == "read model dashboards" {
			return check.Reason
		}
	}
	return ""
}
