package api_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/xuri/excelize/v2"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/proof"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/history"
)

func exportedEntry(version int64, name string) history.HistoryEntry {
	flip := history.Flip{After: true}
	return history.HistoryEntry{
		Record: history.Record{
			Version: version, Time: time.Date(2026, 1, 1, 0, 0, 0, 1000, time.UTC), Type: "dashboard.users_changed.v1",
			Actor: history.Named{ID: alice, Name: &name}, Role: "agency", RequestID: "-r1", Hash: "00ff",
		},
		Dashboard: &history.Named{ID: client1},
		Changes: history.Differences{
			UsersAdded: []history.Named{{ID: alice}, {ID: client2}}, ScopesAdded: []string{"a", "b"}, AllowClientDashboard: &flip,
		},
	}
}

// table is a CSV response with the positions of its columns.
func table(t *testing.T, a ledgertest.Answer) (rows [][]string, at map[string]int) {
	t.Helper()
	rows, err := csv.NewReader(strings.NewReader(a.Body)).ReadAll()
	require.NoError(t, err)
	at = map[string]int{}
	for i, column := range rows[0] {
		at[column] = i
	}
	return rows, at
}

// A cell that a spreadsheet would execute is escaped; the file contains rows and nothing else.
func TestHistoryCSVEscapesFormulas(t *testing.T) {
	t.Parallel()
	b, f := setupAudit(t)
	names := []string{"=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "\nx", `=HYPERLINK("http://x","y")`, "O'Hara, \"Ann\"", "Ünal"}
	for i, name := range names {
		f.entries = append(f.entries, exportedEntry(int64(i+1), name))
	}
	answer := b.get("/api/audit/export?format=csv&dashboard="+client1+"&from=2026-01-01", b.auditorToken()).Says(t, http.StatusOK)
	require.True(t, strings.HasPrefix(answer.Header.Get("Content-Type"), "text/csv"))
	require.Equal(t, `attachment; filename="link-history-from-20260101T000000Z-`+agency+`-v41.csv"`, answer.Header.Get("Content-Disposition"))
	require.Equal(t, []domain.AuditExported{{
		Format: "csv", What: "history", Dashboard: client1, AsOf: 41,
		Filter: domain.AuditFilter{From: "2026-01-01T00:00:00Z", Order: "asc"},
	}}, f.exports)
	require.Equal(t, []string{"page", "recorded"}, f.log)
	rows, at := table(t, answer)
	require.Len(t, rows, len(names)+1)
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
	require.JSONEq(t, `{"complete":true,"as_of":{"version":41,"time":null},"from":"2026-01-01T00:00:00Z","names_proven":false}`, answer.Header.Get("Export-Summary"))

	// A skip has no dashboard; its row says which record was skipped and why.
	skip := history.HistoryEntry{
		Record: history.Record{Version: 5, Type: "dashboard.event_skipped.v1", Actor: history.Named{ID: "system:operator"}},
		Skip: &domain.EventSkipped{
			Version: 2, Reason: domain.Reason{Code: domain.ReasonIncident, Ticket: "OPS-77"},
		},
	}
	f.entries = []history.HistoryEntry{exportedEntry(1, "a"), skip}
	rows, at = table(t, b.get("/api/audit/export?format=csv&type=event_skipped", b.auditorToken()))
	require.Equal(t, []string{"dashboard.event_skipped.v1"}, f.exports[1].Filter.Types)
	var got []string
	for _, column := range []string{"version", "actor_id", "dashboard_id", "after", "skipped_version", "skip_reason"} {
		got = append(got, rows[2][at[column]])
	}
	require.Equal(t, []string{"5", "system:operator", "", "", "2", "incident:OPS-77"}, got)
	require.Empty(t, rows[1][at["skipped_version"]])
}

// Each format says that an export is not complete: a workbook also why, and where to continue.
func TestIncompleteExportIsMarkedInEveryFormat(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(*auditFake)
		max    int // rows of a sheet
		reason string
		more   bool
	}{
		"by the limit":         {func(*auditFake) {}, 2, "at most 2 entries", true},
		"exactly at the limit": {func(*auditFake) {}, 3, "", false},
		"by an error":          {func(f *auditFake) { f.sent = errors.New("db-7 is away") }, 10, "could not be read completely", true},
		"because of a stop":    {func(f *auditFake) { f.meta.Incomplete = "2 records wait" }, 10, "2 records wait", false},
	} {
		b, f := setupAudit(t, func(d *api.Deps) { api.BoundSheets(d.Audit, test.max) })
		f.entries = []history.HistoryEntry{exportedEntry(1, "a"), exportedEntry(2, "b"), exportedEntry(3, "c")}
		test.change(f)
		server := httptest.NewServer(b.server)
		t.Cleanup(server.Close)
		download := func(format string) (header http.Header, body []byte, err error) {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/api/audit/export?format="+format, http.NoBody)
			require.NoError(t, err)
			r.Header.Set("Authorization", "Bearer "+b.auditorToken())
			answer, err := http.DefaultClient.Do(r)
			if err != nil {
				return nil, nil, err
			}
			defer answer.Body.Close()
			require.Equal(t, http.StatusOK, answer.StatusCode, name)
			body, err = io.ReadAll(answer.Body)
			require.NotContains(t, string(body), "db-7")
			return answer.Header, body, err
		}
		sheets := name == "by the limit" // nothing else has a limit
		for format, lines := range map[string]int{"csv": 4, "jsonl": 3} {
			header, body, err := download(format)
			if name == "by an error" {
				require.ErrorIs(t, err, io.EOF, "a file that ends normally is complete")
				continue
			}
			require.NoError(t, err, name)
			require.Len(t, strings.Split(strings.TrimSpace(string(body)), "\n"), lines, "rows and nothing else")
			summary := header.Get("Export-Summary")
			require.Equal(t, test.reason == "" || sheets, strings.Contains(summary, `"complete":true`), name)
			require.Equal(t, name == "because of a stop", strings.Contains(summary, `"reason":"2 records wait"`), name)
		}

		_, body, err := download("xlsx")
		require.NoError(t, err)
		about := rowsOf(t, body, "About")
		require.Equal(t, strings.ToUpper(strconv.FormatBool(test.reason == "")), about["Complete"], name)
		require.Contains(t, about["Missing"], test.reason, name)
		require.Equal(t, test.more, about["Next cursor"] != "", name)
		if sheets {
			require.Contains(t, about["Next cursor"], "after2", "where to go on")
			require.Equal(t, "2", about["Entries"])
		}
	}
}

