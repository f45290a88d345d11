package api_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/domain"
)

func TestCheckpointsArePagedNewestFirst(t *testing.T) {
	t.Parallel()
	b, f := setupAudit(t)
	var page struct {
		Data []struct {
			ID, Note string
			Records  int64
		}
		Meta struct {
			NextCursor string `json:"next_cursor"`
		}
	}
	ask := func(query string) {
		answer := b.get("/api/audit/checkpoints"+query, b.auditorToken())
		require.Equal(t, http.StatusOK, answer.status, answer.body)
		page.Data, page.Meta.NextCursor = nil, ""
		require.NoError(t, json.Unmarshal([]byte(answer.body), &page))
	}
	ask("?limit=1")
	require.Len(t, page.Data, 1)
	newest := page.Data[0]
	require.Equal(t, "second", newest.Note)
	require.EqualValues(t, 9, newest.Records)
	ask("?limit=1&cursor=" + page.Meta.NextCursor)
	require.Len(t, page.Data, 1)
	require.Equal(t, "first", page.Data[0].Note)
	require.NotEqual(t, page.Data[0].ID, newest.ID)
	require.Empty(t, page.Meta.NextCursor)
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
