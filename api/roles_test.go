package api_test

import (
	"net/http"
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

func TestRightsAddUp(t *testing.T) {
	t.Parallel()
	b := setup(t, func(d *api.Deps) { d.Operators = &fakeDesk{} })
	b.views[agency+"/"+client1] = view(client1, 3)
	token := b.token(agency, []string{"auditor", "operator"})
	require.Equal(t, http.StatusOK, b.get("/api/projects/dashboard/"+client1, token).status)
	require.Equal(t, http.StatusForbidden, b.get("/auth/getAccountInsights/2026-01-01/2026-01-02/all", token).status)
	require.Equal(t, http.StatusForbidden, b.get("/api/projects/dashboard/"+client1, b.token(agency, "operator")).status,
		"an operator has no tenant, whatever its token says")
	token = b.token(agency, []string{"auditor", "agency", "something-new"})
	require.Equal(t, http.StatusOK, b.get("/auth/getAccountInsights/2026-01-01/2026-01-02/all", token).status)
	retried := b.ask(http.MethodPost, "/api/ops/parked/retry", `{"reason":"test"}`, "Authorization: Bearer "+token)
	require.Equal(t, http.StatusForbidden, retried.status, "operators alone operate")
	require.Equal(t, http.StatusForbidden, b.get("/api/projects/dashboard/"+client1, b.token(agency, "something-new")).status)
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