// rowsOf returns the first two cells of the rows of a sheet.
func rowsOf(t *testing.T, workbook []byte, sheet string) map[string]string {
	t.Helper()
	file, err := excelize.OpenReader(bytes.NewReader(workbook))
	require.NoError(t, err)
	defer file.Close()
	all, err := file.GetRows(sheet)
	require.NoError(t, err)
	rows := map[string]string{}
	for _, row := range all {
		rows[row[0]] = append(row, "")[1]
	}
	return rows
}

// HTTP/1.0 cannot tell that a response was cut off.
func TestExportsWithoutSummaryRequireHTTP11(t *testing.T) {
	t.Parallel()
	b, _ := setupAudit(t)
	for format, want := range map[string]int{"csv": http.StatusBadRequest, "jsonl": http.StatusBadRequest, "xlsx": http.StatusOK} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/api/audit/export?format="+format, http.NoBody)
		r.Proto, r.ProtoMinor = "HTTP/1.0", 0
		r.Header.Set("Authorization", "Bearer "+b.auditorToken())
		w := httptest.NewRecorder()
		b.server.ServeHTTP(w, r)
		require.Equal(t, want, w.Code, w.Body.String())
	}
}

// A client that disconnects during an export ends its queries.
func TestDisconnectedClientStopsTheExport(t *testing.T) {
	t.Parallel()
	b, f := setupAudit(t)
	f.entries = slices.Repeat([]history.HistoryEntry{exportedEntry(1, "n")}, 900)
	for _, format := range []string{"jsonl", "csv"} {
		f.log = nil
		ctx, leave := context.WithCancel(t.Context())
		f.recorded = leave
		r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/api/audit/export?format="+format, http.NoBody)
		r.Header.Set("Authorization", "Bearer "+b.auditorToken())
		b.server.ServeHTTP(httptest.NewRecorder(), r)
		require.Equal(t, []string{"page", "recorded", "page"}, f.log)
	}
}

