package api_test

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
)

// pathOf fills a pattern with parameters that are well-formed.
func pathOf(pattern string) string {
	return strings.NewReplacer(
		"{sub_account_id}", client1, "{startTime}", "2026-01-01", "{endTime}", "2026-01-31", "{pId}", "all", "{cId}", "all",
		"{memberId}", "7", "{accountId}", "11", "{fromDate}", "2026-01-01", "{toDate}", "2026-01-31", "*", "",
	).Replace(pattern)
}

// Every route refuses who has no token and every role that it does not name; the roles that it names
// are let in, whatever it then answers.
func TestEveryRouteKeepsItsRoles(t *testing.T) {
	t.Parallel()
	b := setup(t, func(d *api.Deps) {
		d.Streams = quietHub(t)
		d.Metrics = http.NotFoundHandler()
	})
	public := []string{"/healthz", "/readyz", "/metrics", "/socket.io/*", "/api/notices", "/api/live", "/openapi.json", "/asyncapi.json", "/docs", "/client.tgz", "/client.js"}
	for _, route := range b.server.Routes() {
		if route.Roles == nil {
			require.Contains(t, public, route.Pattern, "a route without roles is a deliberate exception")
			continue
		}
		path := pathOf(route.Pattern)
		require.NotContains(t, path, "{", "the test has a value for every parameter")
		require.Equal(t, http.StatusUnauthorized, b.ask(route.Method, path, "").status, "%s %s", route.Method, path)
		for role, account := range map[api.Role]any{
			api.RoleAgency: agency, api.RoleClient: client1, api.RoleAuditor: agency, api.RoleOperator: nil, api.RoleMainApp: nil,
		} {
			token := b.token("", role, map[string]any{"account_id": account})
			status := statusOf(t, b, route, path, token)
			require.Equal(t, !slices.Contains(route.Roles, role), status == http.StatusForbidden,
				"%s %s as %s: %d", route.Method, path, role, status)
			require.NotEqual(t, http.StatusUnauthorized, status)
		}
	}
}

// statusOf asks a route; one whose query the fake does not know panics, which is past authorisation.
func statusOf(t *testing.T, b *bundle, route api.Route, path, token string) int {
	t.Helper()
	b.mu.Lock()
	b.views[agency+"/"+client1] = view(client1, 3, alice)
	open := b.views[agency+"/"+client1]
	open.AllowClientDashboard = true
	b.views[agency+"/"+client1] = open
	b.mu.Unlock()
	body := ""
	if route.Method == http.MethodPut {
		body = "{}"
	}
	return b.ask(route.Method, path, body, "Authorization: Bearer "+token).status
}

// What operators may do, as retrying what is parked, nobody else may, whatever rights they have in their agency; and nothing is done.
func TestOnlyOperatorsOperate(t *testing.T) {
	t.Parallel()
	b, desk := operating(t)
	asked := map[string]bool{}
	for _, route := range b.server.Routes() {
		if !strings.HasPrefix(route.Pattern, "/api/ops/") {
			continue
		}
		asked[route.Method+" "+route.Pattern] = true
		path := regexp.MustCompile(`\{\w+\}`).ReplaceAllString(route.Pattern, "7")
		body := ""
		if route.Method != http.MethodGet {
			body = `{"reason":"test"}`
		}
		require.Equal(t, http.StatusUnauthorized, b.ask(route.Method, path, body).status, "%s %s", route.Method, path)
		for role, account := range map[string]string{"agency": agency, "client": client1, "auditor": agency, "main_app": ""} {
			answer := b.ask(route.Method, path, body, "Authorization: Bearer "+b.token(account, role))
			require.Equal(t, http.StatusForbidden, answer.status, "%s %s as %s: %s", route.Method, path, role, answer.body)
		}
	}
	require.Empty(t, desk.acts)
	for _, route := range []string{"POST /api/ops/parked/retry", "POST /api/ops/parked/{parked}/retry"} {
		require.Contains(t, asked, route, "among others")
	}
}

func TestRightsAddUp(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.views[agency+"/"+client1] = view(client1, 3)
	token := b.token(agency, []string{"auditor", "operator"})
	require.Equal(t, http.StatusOK, b.get("/api/projects/dashboard/"+client1, token).status)
	require.Equal(t, http.StatusForbidden, b.get("/auth/getAccountInsights/2026-01-01/2026-01-02/all", token).status)
	token = b.token(agency, []string{"auditor", "agency", "something-new"})
	require.Equal(t, http.StatusOK, b.get("/auth/getAccountInsights/2026-01-01/2026-01-02/all", token).status)
	require.Equal(t, http.StatusForbidden, b.get("/api/projects/dashboard/"+client1, b.token(agency, "something-new")).status)
}

func TestOperatorHasNoTenantWhateverItsTokenSays(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.views[agency+"/"+client1] = view(client1, 3)
	require.Equal(t, http.StatusForbidden, b.get("/api/projects/dashboard/"+client1, b.token(agency, "operator")).status)
}

func TestPrincipalsOfAMainApplication(t *testing.T) {
	t.Parallel()
	b := setup(t, func(d *api.Deps) {
		d.Authenticator = api.AuthenticatorFunc(func(r *http.Request) (api.Principal, error) {
			return api.Principal{
				UserID: strings.ToUpper(alice), AccountID: r.Header.Get("X-Account"), Roles: api.Roles{api.RoleAgency},
				ExpiresAt: time.Time{},
			}, nil
		})
	})
	b.views[agency+"/"+client1] = view(client1, 3)
	answer := b.ask(http.MethodGet, "/api/projects/dashboard/"+client1, "", "X-Account: "+strings.ToUpper(agency))
	require.Equal(t, http.StatusOK, answer.status, "ids are lower-cased, regardless of what verified them")
	answer = b.ask(http.MethodGet, "/api/projects/dashboard/"+client1, "", "X-Account: 17")
	require.Equal(t, http.StatusUnauthorized, answer.status)
}
