package api

import (
	"context"
	"net/http"
	"reflect"
	"slices"

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
	get := func(pattern, id string, op operation) route {
		return route{http.MethodGet, pattern, id, []Role{RoleAgency, RoleAuditor}, op}
	}
	entries, meta := reflect.TypeFor[[]readmodels.HistoryEntry](), reflect.TypeFor[readmodels.HistoryMeta]()
	ofDashboard := append([]Param{paramDashboard}, historyParams...)
	return []route{
		get("/api/projects/dashboard/{id}/history", "getDashboardHistory", s.auditing(s.getHistory, ofDashboard...).answering(entries, meta)),
		get("/api/projects/dashboard/{id}/state", "getDashboardState",
			s.auditing(s.getState, paramDashboard, paramAt, paramVersion).answering(reflect.TypeFor[readmodels.StateAnswer](), meta)),
		get("/api/projects/dashboard/{id}/diff", "getDashboardDiff",
			s.auditing(s.getDiff, paramDashboard, paramFromMoment, paramToMoment).answering(reflect.TypeFor[readmodels.DiffAnswer](), meta)),
		get("/api/projects/dashboard/{id}/access", "getDashboardAccess",
			s.auditing(s.getAccess, paramDashboard, paramAccessUser, paramAt, paramVersion).
				answering(reflect.TypeFor[readmodels.AccessAnswer](), meta)),
		get("/api/audit/history", "getAuditHistory", s.auditing(s.getAuditHistory, historyParams...).answering(entries, meta)),
		get(patternExport, "getAuditExport", s.auditing(s.getAuditExport, append([]Param{paramFormat, paramOnlyDashboard}, historyParams...)...)),
		get("/api/audit/reads", "getAuditReads",
			s.auditing(s.getAuditReads, paramCursor, paramLimit, paramActor, paramFrom, paramTo).
				answering(reflect.TypeFor[[]readmodels.AuditReadEntry](), reflect.TypeFor[readsMeta]())),
	}
}

// auditing hands an endpoint the parameters that it declares and the time zone, which is judged also where no
// day is named.
func (s *Server) auditing(serve paramsFunc, takes ...Param) operation {
	return s.taking(func(w http.ResponseWriter, r *http.Request, params *Params) error {
		params.Zone()
		return serve(w, r, params)
	}, append(slices.Clone(takes), paramZone)...)
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
func (s *Server) getHistory(w http.ResponseWriter, r *http.Request, params *Params) error {
	dashboard, err := dashboardID(r)
	if err != nil {
		return err
	}
	return s.history(w, r, params, dashboard)
}

// getAuditHistory answers the same of all dashboards of the agency.
func (s *Server) getAuditHistory(w http.ResponseWriter, r *http.Request, params *Params) error {
	return s.history(w, r, params, "")
}

func (s *Server) history(w http.ResponseWriter, r *http.Request, params *Params, dashboard string) error {
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
func (s *Server) getState(w http.ResponseWriter, r *http.Request, params *Params) error {
	dashboard, err := dashboardID(r)
	if err != nil {
		return err
	}
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
func (s *Server) getDiff(w http.ResponseWriter, r *http.Request, params *Params) error {
	dashboard, err := dashboardID(r)
	if err != nil {
		return err
	}
	params.required(paramFromMoment)
	query := readmodels.DiffQuery{
		ParentAccount: auditedParent(r.Context()), Dashboard: dashboard,
		From: params.moment(paramFromMoment, true), To: params.moment(paramToMoment, false),
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
func (s *Server) getAccess(w http.ResponseWriter, r *http.Request, params *Params) error {
	dashboard, err := dashboardID(r)
	if err != nil {
		return err
	}
	params.required(paramAccessUser)
	query := readmodels.AccessQuery{
		ParentAccount: auditedParent(r.Context()), Dashboard: dashboard, User: params.hex(paramAccessUser), At: params.oneMoment(),
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