func exportedSpan(user, name string, ended int64) history.AccessSpan {
	record := func(version int64) history.Record {
		return history.Record{
			Version: version, Time: time.Date(2026, 1, int(version), 0, 0, 0, 0, time.UTC), Type: "dashboard.users_changed.v1",
			Actor: history.Named{ID: bob, Name: &name}, RequestID: "r", Hash: "00ff",
		}
	}
	s := history.AccessSpan{
		Dashboard: history.Named{ID: client1, Name: &name}, User: history.Named{ID: user}, From: record(2).Time,
		BeganBy: record(2), ListedBy: record(2), AllowedBy: record(1),
		Scopes: []history.GrantedScope{{Scope: "analytics", GivenBy: record(1)}, {Scope: "posts", GivenBy: record(2)}},
	}
	if s.LinkedToday = ended > 0; ended > 0 {
		last := record(ended)
		s.EndedBy, s.To = &last, &last.Time
		s.Role = &history.DirectoryStaff{Role: "agency", Today: true}
	}
	return s
}

// An auditor opens a file in a spreadsheet: ids stay texts, times are in the asked zone, and nothing
// is a formula.
func TestAuditWorkbookHasTextIDsAndZonedTimes(t *testing.T) {
	t.Parallel()
	b, f := setupAudit(t)
	f.entries = []history.HistoryEntry{exportedEntry(1, "=1+2")}
	f.spans = []history.AccessSpan{exportedSpan(alice, "7301234567890123457", 9)}
	for path, want := range map[string]struct {
		sheet string
		cells map[string]string // by the heading
	}{
		"/api/audit/export":        {"link-history", map[string]string{"Actor name": "=1+2", "Time (Europe/Berlin)": "1/1/26 01:00", "Version": "1", "Request id": "-r1"}},
		"/api/audit/access/export": {"access", map[string]string{"Dashboard name": "7301234567890123457", "From (Europe/Berlin)": "1/2/26 01:00", "To (Europe/Berlin)": "1/9/26 01:00", "Scopes": "analytics posts"}},
	} {
		answer := b.get(path+"?format=xlsx&tz=Europe/Berlin", b.auditorToken()).Says(t, http.StatusOK)
		require.Equal(t, workbook, answer.Header.Get("Content-Type"))
		require.Contains(t, answer.Header.Get("Content-Disposition"), `.xlsx"`)
		file, err := excelize.OpenReader(strings.NewReader(answer.Body))
		require.NoError(t, err)
		require.Equal(t, []string{want.sheet, "About"}, file.GetSheetList())
		rows, err := file.GetRows(want.sheet)
		require.NoError(t, cmp.Or(err, file.Close()))
		for heading, cell := range want.cells {
			require.Equal(t, cell, rows[1][slices.Index(rows[0], heading)], heading)
		}
		about := rowsOf(t, []byte(answer.Body), "About")
		require.Equal(t, []string{"TRUE", "1", "Europe/Berlin"}, []string{about["Complete"], about["Entries"], about["Time zone"]})
		require.Equal(t, "xlsx", f.exports[len(f.exports)-1].Format)
	}
}

