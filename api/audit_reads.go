package api

import (
	"net/http"

	"github.com/ledgerboard/ledgerboard/readmodels"
)

// getAuditReads answers who read or exported the audit trail, newest first. Looking here is itself not
// recorded: the list would grow by being looked at, and it shows nothing of a dashboard.
func (s *Server) getAuditReads(w http.ResponseWriter, r *http.Request, params *Params, parent, _ string) error {
	page := params.Page()
	from, to := params.edges()
	query := readmodels.AuditReadsQuery{
		ParentAccount: parent, Actor: params.person(paramActor),
		From: from, To: to, Limit: page.Limit, Cursor: page.Cursor,
	}
	if err := params.Err(); err != nil {
		return err
	}
	entries, next, err := s.deps.Audit.History.Reads(r.Context(), query)
	if err != nil {
		return err
	}
	return s.writeData(w, entries, readmodels.AuditReadsMeta{ListMeta: readmodels.ListMeta{NextCursor: next}})
}
