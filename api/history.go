package api

import (
	"context"
	"net/http"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// auditEnvelope is the shape of an auditor's answer: as any other, with a meta of its own.
type auditEnvelope struct {
	Success bool   `json:"success"`
	Message string `json:"message"`
	Data    any    `json:"data"`
	Meta    any    `json:"meta,omitempty"`
}

func (s *Server) writeAudit(w http.ResponseWriter, data, meta any) error {
	s.writeJSON(w, "application/json; charset=utf-8", http.StatusOK,
		auditEnvelope{Success: true, Message: messageSuccess, Data: data, Meta: meta})
	return nil
}

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
		get("/api/audit/history", described(s.getAuditHistory, aboutHistory("Who changed any dashboard of the agency.", func(*Params) {}))),
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

// show records what is read and then sends the answer; without the record nothing is shown.
func (s *Server) show(w http.ResponseWriter, r *http.Request, read domain.AuditRead, data any, meta readmodels.HistoryMeta) error {
	p, _ := PrincipalFrom(r.Context())
	read.AsOf = meta.AsOf.Version
	if err := s.deps.Audit.Records.RecordRead(r.Context(), caller(r, p, p.AccountID, auditRole(p)), read); err != nil {
		return err
	}
	return s.writeAudit(w, data, meta)
}

// getHistory answers who changed the dashboard in the path, page by page.
func (s *Server) getHistory(w http.ResponseWriter, r *http.Request) error {
	dashboard, err := dashboardID(r)
	if err != nil {
		return err
	}
	return s.history(w, r, dashboard)
}

// getAuditHistory answers the same of all dashboards of the agency.
func (s *Server) getAuditHistory(w http.ResponseWriter, r *http.Request) error {
	return s.history(w, r, "")
}

func (s *Server) history(w http.ResponseWriter, r *http.Request, dashboard string) error {
	params := s.auditParams(r)
	query := params.historyQuery()
	if err := params.Err(); err != nil {
		return err
	}
	query.ParentAccount, query.Dashboard = auditedParent(r.Context()), dashboard
	entries, meta, err := s.deps.Audit.History.Entries(r.Context(), query)
	if err != nil {
		return err
	}
	return s.show(w, r, domain.AuditRead{What: domain.AuditHistory, Dashboard: dashboard, Filter: filterOf(query)}, entries, meta)
}

// auditedParent is the agency that a caller of these routes belongs to: their roles always name it.
func auditedParent(ctx context.Context) string {
	p, _ := PrincipalFrom(ctx)
	return p.AccountID
}

// getState answers what the dashboard was at ?at= or ?version=; without either, now.
func (s *Server) getState(w http.ResponseWriter, r *http.Request) error {
	dashboard, err := dashboardID(r)
	if err != nil {
		return err
	}
	params := s.auditParams(r)
	query := readmodels.StateQuery{ParentAccount: auditedParent(r.Context()), Dashboard: dashboard, At: params.oneMoment()}
	if err := params.Err(); err != nil {
		return err
	}
	state, meta, err := s.deps.Audit.History.State(r.Context(), query)
	if err != nil {
		return err
	}
	read := domain.AuditRead{What: domain.AuditState, Dashboard: dashboard, Filter: domain.AuditFilter{At: query.At.String()}}
	return s.show(w, r, read, state, meta)
}

// getDiff answers what changed on the dashboard after ?from= up to ?to=, each an instant or a version;
// without ?to=, up to now.
func (s *Server) getDiff(w http.ResponseWriter, r *http.Request) error {
	dashboard, err := dashboardID(r)
	if err != nil {
		return err
	}
	params := s.auditParams(r)
	params.required("from")
	query := readmodels.DiffQuery{
		ParentAccount: auditedParent(r.Context()), Dashboard: dashboard,
		From: params.moment("from", true), To: params.moment("to", false),
	}
	if err := params.Err(); err != nil {
		return err
	}
	diff, meta, err := s.deps.Audit.History.Diff(r.Context(), query)
	if err != nil {
		return err
	}
	read := domain.AuditRead{
		What: domain.AuditDiff, Dashboard: dashboard,
		Filter: domain.AuditFilter{From: query.From.String(), To: query.To.String()},
	}
	return s.show(w, r, read, diff, meta)
}

// getAccess answers whether ?user_id= had access to the dashboard at ?at= (or ?version=), and which
// records decided that.
func (s *Server) getAccess(w http.ResponseWriter, r *http.Request) error {
	dashboard, err := dashboardID(r)
	if err != nil {
		return err
	}
	params := s.auditParams(r)
	params.required("user_id")
	query := readmodels.AccessQuery{
		ParentAccount: auditedParent(r.Context()), Dashboard: dashboard, User: params.hex("user_id"), At: params.oneMoment(),
	}
	if err := params.Err(); err != nil {
		return err
	}
	access, meta, err := s.deps.Audit.History.Access(r.Context(), query)
	if err != nil {
		return err
	}
	read := domain.AuditRead{
		What: domain.AuditAccess, Dashboard: dashboard,
		Filter: domain.AuditFilter{User: query.User, At: query.At.String()},
	}
	return s.show(w, r, read, access, meta)
}