// All files contain the same as a page, are recorded first, and name their moment and completeness.
func TestAccessExportMatchesPageAndIsRecorded(t *testing.T) {
	t.Parallel()
	b, f := setupAudit(t)
	f.spans = []history.AccessSpan{exportedSpan(alice, "=Ann", 0), exportedSpan(bob, "Bob", 9)}
	answer := b.get("/api/audit/access/export?format=csv&at=2026-01-31&by=user&user_id="+alice, b.auditorToken())
	const end = "2026-01-31T23:59:59.999999Z"
	require.Equal(t, `attachment; filename="access-at-20260131T235959Z-`+agency+`-v30.csv"`, answer.Header.Get("Content-Disposition"))
	rows, at := table(t, answer)
	require.Len(t, rows, 3)
	for column, want := range map[string][2]string{
		"dashboard_id": {client1, client1}, "dashboard_name": {"'=Ann", "Bob"}, "user_id": {alice, bob}, "user_name": {"", ""},
		"from": {"2026-01-02T00:00:00Z", "2026-01-02T00:00:00Z"}, "to": {"", "2026-01-09T00:00:00Z"}, "role_today": {"", "agency"}, "linked_today": {"false", "true"},
		"scopes": {"analytics posts", "analytics posts"}, "began_version": {"2", "2"}, "ended_version": {"", "9"}, "ended_hash": {"", "00ff"},
		"began_actor_id": {bob, bob}, "listed_version": {"2", "2"}, "allowed_version": {"1", "1"}, "allowed_time": {"2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z"},
	} {
		require.Equal(t, want, [2]string{rows[1][at[column]], rows[2][at[column]]}, column)
	}
	require.JSONEq(t, `{"complete":true,"as_of":{"version":30,"time":null},"at":"`+end+`","names_proven":false}`, answer.Header.Get("Export-Summary"))
	require.Equal(t, []any{history.Query{ParentAccount: agency, User: alice, At: history.Moment{Time: time.Date(2026, 1, 31, 23, 59, 59, 999999000, time.UTC)}, ByUser: true, Limit: 2_000}}, f.queries)
	require.Equal(t, []domain.AuditExported{
		{Format: "csv", What: "access", AsOf: 30, Filter: domain.AuditFilter{User: alice, At: end, Order: "user"}},
	}, f.exports)
	require.Equal(t, []string{"page", "recorded"}, f.log)

	jsonl := b.get("/api/audit/access/export?format=jsonl&at=v30", b.auditorToken())
	lines := strings.Split(strings.TrimSpace(jsonl.Body), "\n")
	require.Len(t, lines, 2, "entries and nothing else")
	ledgertest.RequireSameKeys(t, jsonl.Body)
	require.Equal(t, "application/x-ndjson; charset=utf-8", jsonl.Header.Get("Content-Type"))
	require.Equal(t, `attachment; filename="access-`+agency+`-v30.jsonl"`, jsonl.Header.Get("Content-Disposition"))
	var span history.AccessSpan
	require.NoError(t, json.Unmarshal([]byte(lines[1]), &span))
	require.Equal(t, f.spans[1], span)
	require.Contains(t, jsonl.Header.Get("Export-Summary"), `"complete":true,"as_of":{"version":30,"time":null},"at":"v30",`)

	today := b.get("/api/audit/access/export?format=csv&at=2026-07-15", b.auditorToken())
	require.Contains(t, today.Header.Get("Export-Summary"), `"at":"2026-07-15T12:00:00Z"`, "it ends now: a later file of the same day may contain more")
}

// A program takes the columns from the first lines: a skip, which may be the last one, has no others.
func TestLinesOfAnExportHaveTheSameKeys(t *testing.T) {
	t.Parallel()
	b, f := setupAudit(t)
	skip := exportedEntry(3, "b")
	skip.Dashboard, skip.Skip = nil, &domain.EventSkipped{Version: 2, Reason: domain.Reason{Code: domain.ReasonIncident}}
	other := skip
	other.Skip = &domain.EventSkipped{Version: 1, Reason: domain.Reason{Code: domain.ReasonIncident, Ticket: "OPS-77"}}
	f.entries = []history.HistoryEntry{exportedEntry(1, "a"), skip, other}
	lines := b.get("/api/audit/export?format=jsonl", b.auditorToken()).Says(t, http.StatusOK,
		`"skip":null`, `"skip":{"version":2,"reason":{"code":"incident","ticket":null}}`, `"ticket":"OPS-77"`).Body
	require.Equal(t, 3, strings.Count(lines, "\n"))
	ledgertest.RequireSameKeys(t, lines)
}

