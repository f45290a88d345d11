package api

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/tabular"
	"github.com/ledgerboard/ledgerboard/readmodels/history"
)

const (
	exportBuffer = 64 << 10
	// exportStall is how long a client may read nothing before its connection is closed.
	exportStall = 30 * time.Second
)

// exportSummary says what an export contains. It is the last sheet of a workbook. CSV and JSON Lines
// contain rows and nothing else, because programs for tables would take anything else for a row: the
// summary is in a header, and a response that cannot be completed is cut off.
type exportSummary struct {
	Complete   bool                   `json:"complete"`
	Reason     string                 `json:"reason,omitempty"` // why it is not complete
	Entries    int                    `json:"-"`                // not known when the header is sent
	AsOf       history.StreamPosition `json:"as_of"`
	At         string                 `json:"at,omitempty"` // like From and To, see [domain.AuditFilter]
	From       string                 `json:"from,omitempty"`
	To         string                 `json:"to,omitempty"`
	NextCursor string                 `json:"-"`                  // for ?cursor=, to continue
	LeftOut    int64                  `json:"left_out,omitempty"` // see [history.HistoryMeta]
	// NamesProven is always false: the log contains only ids, and the names come from the current
	// directory.
	NamesProven bool `json:"names_proven"`
}

// export is a list of the history as a file.
type export[E any] struct {
	what    string // see [domain.AuditRead]
	name    string // of the file, without moment or range, agency, version and extension
	batch   int    // number of entries that are read at once
	columns []string
	times   []string // columns that are times
	cells   func(E) []any
	read    func(context.Context, history.Query) ([]E, history.HistoryMeta, error)
}

func (a audit) exportHistory(ctx context.Context, c Caller, in exportInput) (File, error) {
	q := in.query(c)
	in.Export.zone = in.Range.Zone.Location()
	q.Dashboard, q.Cursor, q.Ascending = string(in.Dashboard), string(in.Export.Cursor), true
	return exportOf(ctx, a, c, in.Export, q, export[history.HistoryEntry]{
		what: domain.AuditHistory, name: "link-history", batch: 200, columns: exportColumns, times: []string{"time"},
		cells: historyCells,
		read: func(ctx context.Context, q history.Query) ([]history.HistoryEntry, history.HistoryMeta, error) {
			page, meta, err := a.deps.Audit.History.Entries(ctx, q)
			return page, meta.HistoryMeta, err
		},
	})
}

func (a audit) exportSpans(ctx context.Context, c Caller, in spansExportInput) (File, error) {
	q := in.query(c)
	in.Export.zone = in.Range.Zone.Location()
	q.Cursor = string(in.Export.Cursor)
	return exportOf(ctx, a, c, in.Export, q, export[history.AccessSpan]{
		what: domain.AuditAccess, name: "access", batch: 2_000, columns: spanColumns,
		times: []string{"from", "to", "listed_time", "allowed_time"}, cells: spanCells,
		read: func(ctx context.Context, q history.Query) ([]history.AccessSpan, history.HistoryMeta, error) {
			page, meta, err := a.deps.Audit.History.Spans(ctx, q)
			meta.AsOf = meta.To // the file contains nothing later
			return page, meta.HistoryMeta, err
		},
	})
}

// exportName returns the name of the file of an export.
func exportName(list string, record domain.AuditExported, agency string) string {
	parts := []string{list}
	for _, edge := range edgesOf(record.Filter) {
		if at, err := time.Parse(time.RFC3339Nano, edge[1]); err == nil { // not a version
			parts = append(parts, edge[0], at.Format("20060102T150405Z"))
		}
	}
	return strings.Join(append(parts, agency, fmt.Sprintf("v%d.%s", record.AsOf, record.Format)), "-")
}

