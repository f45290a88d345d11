package api_test

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"iter"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

func exportedEntry(version int64, name string) readmodels.HistoryEntry {
	flip := readmodels.Flip{After: true}
	return readmodels.HistoryEntry{
		Record: readmodels.Record{
			Version: version, Time: time.Date(2026, 1, 1, 0, 0, 0, 1000, time.UTC), Type: "dashboard.users_changed.v1",
			Actor: readmodels.Named{ID: alice, Name: &name}, Role: "agency", RequestID: "-r1", Hash: "00ff",
		},
		Dashboard: readmodels.Named{ID: client1},
		Changes: readmodels.Differences{
			UsersAdded: []readmodels.Named{{ID: alice}, {ID: client2}}, ScopesAdded: []string{"a", "b"}, AllowClientDashboard: &flip,
		},
	}
}

func TestExportAsJSONLines(t *testing.T) {
	t.Parallel()
	b, f := setupAudit(t)
	f.entries = []readmodels.HistoryEntry{exportedEntry(1, "Ann"), exportedEntry(2, "Bob")}
	answer := b.get("/api/audit/export?format=jsonl&dashboard="+client1+"&from=2026-01-01", b.auditorToken())
	require.Equal(t, http.StatusOK, answer.status)
	require.Equal(t, "application/x-ndjson; charset=utf-8", answer.header.Get("Content-Type"))
	require.Equal(t, `attachment; filename="link-history-`+agency+`-v41.jsonl"`, answer.header.Get("Content-Disposition"))
	lines := strings.Split(strings.TrimSuffix(answer.body, "\n"), "\n")
	require.Len(t, lines, 3)
	var entry readmodels.HistoryEntry
	require.NoError(t, json.Unmarshal([]byte(lines[1]), &entry))
	require.EqualValues(t, 2, entry.Version)
	require.JSONEq(t, `{"complete":true,"entries":2,"as_of":{"version":41,"time":null},"names_proven":false}`, lines[2])
	require.Equal(t, []domain.AuditExported{{
		Format: "jsonl", What: "history", Dashboard: client1, AsOf: 41, Filter: domain.AuditFilter{From: "2026-01-01T00:00:00Z", Order: "asc"},
	}}, f.exports)
	require.Equal(t, []string{"recorded", "entry", "entry"}, f.log, "recorded before anything is read")
}

// table is an answer as CSV, and where its columns are.
func table(t *testing.T, a answer) (rows [][]string, at map[string]int) {
	t.Helper()
	rows, err := csv.NewReader(strings.NewReader(a.body)).ReadAll()
	require.NoError(t, err)
	at = map[string]int{}
	for i, column := range rows[0] {
		at[column] = i
	}
	return rows, at
}

// A cell that a spreadsheet would run is made text; every row has as many cells as the header.
func TestExportAsCSV(t *testing.T) {
	t.Parallel()
	b, f := setupAudit(t)
	names := []string{"=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "\nx", `=HYPERLINK("http://x","y")`, "O'Hara, \"Ann\"", "Ünal"}
	for i, name := range names {
		f.entries = append(f.entries, exportedEntry(int64(i+1), name))
	}
	answer := b.get("/api/audit/export?format=csv", b.auditorToken())
	require.Equal(t, http.StatusOK, answer.status)
	require.True(t, strings.HasPrefix(answer.header.Get("Content-Type"), "text/csv"))
	rows, at := table(t, answer)
	require.Len(t, rows, len(names)+2)
	for i, name := range names {
		row := rows[i+1]
		want := name
		if strings.ContainsAny(name[:1], "=+-@\t\r\n") {
			want = "'" + want
		}
		require.Equal(t, want, row[at["actor_name"]])
		require.Equal(t, "'-r1", row[at["request_id"]])
		require.Equal(t, alice+" "+client2, row[at["users_added"]])
		require.Equal(t, "a b", row[at["scopes_added"]])
		require.Equal(t, "true", row[at["allow_client_dashboard"]])
		require.Equal(t, "2026-01-01T00:00:00.000001Z", row[at["time"]])
		require.Empty(t, row[at["before"]])
		for _, cell := range row {
			require.NotContains(t, []string{"=", "+", "-", "@", "\t", "\r"}, cell[:min(1, len(cell))])
		}
	}
	require.Equal(t, "# complete=true entries=10 as_of_version=41 names_proven=false", rows[len(rows)-1][0])
}

// The last line says that it is cut, why, and where to go on.
func TestExportsThatAreCut(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(*auditFake)
		max    int
		reason string
		more   bool
	}{
		"by the limit":          {func(*auditFake) {}, 2, "at most 2 entries", true},
		"exactly at the limit":  {func(*auditFake) {}, 3, "", false},
		"by an error":           {func(f *auditFake) { f.sent = errors.New("db-7 is away") }, 10, "could not be read to its end", true},
		"because of parked":     {func(f *auditFake) { f.meta.Incomplete = "2 records are parked" }, 10, "2 records are parked", false},
		"by an error, at start": {func(f *auditFake) { f.sent, f.entries = errors.New("db-7 is away"), nil }, 10, "could not be read", false},
	} {
		for _, format := range []string{"jsonl", "csv"} {
			b, f := setupAudit(t, func(d *api.Deps) { d.Audit.MaxExport = test.max })
			f.entries = []readmodels.HistoryEntry{exportedEntry(1, "a"), exportedEntry(2, "b"), exportedEntry(3, "c")}
			test.change(f)
			answer := b.get("/api/audit/export?format="+format, b.auditorToken())
			require.Equal(t, http.StatusOK, answer.status, name)
			require.NotContains(t, answer.body, "db-7")
			lines := strings.Split(strings.TrimSpace(answer.body), "\n")
			last := lines[len(lines)-1]
			require.Contains(t, last, test.reason, name)
			require.Equal(t, test.reason == "", strings.Contains(last, "complete=true") || strings.Contains(last, `"complete":true`), name)
			require.Equal(t, test.more, strings.Contains(last, "next_cursor"), name)
			if name == "by the limit" {
				cursor, err := f.entries[1].Cursor()
				require.NoError(t, err)
				require.Contains(t, last, cursor, "where to go on")
			}
		}
	}
}

// endless gives entries for as long as someone reads them.
type endless struct {
	*auditFake

	stopped chan struct{}
}

func (e endless) Export(ctx context.Context, _ readmodels.HistoryQuery) (readmodels.HistoryMeta, iter.Seq2[readmodels.HistoryEntry, error], error) {
	return readmodels.HistoryMeta{}, func(yield func(readmodels.HistoryEntry, error) bool) {
		defer close(e.stopped)
		for version := int64(1); ; version++ {
			if ctx.Err() != nil {
				yield(readmodels.HistoryEntry{}, ctx.Err())
				return
			}
			if !yield(exportedEntry(version, "n"), nil) {
				return
			}
		}
	}, nil
}

// Who goes away in the middle of an export ends its queries.
func TestAGoneReaderStopsTheExport(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"jsonl", "csv"} {
		source := endless{&auditFake{}, make(chan struct{})}
		b, _ := setupAudit(t, func(d *api.Deps) { d.Audit.History = source; d.Audit.MaxExport = 1 << 40 })
		server := httptest.NewServer(b.server)
		t.Cleanup(server.Close)
		s := b.listen(server.URL+"/api/audit/export?format="+format, b.auditorToken())
		require.True(t, s.lines.Scan())
		require.NoError(t, s.response.Body.Close())
		select {
		case <-source.stopped:
		case <-time.After(patience):
			require.FailNow(t, "the export reads on")
		}
	}
}
