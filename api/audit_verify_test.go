package api_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/domain"
)

// Starting a verification is the look that is recorded, of the token's agency, and without the record nothing is shown; asking how far
// it is shows the same person what was recorded.
func TestVerifyIsRecorded(t *testing.T) {
	t.Parallel()
	verifier := &fakeVerifier{}
	b, f := setupAudit(t, func(d *api.Deps) { d.Audit.Verifier = verifier })
	post := func(query, token string) answer {
		return b.ask(http.MethodPost, "/api/audit/verify"+query, "", "Authorization: Bearer "+token)
	}
	f.refuse = &domain.Error{Code: domain.CodeUnavailable, Message: "not recorded"}
	refused := post("", b.auditorToken())
	require.Equal(t, http.StatusServiceUnavailable, refused.status)
	require.NotContains(t, refused.body, "it was altered")
	require.Equal(t, http.StatusNotFound, b.get("/api/audit/verify", b.auditorToken()).status)
	f.refuse, f.reads, f.callers = nil, nil, nil

	started := post("", b.auditorToken())
	require.Equal(t, http.StatusOK, started.status, started.body)
	require.Contains(t, started.body, `"kind":"own","stage":"done"`)
	require.Contains(t, started.body, "ALTERED agency "+agency+" version 5 (partition 2 offset 9): it was altered")
	require.Equal(t, http.StatusOK, post("?kind=all", b.agencyToken()).status)
	require.Equal(t, []domain.AuditRead{{What: "verify"}, {What: "verify_all"}}, f.reads)
	require.Equal(t, "auditor", f.callers[0].Role)
	require.Equal(t, "agency", f.callers[1].Role)
	for _, read := range f.reads {
		require.NoError(t, read.Validate())
	}
	require.Equal(t, []api.VerifyAsked{{Agency: agency, User: alice, Kind: "own"}, {Agency: agency, User: alice, Kind: "all"}}, verifier.asked)

	for _, path := range []string{"/api/audit/verify", "/api/audit/verify/run-" + agency} {
		shown := b.get(path, b.auditorToken())
		require.Equal(t, http.StatusOK, shown.status, shown.body)
		require.Contains(t, shown.body, "it was altered")
		require.Equal(t, http.StatusNotFound, b.get(path, b.token(agency, "auditor", map[string]any{"sub": bob})).status, "who did not ask is recorded nowhere")
		require.Equal(t, http.StatusNotFound, b.get(path, b.token(otherAgency, "auditor")).status)
	}
	require.Len(t, f.reads, 2, "one request is one record, and the progress of a run is part of it")
	bad := post("?kind=some", b.auditorToken())
	require.Equal(t, http.StatusBadRequest, bad.status)
	require.Contains(t, bad.body, "use own or all")
	verifier.err = &domain.Error{Code: domain.CodeUnavailable, Message: "Others wait.", RetryAfter: 60}
	busy := post("", b.auditorToken())
	require.Equal(t, http.StatusServiceUnavailable, busy.status)
	require.Equal(t, "60", busy.header.Get("Retry-After"))
	require.Len(t, f.reads, 2, "what is not begun is not recorded")
	require.Equal(t, http.StatusForbidden, post("", b.token(client1, "client")).status)
}