// exportOf reads the first page, records the export, and returns a file of all pages. Each page has its
// own snapshot, because a single long transaction would block vacuuming.
func exportOf[E any](ctx context.Context, a audit, c Caller, form Export, q history.Query, e export[E]) (File, error) {
	most := math.MaxInt
	if form.Format == formatXLSX {
		most = cmp.Or(a.deps.Audit.maxRows, tabular.MaxRows)
	}
	record := domain.AuditExported{
		What: e.what, Format: form.Format, Dashboard: q.Dashboard, Filter: a.upToNow(filterOf(e.what, q)),
	}
	q.Limit = min(e.batch, most)
	page, meta, err := e.read(ctx, q)
	if err != nil {
		return File{}, err
	}
	record.AsOf = meta.IncludedVersion()
	contentType := map[string]string{formatCSV: contentCSV, formatJSONL: contentNDJSON, formatXLSX: mediaXLSX}[form.Format]
	summary := exportSummary{
		Complete: meta.Incomplete == "", Reason: meta.Incomplete, AsOf: meta.AsOf, LeftOut: meta.LeftOut,
		At: record.Filter.At, From: record.Filter.From, To: record.Filter.To,
	}
	file := File{Type: contentType, Name: exportName(e.name, record, c.auditor().ParentAccount)}
	if form.Format != formatXLSX {
		raw, err := json.Marshal(summary)
		if err != nil {
			return File{}, fmt.Errorf("encode summary: %w", err)
		}
		file.Summary = string(raw)
	}
	file.Write = func(out *bufio.Writer) error {
		to, err := e.to(out, form)
		if err != nil {
			return err
		}
		defer to.close()
		cut := func(reason string) error {
			summary.Complete, summary.Reason, summary.NextCursor = false, reason, meta.NextCursor
			return to.end(summary)
		}
		for next := meta; ; {
			for _, entry := range page {
				if err := to.write(entry, e.cells(entry)); err != nil {
					return err
				}
				summary.Entries++
			}
			if meta.NextCursor = next.NextCursor; meta.NextCursor == "" {
				return to.end(summary)
			}
			if summary.Entries == most {
				return cut(fmt.Sprintf("A sheet has at most %d entries. Export the rest with next_cursor as cursor.", most))
			}
			q.Cursor, q.Limit = meta.NextCursor, min(e.batch, most-summary.Entries)
			page, next, err = e.read(ctx, q)
			switch {
			case errors.Is(err, context.Canceled):
				return err
			case err != nil:
				a.deps.Logger.Error("export ended early", logError, err.Error())
				return cut("The history could not be read completely. Export it again; if a cursor is given, continue from it.")
			}
		}
	}
	return file, a.deps.Audit.Records.RecordExport(ctx, c.auditor(), record)
}

// edgesOf returns the names and values of the moment or range of an export.
func edgesOf(f domain.AuditFilter) [][2]string {
	edges := [][2]string{{"at", f.At}, {"from", f.From}, {"to", f.To}}
	return slices.DeleteFunc(edges, func(edge [2]string) bool { return edge[1] == "" })
}

// errCutOff ends an export whose format cannot tell that it is not complete.
var errCutOff = errors.New("the export is not complete")

// cutOff returns [errCutOff] if entries are missing.
func (e exportSummary) cutOff() error {
	if e.NextCursor != "" {
		return errCutOff
	}
	return nil
}

// Send writes a file that has Write, without a limit on the total time. After the status is sent, an
// error can only be reported in the file, or by cutting off the response.
func (f File) Send(w http.ResponseWriter, r *http.Request, logger *slog.Logger) {
	w.Header().Set("Content-Type", f.Type)
	w.Header().Set(headerDisposition, `attachment; filename="`+f.Name+`"`)
	if f.Summary != "" {
		w.Header().Set(headerSummary, f.Summary)
	}
	control := http.NewResponseController(w)
	out := bufio.NewWriterSize(patientWriter{w, control}, exportBuffer)
	if err := cmp.Or(f.Write(out), out.Flush()); err != nil { // the client disconnected or stalled, or it is cut off
		logger.DebugContext(
			r.Context(), "client did not read the whole export", logRequestID, RequestID(r.Context()), logError,
			err.Error(),
		)
		if r.Context().Err() == nil {
			_ = control.SetWriteDeadline(time.Unix(1, 0)) // also where a middleware recovers from the panic
			panic(http.ErrAbortHandler)
		}
	}
	_ = control.SetWriteDeadline(time.Time{}) // the connection may serve more requests
}

