package api

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// defaultMaxExport bounds an export. It goes on behind the cursor that its last line gives.
const defaultMaxExport = 1_000_000

const (
	exportBuffer = 64 << 10
	// exportStall is how long a reader may take no byte before its connection is cut.
	exportStall = 30 * time.Second
)

// exportTrailer is the last line of an export. An export without it was cut by the way.
type exportTrailer struct {
	Complete   bool                      `json:"complete"`
	Reason     string                    `json:"reason,omitempty"` // why it is not complete
	Entries    int                       `json:"entries"`
	AsOf       readmodels.StreamPosition `json:"as_of"`
	NextCursor string                    `json:"next_cursor,omitempty"` // for ?cursor=, to go on
	// NamesProven is always false: the log holds ids alone, and the names beside them are the directory's word of today.
	NamesProven bool `json:"names_proven"`
}

// export is one export of the audit trail.
type export[E any] struct {
	format  string
	name    string // of the file, without version and ending
	record  domain.AuditExported
	meta    readmodels.HistoryMeta
	entries iter.Seq2[E, error]
	columns []string
	cells   func(E) []any // of a row
	cursor  func(E) (string, error)
}

// getAuditExport streams the history as CSV or JSON Lines (?format=), oldest first.
func (s *Server) getAuditExport(w http.ResponseWriter, r *http.Request, params *Params, parent, _ string) error {
	format := params.word(paramFormat)
	query := params.exportQuery()
	query.ParentAccount, query.Dashboard = parent, params.hex(paramOnlyDashboard)
	if err := params.Err(); err != nil {
		return err
	}
	meta, entries, err := s.deps.Audit.History.Export(r.Context(), query)
	if err != nil {
		return err
	}
	return sendExport(s, w, r, export[readmodels.HistoryEntry]{
		format: format, name: "link-history-" + parent, meta: meta, entries: entries,
		record:  domain.AuditExported{What: domain.AuditHistory, Dashboard: query.Dashboard, Filter: filterOf(query)},
		columns: exportColumns, cells: historyCells, cursor: readmodels.HistoryEntry.Cursor,
	})
}

// sendExport records the export and writes it. Once the status is sent, what goes wrong can only be said in the last line.
func sendExport[E any](s *Server, w http.ResponseWriter, r *http.Request, e export[E]) error {
	p, _ := PrincipalFrom(r.Context())
	e.record.Format, e.record.AsOf = e.format, e.meta.StandsFor()
	if err := s.deps.Audit.Records.RecordExport(r.Context(), caller(r, p, p.AccountID, auditRole(p)), e.record); err != nil {
		return err
	}
	contentType := mediaNDJSON + "; charset=utf-8"
	if e.format == "csv" {
		contentType = contentCSV
	}
	w.Header().Set("Content-Type", contentType)
	w.Header().Set(headerDisposition, fmt.Sprintf(`attachment; filename="%s-v%d.%s"`, e.name, e.meta.StandsFor(), e.format))
	out := newExportWriter(e, bufio.NewWriterSize(patientWriter{w, http.NewResponseController(w)}, exportBuffer))
	trailer, err := writeEntries(s, out, e)
	if err == nil {
		err = out.end(trailer)
	}
	if err != nil { // the reader is gone, or as good as gone
		s.deps.Logger.DebugContext(r.Context(), "export was not taken to its end",
			logRequestID, RequestID(r.Context()), "entries", trailer.Entries, logError, err.Error())
	}
	_ = http.NewResponseController(w).SetWriteDeadline(time.Time{}) // the connection may serve further requests
	return nil
}

func writeEntries[E any](s *Server, out exportWriter[E], e export[E]) (exportTrailer, error) {
	trailer := exportTrailer{Complete: e.meta.Incomplete == "", Reason: e.meta.Incomplete, AsOf: e.meta.AsOf}
	var last E
	cut := func(reason string) (exportTrailer, error) {
		var err error
		if trailer.Complete, trailer.Reason = false, reason; trailer.Entries > 0 {
			trailer.NextCursor, err = e.cursor(last)
		}
		return trailer, err
	}
	for entry, err := range e.entries {
		switch {
		case errors.Is(err, context.Canceled):
			return trailer, err
		case err != nil:
			s.deps.Logger.Error("export ended early", logError, err.Error())
			return cut("The history could not be read to its end. Ask again, with ?cursor= where a cursor is given here.")
		case trailer.Entries == cmp.Or(s.deps.Audit.MaxExport, defaultMaxExport):
			return cut(fmt.Sprintf("An export has at most %d entries. Ask for the rest with ?cursor= and the cursor given here.", trailer.Entries))
		}
		if err := out.entry(entry); err != nil {
			return trailer, err
		}
		trailer.Entries++
		last = entry
	}
	return trailer, nil
}

// patientWriter gives a reader some time for each piece, however long the whole takes.
type patientWriter struct {
	io.Writer

	control *http.ResponseController
}

// Write implements [io.Writer].
func (w patientWriter) Write(piece []byte) (int, error) {
	// Where deadlines are not supported (tests, some middlewares), the request's context must do.
	_ = w.control.SetWriteDeadline(time.Now().Add(exportStall))
	return w.Writer.Write(piece)
}
