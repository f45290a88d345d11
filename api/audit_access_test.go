package api_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

func exportedSpan(user, name string, ended int64) readmodels.AccessSpan {
	record := func(version int64) readmodels.Record {
		return readmodels.Record{
			Version: version, Time: time.Date(2026, 1, int(version), 0, 0, 0, 0, time.UTC), Type: "dashboard.users_changed.v1",
			Actor: readmodels.Named{ID: bob, Name: &name}, RequestID: "r", Hash: "00ff",
		}
	}
	s := readmodels.AccessSpan{
		Dashboard: readmodels.Named{ID: client1, Name: &name}, User: readmodels.Named{ID: user}, From: record(2).Time,
		BeganBy: record(2), ListedBy: record(2), AllowedBy: record(1),
		Scopes: []readmodels.ScopeSpan{{Scope: "analytics", GivenBy: record(1)}, {Scope: "posts", GivenBy: record(2)}},
	}
	if ended > 0 {
		last := record(ended)
		s.EndedBy, s.To = &last, &last.Time
		s.Role = &readmodels.DirectoryStaff{Role: "agency", Today: true}
	}
	return s
}

// Both files say for each span the same as a page does, are recorded before anything is sent, and say at the end whether
// they are whole and that names are not proven.
func TestAccessAsAFile(t *testing.T) {
	t.Parallel()
	b, f := setupAudit(t)
	f.spans = []readmodels.AccessSpan{exportedSpan(alice, "=Ann", 0), exportedSpan(bob, "Bob", 9)}
	answer := b.get("/api/audit/access/export?format=csv&at=v41&by=user&user_id="+alice, b.auditorToken())
	require.Equal(t, http.StatusOK, answer.status, answer.body)
	require.Equal(t, `attachment; filename="access-`+agency+`-v41.csv"`, answer.header.Get("Content-Disposition"))
	rows, at := table(t, answer)
	require.Len(t, rows, 4)
	for column, want := range map[string][2]string{
		"dashboard_id": {client1, client1}, "dashboard_name": {"'=Ann", "Bob"}, "user_id": {alice, bob}, "user_name": {"", ""},
		"from": {"2026-01-02T00:00:00Z", "2026-01-02T00:00:00Z"}, "to": {"", "2026-01-09T00:00:00Z"}, "role_today": {"", "agency"},
		"scopes": {"analytics posts", "analytics posts"}, "began_version": {"2", "2"}, "ended_version": {"", "9"}, "ended_hash": {"", "00ff"},
		"began_actor_id": {bob, bob}, "listed_version": {"2", "2"}, "allowed_version": {"1", "1"}, "allowed_time": {"2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z"},
	} {
		require.Equal(t, want, [2]string{rows[1][at[column]], rows[2][at[column]]}, column)
	}
	require.Equal(t, "# complete=true entries=2 as_of_version=41 names_proven=false", rows[3][0])
	require.Equal(t, []any{readmodels.SpansQuery{ParentAccount: agency, User: alice, At: readmodels.Moment{Version: 41}, ByUser: true}}, f.queries)
	require.Equal(t, []domain.AuditExported{
		{Format: "csv", What: "access", AsOf: 41, Filter: domain.AuditFilter{User: alice, At: "v41", Order: "user"}},
	}, f.exports)
	require.Equal(t, []string{"recorded", "entry", "entry"}, f.log)

	lines := strings.Split(strings.TrimSpace(b.get("/api/audit/access/export?format=jsonl", b.auditorToken()).body), "\n")
	require.Len(t, lines, 3)
	var span readmodels.AccessSpan
	require.NoError(t, json.Unmarshal([]byte(lines[1]), &span))
	require.Equal(t, f.spans[1], span)
	require.Contains(t, lines[2], `"complete":true,"entries":2`)

	f.sent = errors.New("db-7 is away")
	cut := b.get("/api/audit/access/export?format=jsonl", b.auditorToken()).body
	require.Contains(t, cut, `"complete":false`)
	require.Contains(t, cut, `"next_cursor"`)
	require.NotContains(t, cut, "db-7")
}
