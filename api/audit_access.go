package api

import (
	"net/http"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// What access is ordered by.
const spansByDashboard, spansByUser = "dashboard", "user"

// spansQuery reads who and when: ?at=, or a range; without either, now.
func (p *Params) spansQuery(parent string) readmodels.SpansQuery {
	q := readmodels.SpansQuery{
		ParentAccount: parent, Dashboard: p.hex(paramOnlyDashboard), User: p.hex(paramSpanUser), At: p.moment(paramSpanAt, false),
		ByUser: p.word(paramSpanBy) == spansByUser,
	}
	q.From, q.To = p.edges()
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

// getSpans answers, page by page, who had access to any dashboard of the agency, from when to when, and which records
// decided that.
func (s *Server) getSpans(w http.ResponseWriter, r *http.Request, params *Params, parent, _ string) error {
	page := params.Page()
	q := params.spansQuery(parent)
	q.Limit, q.Cursor = page.Limit, page.Cursor
	return answerAudit(s, w, r, params, q, s.deps.Audit.History.Spans,
		domain.AuditRead{What: domain.AuditAccess, Dashboard: q.Dashboard, Filter: spansFilter(q)})
}

// exportSpans streams the same as a file, whole.
func (s *Server) exportSpans(w http.ResponseWriter, r *http.Request, params *Params, parent, _ string) error {
	format := params.word(paramFormat)
	q := params.spansQuery(parent)
	q.Cursor = params.cursor()
	if err := params.Err(); err != nil {
		return err
	}
	meta, spans, err := s.deps.Audit.History.ExportSpans(r.Context(), q)
	if err != nil {
		return err
	}
	return sendExport(s, w, r, export[readmodels.AccessSpan]{
		format: format, name: "access-" + parent, meta: meta.HistoryMeta, entries: spans,
		record:  domain.AuditExported{What: domain.AuditAccess, Dashboard: q.Dashboard, Filter: spansFilter(q)},
		columns: spanColumns, cells: spanCells,
		cursor: func(span readmodels.AccessSpan) (string, error) { return span.Cursor(q) },
	})
}
