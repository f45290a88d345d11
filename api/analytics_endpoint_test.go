package api_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

func TestAnalyticsUnderAuthAndAtTheRoot(t *testing.T) {
	t.Parallel()
	const path = "/getAccountInsights/2026-01-01/2026-01-31/3"
	b := setup(t)
	for _, prefix := range []string{"", "/auth"} {
		answer := b.get(prefix+path+"?tz=Europe/Berlin", b.agencyToken())
		require.Equal(t, http.StatusOK, answer.status, answer.body)
		body := answer.object(t)
		require.Equal(t, []any{true, "SUCCESS"}, []any{body["success"], body["message"]})
		require.NotNil(t, body["data"])
		meta := body["meta"].(map[string]any)
		require.Equal(t, "2025-12-31T23:00:00Z", meta["from"])
		require.Equal(t, "2026-01-31T23:00:00Z", meta["to"])
		require.Equal(t, "Europe/Berlin", meta["time_zone"])
		require.Contains(t, meta, "as_of")
	}
	require.Equal(t, []domain.Platform{domain.Instagram}, b.queries[0].Platforms)
	mounted := setup(t, func(d *api.Deps) { d.Config.AnalyticsAtRoot = false })
	require.Equal(t, http.StatusNotFound, mounted.get(path, mounted.agencyToken()).status)
	require.Equal(t, http.StatusOK, mounted.get("/auth"+path, mounted.agencyToken()).status)
}

func TestEncodedParametersAreDecodedOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	answer := b.get("/auth/getAccountInsights/2026-01-01T00%3A00%3A00%2B02%3A00/2026-01-01T02:00:00+02:00/0", b.agencyToken())
	require.Equal(t, http.StatusOK, answer.status, answer.body)
	require.Equal(t, time.Date(2025, 12, 31, 22, 0, 0, 0, time.UTC), b.queries[0].Range.From)
	require.Equal(t, 2*time.Hour, b.queries[0].Range.To.Sub(b.queries[0].Range.From))
	require.Equal(t, http.StatusBadRequest, b.get("/auth/getAccountInsights/2026-01-01/2026-01-02/%2531", b.agencyToken()).status,
		"%2531 is %31, not 1")
}

func TestBadParametersAreNamed(t *testing.T) {
	t.Parallel()
	b := setup(t)
	answer := b.get("/auth/getAccountInsights/2026-02-01/2026-01-01/2?tz=x&account=y", b.agencyToken())
	require.Equal(t, http.StatusBadRequest, answer.status)
	f := answer.failure(t)
	require.Equal(t, "invalid", f.Code)
	require.Len(t, f.Errors, 4)
	require.Empty(t, b.scopes)
	require.Empty(t, b.queries)
}

func TestWhoseFigures(t *testing.T) {
	t.Parallel()
	b := setup(t)
	path := "/auth/getAccountInsights/2026-01-01/2026-01-31/all"
	require.Equal(t, http.StatusOK, b.get(path+"?account=17", b.agencyToken()).status)
	require.Equal(t, http.StatusOK, b.get(path+"?account="+client2, b.token(client1, "client")).status)
	require.Equal(t, []readmodels.ScopeRequest{
		{ParentAccount: agency, Narrow: readmodels.Narrowing{Accounts: []readmodels.AccountRef{{RowID: 17}}}},
		{ParentAccount: agency, ClientAccount: client1, ClientUser: alice, Narrow: readmodels.Narrowing{Accounts: []readmodels.AccountRef{{ID: client2}}}},
	}, b.scopes)
	b.scopeErr = readmodels.ErrAccountNotFound
	require.Equal(t, http.StatusNotFound, b.get(path, b.agencyToken()).status)
	b.scopeErr = readmodels.ErrNoOpenDashboard
	require.Equal(t, http.StatusForbidden, b.get(path, b.token(client1, "client")).status)
	require.Len(t, b.queries, 2)
}
