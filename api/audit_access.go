package api

import (
	"net/http"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// What access is ordered by.
const spansByDashboard, spansByUser = "dashboard", "user"

// parseSpans reads whose access and when, page by page: ?at=, or a range; without either, now.
func parseSpans(p *Params) readmodels.SpansQuery {
	page := p.Page()
	q := p.spans()
	q.Limit, q.Cursor = page.Limit, page.Cursor
	return q
}

// parseSpansExport reads the same of an export, which is whole.
func parseSpansExport(p *Params) exportQuery[readmodels.SpansQuery] {
	format, cursor := p.word(paramFormat), p.cursor(paramCursor)
	q := p.spans()
	q.Cursor = cursor
	return exportQuery[readmodels.SpansQuery]{format, q}
}

func (p *Params) spans() readmodels.SpansQuery {
	q := readmodels.SpansQuery{ParentAccount: p.agency, At: p.moment(paramSpanAt, false)}
	q.From, q.To = p.edges()
	q.User, q.Dashboard, q.ByUser = p.hex(paramSpanUser), p.hex(paramOnlyDashboard), p.word(paramSpanBy) == spansByUser
	if q.At != (readmodels.Moment{}) && (q.From != nil || q.To != nil) {
		p.bad.Addf(paramSpanAt.Name, "stands beside from or to: give the instant, or the range")
	}
	return q
}

// spansFilter is what the record of a reading says of a query.
func spansFilter(q readmodels.SpansQuery) domain.AuditFilter {
	f := domain.AuditFilter{
		User: q.User, At: q.At.String(), From: instantText(q.From), To: instantText(q.To), Limit: q.Limit, Cursor: q.Cursor,
	}
	if q.ByUser {
		f.Order = spansByUser
	}
	return f
}

// exportSpans streams who had access to any dashboard of the agency, from when to when, and which records decided that.
func (s *Server) exportSpans(w http.ResponseWriter, r *http.Request, e exportQuery[readmodels.SpansQuery]) error {
	meta, spans, err := s.deps.Audit.History.ExportSpans(r.Context(), e.query)
	if err != nil {
		return err
	}
	return sendExport(s, w, r, export[readmodels.AccessSpan]{
		format: e.format, name: "access", meta: meta.HistoryMeta, entries: spans,
		record:  domain.AuditExported{What: domain.AuditAccess, Dashboard: e.query.Dashboard, Filter: spansFilter(e.query)},
		columns: spanColumns, cells: spanCells,
		cursor: func(span readmodels.AccessSpan) (string, error) { return span.Cursor(e.query) },
	})
}