func TestCheckpointsArePagedNewestFirst(t *testing.T) {
	t.Parallel()
	b, f := setupAudit(t)
	ask := func(query string) (one map[string]any, next any) {
		answer := b.get("/api/audit/checkpoints"+query, b.auditorToken()).Says(t, http.StatusOK)
		page := answer.Object(t)
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

	// The entry of the cursor is gone: the list would begin again, forever.
	b, _ = setupAudit(t, func(d *api.Deps) { d.Audit.Proofs = fakeProver{left: 1} })
	requireNamed(t, b.get(fmt.Sprint("/api/audit/checkpoints?cursor=", cursor), b.auditorToken()), "cursor")
}

// A bundle belongs to the token's agency. It is recorded before it is sent, and is not sent without
// the record.
func TestBundleIsRecordedBeforeItIsSent(t *testing.T) {
	t.Parallel()
	b, f := setupAudit(t)
	answer := b.get("/api/audit/bundle", b.auditorToken()).Says(t, http.StatusOK)
	require.Equal(t, "bundle of "+agency+"\n", answer.Body)
	require.Equal(t, `attachment; filename="proof-`+agency+`.jsonl"`, answer.Header.Get("Content-Disposition"))
	require.Equal(t, []domain.AuditExported{{What: "history", Format: "bundle", AsOf: 12}}, f.exports)
	answer = b.get("/api/audit/bundle?checkpoint=+up+to+5c1b", b.auditorToken()).Says(t, http.StatusOK)
	require.Equal(t, "bundle of "+agency+" up to 5c1b\n", answer.Body)
	require.NoError(t, f.exports[0].Validate())
	f.refuse = &domain.Error{Code: domain.CodeUnavailable, Message: "not recorded"}
	answer = b.get("/api/audit/bundle", b.auditorToken()).Says(t, http.StatusServiceUnavailable)
	require.NotContains(t, answer.Body, "bundle of")
	for status, err := range map[int]error{
		http.StatusConflict:            domain.NewError(domain.CodeConflict, "No checkpoint covers this agency yet."),
		http.StatusInternalServerError: errors.New("broker-7 is away"),
	} {
		b, f := setupAudit(t, func(d *api.Deps) { d.Audit.Proofs = fakeProver{err: err} })
		answer := b.get("/api/audit/bundle", b.auditorToken()).Says(t, status)
		require.NotContains(t, answer.Body, "broker-7")
		require.Empty(t, f.callers, "what cannot be made is not recorded")
	}
}

// auditFake answers the queries of the auditors' routes, and records the queries, the records and
// their order.
type auditFake struct {
	mu      sync.Mutex
	log     []string
	queries []any
	reads   []domain.AuditRead
	exports []domain.AuditExported
	callers []commands.Caller
	refuse  error
	err     error
	entries []history.HistoryEntry
	meta    history.HistoryMeta
	spans   []history.AccessSpan
	sent    error // of every page but the first
	// recorded is called after a record was appended
	recorded func()
}

func (a *auditFake) ask(query any) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.queries = append(a.queries, query)
	return a.err
}

func (a *auditFake) Entries(ctx context.Context, q history.Query) ([]history.HistoryEntry, history.EntriesMeta, error) {
	page, next, err := pageOf(ctx, a, a.entries, q)
	meta := history.EntriesMeta{HistoryMeta: a.meta}
	meta.NextCursor = next
	return page, meta, err
}

// pageOf returns a page after the cursor "after<n>"; for every page but the first, the error f.sent.
func pageOf[E any](ctx context.Context, f *auditFake, all []E, q history.Query) (page []E, next string, err error) {
	f.note("page")
	if err := cmp.Or(f.ask(q), ctx.Err()); err != nil {
		return nil, "", err
	}
	var start int
	if _, err := fmt.Sscanf(q.Cursor, "after%d", &start); err == nil && f.sent != nil {
		return nil, "", f.sent
	}
	end := min(start+q.Limit, len(all))
	if end < len(all) || start == 0 && f.sent != nil {
		next = fmt.Sprint("after", end)
	}
	return all[start:end], next, nil
}