// Formats of exports.
const (
	formatCSV   = "csv"
	formatJSONL = "jsonl"
	formatXLSX  = "xlsx"
)

// exportForm is an export in one format. Cells are those of an entry in a table.
type exportForm interface {
	write(entry any, cells []any) error
	end(summary exportSummary) error
	close()
}

func (e export[E]) to(out io.Writer, form Export) (exportForm, error) {
	switch form.Format {
	case formatJSONL:
		return exportedLines{tabular.NewLines(out)}, nil
	case formatXLSX:
		book, err := tabular.NewWorkbook(form.zone)
		if err != nil {
			return nil, err
		}
		sheet, err := book.Sheet(e.name, e.columns, e.times, nil)
		if err != nil {
			book.Close()
			return nil, err
		}
		return exportedBook{out, form.zone, book, sheet}, nil
	}
	return exportedCSV{tabular.NewCSV(out, e.columns)}, nil
}

// exportedLines contain the same entries as pages of JSON, with all keys.
type exportedLines struct{ table tabular.Lines }

func (e exportedLines) write(entry any, _ []any) error { return e.table.Row(entry) }
func (exportedLines) end(summary exportSummary) error  { return summary.cutOff() }
func (exportedLines) close()                           {}

type exportedCSV struct{ table tabular.CSV }

func (e exportedCSV) write(_ any, cells []any) error { return e.table.Row(cells...) }
func (exportedCSV) close()                           {}

func (e exportedCSV) end(summary exportSummary) error {
	return cmp.Or(e.table.Flush(), summary.cutOff())
}

type exportedBook struct {
	out   io.Writer
	zone  *time.Location
	book  *tabular.Workbook
	sheet *tabular.Sheet
}

func (e exportedBook) write(_ any, cells []any) error { return e.sheet.Row(cells...) }
func (e exportedBook) close()                         { e.book.Close() }

func (e exportedBook) end(s exportSummary) error {
	if err := e.sheet.End(); err != nil {
		return err
	}
	e.book.About("Complete", s.Complete)
	if s.Reason != "" {
		e.book.About("Missing", s.Reason)
	}
	if s.NextCursor != "" {
		e.book.About("Next cursor", s.NextCursor)
	}
	e.book.About("Entries", s.Entries)
	e.book.About("Time zone", e.zone.String())
	e.book.About("As of version", s.AsOf.Version)
	for _, edge := range [][2]string{{"At", s.At}, {"From", s.From}, {"To", s.To}} {
		if at, err := time.Parse(time.RFC3339Nano, edge[1]); err == nil {
			e.book.About(edge[0], at)
		} else if edge[1] != "" {
			e.book.About(edge[0], edge[1]) // a version
		}
	}
	if s.LeftOut > 0 {
		e.book.About("Records skipped by an operator", s.LeftOut)
	}
	e.book.About("Names", "Names are those of the current directory. The log contains ids only.")
	return e.book.Write(e.out, nil, nil)
}

// patientWriter gives the client a deadline for each write but none for the whole.
type patientWriter struct {
	io.Writer

	control *http.ResponseController
}

func (p patientWriter) Write(piece []byte) (int, error) {
	// Where deadlines are not supported (tests, some middlewares), the request's context is the
	// only limit.
	_ = p.control.SetWriteDeadline(time.Now().Add(exportStall))
	return p.Writer.Write(piece)
}

