package api_test

import (
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/domain"
)

func TestCheckpointsArePagedNewestFirst(t *testing.T) {
	t.Parallel()
	b, f := setupAudit(t)
	ask := func(query string) (one map[string]any, next any) {
		answer := b.get("/api/audit/checkpoints"+query, b.auditorToken())
		require.Equal(t, http.StatusOK, answer.status, answer.body)
		page := answer.object(t)
		require.Len(t, page["data"], 1)
		return page["data"].([]any)[0].(map[string]any), page["meta"].(map[string]any)["next_cursor"]
	}
	newest, cursor := ask("?limit=1")
	require.Equal(t, []any{"second", 9.0}, []any{newest["note"], newest["records"]})
	first, end := ask(fmt.Sprint("?limit=1&cursor=", cursor))
	require.Equal(t, "first", first["note"])
	require.NotEqual(t, first["id"], newest["id"])
	require.Empty(t, end)
	require.Empty(t, f.callers, "they show nothing of an agency")
}

// A bundle is of the token's agency, is recorded before it is sent, and is not sent without the record.
func TestBundleIsRecordedFirst(t *testing.T) {
	t.Parallel()
	b, f := setupAudit(t)
	answer := b.get("/api/audit/bundle", b.auditorToken())
	require.Equal(t, http.StatusOK, answer.status, answer.body)
	require.Equal(t, "bundle of "+agency+"\n", answer.body)
	require.Equal(t, `attachment; filename="proof-`+agency+`.jsonl"`, answer.header.Get("Content-Disposition"))
	require.Equal(t, []domain.AuditExported{{What: "history", Format: "bundle", AsOf: 12}}, f.exports)
	require.NoError(t, f.exports[0].Validate())
	f.refuse = &domain.Error{Code: domain.CodeUnavailable, Message: "not recorded"}
	answer = b.get("/api/audit/bundle", b.auditorToken())
	require.Equal(t, http.StatusServiceUnavailable, answer.status)
	require.NotContains(t, answer.body, "bundle of")
}

func TestProofsThatCannotBeMadeAreNotRecorded(t *testing.T) {
	t.Parallel()
	for status, err := range map[int]error{
		http.StatusConflict:            domain.NewError(domain.CodeConflict, "No checkpoint covers this agency yet."),
		http.StatusInternalServerError: errors.New("broker-7 is away"),
	} {
		b, f := setupAudit(t, func(d *api.Deps) { d.Audit.Proofs = fakeProver{err} })
		answer := b.get("/api/audit/bundle", b.auditorToken())
		require.Equal(t, status, answer.status)
		require.NotContains(t, answer.body, "broker-7")
		require.Empty(t, f.callers)
	}
}
