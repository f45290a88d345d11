package api

import (
	"context"
	"net/http"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// auditRoutes are the auditors' rows of the route table.
func (s *Server) auditRoutes() []route {
	if s.deps.Audit == nil {
		return nil
	}
	auditors := []Role{RoleAgency, RoleAuditor}
	get := func(pattern string, op operation) route { return route{http.MethodGet, pattern, auditors, op} }
	return []route{
		get("/api/projects/dashboard/{id}/history", described(s.getHistory, aboutHistory("Who changed a dashboard, when and by which request.", noteDashboard))),
		get("/api/projects/dashboard/{id}/state", described(s.getState, aboutState)),
		get("/api/projects/dashboard/{id}/diff", described(s.getDiff, aboutDiff)),
		get("/api/projects/dashboard/{id}/access", described(s.getAccess, aboutAccess)),
		get("/api/audit/history", described(s.getHistory, aboutHistory("Who changed any dashboard of the agency.", func(*Params) {}))),
		get(patternExport, described(s.getAuditExport, aboutExport)),
		get("/api/audit/reads", described(s.getAuditReads, aboutReads)),
	}
}

// auditRole is the role under which a caller of these routes is recorded: the one that may less.
func auditRole(p Principal) Role {
	if p.Roles.Has(RoleAuditor) {
		return RoleAuditor
	}
	return RoleAgency
}

// answerAudit is the one shape of the auditors' questions about histories: parse, query, record what is read, answer.
// Without the record nothing is shown. The dashboard is the one in the path; "" where there is none.
func answerAudit[Q, R any](
	s *Server, w http.ResponseWriter, r *http.Request, parse func(p *Params, parent, dashboard string) Q,
	query func(context.Context, Q) (R, readmodels.HistoryMeta, error), read func(Q) domain.AuditRead,
) error {
	var dashboard string
	if _, named := pathParam(r, "id"); named {
		var err error
		if dashboard, err = dashboardID(r); err != nil {
			return err
		}
	}
	params := s.auditParams(r)
	q := parse(params, auditedParent(r.Context()), dashboard)
	if err := params.Err(); err != nil {
		return err
	}
	data, meta, err := query(r.Context(), q)
	if err != nil {
		return err
	}
	record := read(q)
	record.Dashboard, record.AsOf = dashboard, meta.AsOf.Version
	p, _ := PrincipalFrom(r.Context())
	if err := s.deps.Audit.Records.RecordRead(r.Context(), caller(r, p, p.AccountID, auditRole(p)), record); err != nil {
		return err
	}
	return s.writeData(w, data, meta)
}

// auditedParent is the agency that a caller of these routes belongs to: their roles always name it.
func auditedParent(ctx context.Context) string {
	p, _ := PrincipalFrom(ctx)
	return p.AccountID
}

// getHistory answers, page by page, who changed the dashboard in the path, or any dashboard of the agency.
func (s *Server) getHistory(w http.ResponseWriter, r *http.Request) error {
	parse := func(p *Params, parent, dashboard string) readmodels.HistoryQuery {
		q := p.historyQuery()
		q.ParentAccount, q.Dashboard = parent, dashboard
		return q
	}
	return answerAudit(s, w, r, parse, s.deps.Audit.History.Entries, func(q readmodels.HistoryQuery) domain.AuditRead {
		return domain.AuditRead{What: domain.AuditHistory, Filter: filterOf(q)}
	})
}

// getState answers what the dashboard was at ?at= or ?version=; without either, now.
func (s *Server) getState(w http.ResponseWriter, r *http.Request) error {
	parse := func(p *Params, parent, dashboard string) readmodels.StateQuery {
		return readmodels.StateQuery{ParentAccount: parent, Dashboard: dashboard, At: p.oneMoment()}
	}
	return answerAudit(s, w, r, parse, s.deps.Audit.History.State, func(q readmodels.StateQuery) domain.AuditRead {
		return domain.AuditRead{What: domain.AuditState, Filter: domain.AuditFilter{At: q.At.String()}}
	})
}

// getDiff answers what changed on the dashboard after ?from= up to ?to=, each an instant or a version;
// without ?to=, up to now.
func (s *Server) getDiff(w http.ResponseWriter, r *http.Request) error {
	parse := func(p *Params, parent, dashboard string) readmodels.DiffQuery {
		p.required("from")
		return readmodels.DiffQuery{
			ParentAccount: parent, Dashboard: dashboard, From: p.moment("from", true), To: p.moment("to", false),
		}
	}
	return answerAudit(s, w, r, parse, s.deps.Audit.History.Diff, func(q readmodels.DiffQuery) domain.AuditRead {
		return domain.AuditRead{What: domain.AuditDiff, Filter: domain.AuditFilter{From: q.From.String(), To: q.To.String()}}
	})
}

// getAccess answers whether ?user_id= had access to the dashboard at ?at= (or ?version=), and which
// records decided that.
func (s *Server) getAccess(w http.ResponseWriter, r *http.Request) error {
	parse := func(p *Params, parent, dashboard string) readmodels.AccessQuery {
		p.required("user_id")
		return readmodels.AccessQuery{ParentAccount: parent, Dashboard: dashboard, User: p.hex("user_id"), At: p.oneMoment()}
	}
	return answerAudit(s, w, r, parse, s.deps.Audit.History.Access, func(q readmodels.AccessQuery) domain.AuditRead {
		return domain.AuditRead{What: domain.AuditAccess, Filter: domain.AuditFilter{User: q.User, At: q.At.String()}}
	})
}