// spanColumns is the header row of the CSV export of access. A cell of scopes contains the scopes
// of the dashboard between `from` and `to`, separated by spaces.
var spanColumns = []string{
	"dashboard_id", "dashboard_name", "user_id", "user_name", "from", "to", "role_today", "active_today",
	"linked_today", "scopes",
	"began_version", "began_type", "began_actor_id", "began_actor_name", "began_request_id", "began_hash",
	"ended_version", "ended_type", "ended_actor_id", "ended_actor_name", "ended_request_id", "ended_hash",
	"listed_version", "listed_time", "listed_type", "listed_actor_id", "listed_actor_name",
	"allowed_version", "allowed_time", "allowed_type", "allowed_actor_id", "allowed_actor_name",
}

// exportColumns is the header row of the CSV export of the history. A list is one cell, with its
// ids separated by spaces; before and after are the whole documents as JSON.
var exportColumns = []string{
	"version", "time", "type", "dashboard_id", "dashboard_name", "actor_id", "actor_name", "role", "on_behalf_of",
	"command_id", "request_id", "event_id", "hash", "created", "accounts_linked", "accounts_unlinked",
	"users_added", "users_removed", "scopes_added", "scopes_removed", "main_poc_added", "main_poc_removed",
	"allow_client_dashboard", "access_gained", "access_lost", "scopes_changed_for", "before", "after",
	"skipped_version", "skip_reason",
}

func historyCells(entry history.HistoryEntry) []any {
	var onBehalfOf string
	if entry.OnBehalfOf != nil {
		onBehalfOf = entry.OnBehalfOf.ID
	}
	c := entry.Changes
	var allow *bool
	if c.AllowClientDashboard != nil {
		allow = &c.AllowClientDashboard.After
	}
	var dashboard history.Named
	if entry.Dashboard != nil {
		dashboard = *entry.Dashboard
	}
	var skipped *int64
	var reason string
	if s := entry.Skip; s != nil {
		skipped, reason = &s.Version, s.Reason.String()
	}
	return []any{
		entry.Version, entry.Time, entry.Type, dashboard.ID, dashboard.Name,
		entry.Actor.ID, entry.Actor.Name, entry.Role, onBehalfOf,
		entry.CommandID, entry.RequestID, entry.EventID, entry.Hash,
		c.Created, idsOf(c.AccountsLinked), idsOf(c.AccountsUnlinked), idsOf(c.UsersAdded), idsOf(c.UsersRemoved),
		c.ScopesAdded, c.ScopesRemoved, idsOf(c.MainPOCAdded), idsOf(c.MainPOCRemoved),
		allow, idsOf(entry.Access.Gained), idsOf(entry.Access.Lost), idsOf(entry.Access.ScopesChanged),
		entry.Before, entry.After,
		skipped, reason,
	}
}

func spanCells(s history.AccessSpan) []any {
	role := ""
	if s.Role != nil {
		role = s.Role.Role
	}
	scopes := make([]string, len(s.Scopes))
	for i, scope := range s.Scopes {
		scopes[i] = scope.Scope
	}
	edge := func(r *history.Record) []any {
		if r == nil {
			return []any{"", "", "", "", "", ""}
		}
		return []any{r.Version, r.Type, r.Actor.ID, r.Actor.Name, r.RequestID, r.Hash}
	}
	cells := []any{
		s.Dashboard.ID, s.Dashboard.Name, s.User.ID, s.User.Name, s.From, s.To, role, s.ActiveToday, s.LinkedToday,
		scopes,
	}
	cells = append(append(cells, edge(&s.BeganBy)...), edge(s.EndedBy)...)
	for _, r := range []history.Record{s.ListedBy, s.AllowedBy} {
		cells = append(cells, r.Version, r.Time, r.Type, r.Actor.ID, r.Actor.Name)
	}
	return cells
}

func idsOf(list []history.Named) []string {
	ids := make([]string, len(list))
	for i, n := range list {
		ids[i] = n.ID
	}
	return ids
}
