package api_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
)

// metaOf is the meta of an answer.
func metaOf(t *testing.T, a answer) map[string]any {
	t.Helper()
	require.Equal(t, http.StatusOK, a.status, a.body)
	return a.object(t)["meta"].(map[string]any)
}

// sourcesIn are the social accounts that an answer rests on.
func sourcesIn(t *testing.T, a answer) (accounts []any) {
	t.Helper()
	for _, source := range metaOf(t, a)["sources"].([]any) {
		accounts = append(accounts, source.(map[string]any)["social_account_id"])
	}
	return accounts
}

// Several accounts are one question; if one of them is unknown, there is no answer.
func TestSeveralAccounts(t *testing.T) {
	t.Parallel()
	b := discovery(t)
	ask := func(accounts, token string) answer { return b.get(insightsPath+"?account="+accounts, token) }
	staff := b.agencyToken()
	require.Equal(t, []any{70.0, 90.0}, sourcesIn(t, ask("11,"+client2, staff)))
	require.Equal(t, []any{70.0}, sourcesIn(t, ask("11,"+client1+",11", staff)))
	for _, missing := range []string{"11,99", client1 + "," + otherClient, "21,11"} {
		require.Equal(t, http.StatusNotFound, ask(missing, staff).status, missing)
	}
	require.Equal(t, http.StatusNotFound, ask("11,12", b.token(client1, "client")).status, "one that the client may not see")
	require.Equal(t, []any{70.0}, sourcesIn(t, ask("11", b.token(client1, "client"))))
	for _, wrong := range []string{"11,", ",11", "11,x", "11;12", strings.Repeat("11,", 100) + "12"} {
		require.Equal(t, http.StatusBadRequest, ask(wrong, staff).status, "%.20s", wrong)
	}
	require.Equal(t, http.StatusOK, ask(strings.Repeat("11,", 99)+"12", staff).status, "a hundred")
	list := b.get("/api/platforms?account=11,12", staff)
	require.Equal(t, 2, strings.Count(list.body, `"profile_id"`), list.body)
}

// The figures of a dashboard are those of all accounts linked in it. The agency sees them also while it is closed.
func TestFiguresOfADashboard(t *testing.T) {
	t.Parallel()
	b := discovery(t)
	update := func(change domain.UpdateDashboard) {
		t.Helper()
		_, err := b.facts.Dashboards(t, time.Now).Update(t.Context(), commands.UpdateDashboard{
			Caller: commands.Caller{ParentAccount: agency, UserID: alice, Role: "agency", RequestID: "r"}, Change: change,
		})
		require.NoError(t, err)
	}
	ask := func(dashboard, token string) answer { return b.get(insightsPath+"?dashboard="+dashboard, token) }
	staff, client := b.agencyToken(), b.token(client1, "client")
	require.Equal(t, []any{70.0}, sourcesIn(t, ask(client1, staff)))
	require.Equal(t, []any{70.0}, sourcesIn(t, ask(strings.ToUpper(client1), client)))
	require.Equal(t, http.StatusNotFound, ask(client2, client).status, "not the client's")
	require.Equal(t, http.StatusNotFound, ask(otherClient, staff).status)
	require.NotContains(t, metaOf(t, b.get(insightsPath, staff)), "clients_see", "no dashboard was named")

	require.Equal(t, http.StatusNotFound, ask(client3, staff).status, "it does not exist yet")
	require.Equal(t, []any{client3}, b.entries("/api/dashboards?exists=false", staff, "sub_account_id"), "and none was made")

	yes, no := true, false
	update(domain.UpdateDashboard{Primary: client1, SubAccountIDs: &[]string{client2}})
	require.Equal(t, []any{70.0, 90.0}, sourcesIn(t, ask(client2, staff)))
	require.Equal(t, []any{70.0, 90.0}, sourcesIn(t, ask(client2, client)), "linked with its own, and open")
	require.Equal(t, true, metaOf(t, ask(client2, staff))["clients_see"])
	require.Equal(t, []any{90.0}, sourcesIn(t, b.get(insightsPath+"?account=12&dashboard="+client1, staff)), "one account of it")

	update(domain.UpdateDashboard{Primary: client1, Scopes: &[]string{"posts"}})
	closed := metaOf(t, ask(client1, staff))
	require.Equal(t, false, closed["clients_see"])
	require.Contains(t, closed["clients_see_not"], "lacks the scope analytics")
	require.Equal(t, http.StatusNotFound, ask(client1, client).status)
	update(domain.UpdateDashboard{Primary: client1, Scopes: &[]string{"analytics"}, AllowClientDashboard: &no})
	require.Contains(t, metaOf(t, ask(client1, staff))["clients_see_not"], "not open")
	require.Equal(t, []any{70.0, 90.0}, sourcesIn(t, ask(client1, staff)))
	update(domain.UpdateDashboard{Primary: client1, Users: &[]string{}, AllowClientDashboard: &yes})
	require.Contains(t, metaOf(t, ask(client1, staff))["clients_see_not"], "Nobody is on the list")
}