func (a *auditFake) State(_ context.Context, q history.Query) (history.StateAnswer, history.HistoryMeta, error) {
	return history.StateAnswer{}, a.meta, a.ask(q)
}

func (a *auditFake) Diff(_ context.Context, q history.Query) (history.DiffAnswer, history.HistoryMeta, error) {
	return history.DiffAnswer{}, a.meta, a.ask(q)
}

func (a *auditFake) Diffs(_ context.Context, q history.Query) ([]history.DiffAnswer, history.HistoryMeta, error) {
	return []history.DiffAnswer{}, a.meta, a.ask(q)
}

func (a *auditFake) Access(_ context.Context, q history.Query) (history.AccessAnswer, history.HistoryMeta, error) {
	return history.AccessAnswer{}, a.meta, a.ask(q)
}

func (a *auditFake) Reads(_ context.Context, q history.Query) ([]history.AuditReadEntry, history.AuditReadsMeta, error) {
	return []history.AuditReadEntry{}, history.AuditReadsMeta{TrailMeta: readmodels.TrailMeta{ListMeta: readmodels.ListMeta{NextCursor: "1.2.3"}}}, a.ask(q)
}

func (a *auditFake) Spans(ctx context.Context, q history.Query) ([]history.AccessSpan, history.SpansMeta, error) {
	page, next, err := pageOf(ctx, a, a.spans, q)
	meta := history.SpansMeta{HistoryMeta: a.meta, To: history.StreamPosition{Version: 30}}
	meta.NextCursor = next
	return page, meta, err
}

func (a *auditFake) records() *commands.Audit {
	return &commands.Audit{Log: a, Now: func() time.Time { return time.Date(2026, 7, 15, 12, 0, 0, 0, time.UTC) }, Logger: ledgertest.Quiet}
}

// Append takes the records.
func (a *auditFake) Append(_ context.Context, d domain.Draft) error {
	a.note("recorded")
	if a.recorded != nil {
		a.recorded()
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	who := d.Envelope.Audit
	a.callers = append(a.callers, commands.Caller{ParentAccount: d.Key, UserID: who.Actor, Role: who.Role, RequestID: who.RequestID})
	switch data := d.Data.(type) {
	case domain.AuditRead:
		a.reads = append(a.reads, data)
	case domain.AuditExported:
		a.exports = append(a.exports, data)
	}
	return a.refuse
}

func (a *auditFake) note(what string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.log = append(a.log, what)
}

// fakeProver has two checkpoints, or as many as are left, and bundles that contain their agency.
type fakeProver struct {
	err  error
	left int
}

func (f fakeProver) Checkpoints(context.Context) ([]proof.Published, error) {
	first := proof.Checkpoint{Time: time.Unix(7, 0), Partitions: []proof.Covered{{Records: 3}}}
	second := proof.Checkpoint{Time: time.Unix(8, 0), Partitions: []proof.Covered{{Records: 9}}}
	all := []proof.Published{{Checkpoint: first, Note: "first"}, {Checkpoint: second, Note: "second"}}
	return all[:cmp.Or(f.left, len(all))], f.err
}

func (f fakeProver) Bundle(_ context.Context, parent, checkpoint string, out io.Writer) (proof.Exported, error) {
	fmt.Fprintln(out, "bundle of", parent+checkpoint)
	return proof.Exported{Agency: parent, Records: 12}, f.err
}

func setupAudit(t *testing.T, change ...func(*api.Deps)) (*bundle, *auditFake) {
	t.Helper()
	f := &auditFake{meta: history.HistoryMeta{AsOf: history.StreamPosition{Version: 41}}}
	return setup(t, append([]func(*api.Deps){func(d *api.Deps) {
		d.Audit = &api.AuditDeps{History: f, Records: f.records(), Proofs: fakeProver{}}
	}}, change...)...), f
}

func (b *bundle) auditorToken() string { return b.token(agency, "auditor") }
