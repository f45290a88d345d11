package api

import (
	"context"
	"net/http"
	"reflect"
	"slices"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// auditRoutes are the auditors' rows of the route table.
func (s *Server) auditRoutes() []route {
	if s.deps.Audit == nil {
		return nil
	}
	get := func(pattern, id string, op operation) route {
		return route{http.MethodGet, pattern, id, []Role{RoleAgency, RoleAuditor}, op}
	}
	entries, meta := reflect.TypeFor[[]readmodels.HistoryEntry](), reflect.TypeFor[readmodels.HistoryMeta]()
	page := reflect.TypeFor[readmodels.EntriesMeta]()
	ofDashboard := append([]Param{paramDashboard}, historyParams...)
	return []route{
		get("/api/projects/dashboard/{sub_account_id}/history", "getDashboardHistory", s.auditing(s.getHistory, ofDashboard...).answering(entries, page)),
		get("/api/projects/dashboard/{sub_account_id}/state", "getDashboardState",
			s.auditing(s.getState, paramDashboard, paramAt, paramVersion).answering(reflect.TypeFor[readmodels.StateAnswer](), meta)),
		get("/api/projects/dashboard/{sub_account_id}/diff", "getDashboardDiff",
			s.auditing(s.getDiff, paramDashboard, paramFromMoment, paramToMoment).answering(reflect.TypeFor[readmodels.DiffAnswer](), meta)),
		get("/api/projects/dashboard/{sub_account_id}/access", "getDashboardAccess",
			s.auditing(s.getAccess, paramDashboard, paramAccessUser, paramAt, paramVersion).
				answering(reflect.TypeFor[readmodels.AccessAnswer](), meta)),
		get("/api/audit/history", "getAuditHistory", s.auditing(s.getHistory, historyParams...).answering(entries, page)),
		get("/api/audit/diff", "getAuditDiff", s.auditing(s.getDiffs, paramCursor, paramLimit, paramFromMoment, paramToMoment).
			answering(reflect.TypeFor[[]readmodels.DiffAnswer](), meta)),
		get(patternExport, "getAuditExport", s.auditing(s.getAuditExport, append([]Param{paramFormat, paramOnlyDashboard}, exportParams...)...)),
		get("/api/audit/access", "getAuditAccess", s.auditing(s.getSpans, append([]Param{paramCursor, paramLimit}, spanParams...)...).
			answering(reflect.TypeFor[[]readmodels.AccessSpan](), reflect.TypeFor[readmodels.SpansMeta]())),
		get(patternAccess, "getAuditAccessExport", s.auditing(s.exportSpans, append([]Param{paramFormat, paramCursor}, spanParams...)...)),
		get("/api/audit/checkpoints", "getAuditCheckpoints", s.auditing(s.getCheckpoints, paramCursor, paramLimit).
			answering(reflect.TypeFor[[]CheckpointEntry](), reflect.TypeFor[readmodels.ListMeta]())),
		get(patternBundle, "getAuditBundle", s.auditing(s.getBundle)),
		get("/api/audit/reads", "getAuditReads",
			s.auditing(s.getAuditReads, paramCursor, paramLimit, paramActor, paramFrom, paramTo).
				answering(reflect.TypeFor[[]readmodels.AuditReadEntry](), reflect.TypeFor[readmodels.AuditReadsMeta]())),
	}
}

// auditFunc answers a question about the history of an agency: of the dashboard in the path; "" without one.
type auditFunc func(w http.ResponseWriter, r *http.Request, params *Params, parent, dashboard string) error

// auditing hands an endpoint the parameters that it declares and, where one of them is a time, the time zone, which is
// judged also where no day is named.
func (s *Server) auditing(serve auditFunc, takes ...Param) operation {
	if slices.ContainsFunc(takes, func(d Param) bool { return d.Kind == KindTime || d.Kind == KindMoment }) {
		takes = with(takes, paramZone)
	}
	op := taking(func(w http.ResponseWriter, r *http.Request, params *Params) (err error) {
		if params.declares(paramZone) {
			params.Zone()
		}
		var dashboard string
		if params.declares(paramDashboard) {
			if dashboard, err = dashboardID(r); err != nil {
				return err
			}
		}
		p, _ := PrincipalFrom(r.Context()) // the roles of these routes always name the agency
		return serve(w, r, params, p.AccountID, dashboard)
	}, takes...)
	op.audit = true
	return op
}

// auditRole is the role under which a caller of these routes is recorded: the one that may less.
func auditRole(p Principal) Role {
	if p.Roles.Has(RoleAuditor) {
		return RoleAuditor
	}
	return RoleAgency
}

// answerAudit is the one shape of the auditors' questions about histories: parse, query, record what is read, answer.
// Without the record nothing is shown.
func answerAudit[Q, R any, M interface{ StandsFor() int64 }](
	s *Server, w http.ResponseWriter, r *http.Request, params *Params, q Q,
	query func(context.Context, Q) (R, M, error), record domain.AuditRead,
) error {
	if err := params.Err(); err != nil {
		return err
	}
	data, meta, err := query(r.Context(), q)
	if err != nil {
		return err
	}
	record.AsOf = meta.StandsFor()
	p, _ := PrincipalFrom(r.Context())
	if err := s.deps.Audit.Records.RecordRead(r.Context(), caller(r, p, p.AccountID, auditRole(p)), record); err != nil {
		return err
	}
	return s.writeData(w, data, meta)
}

// getHistory answers, page by page, who changed the dashboard in the path, or any dashboard of the agency.
func (s *Server) getHistory(w http.ResponseWriter, r *http.Request, params *Params, parent, dashboard string) error {
	q := params.historyQuery()
	q.ParentAccount, q.Dashboard = parent, dashboard
	return answerAudit(s, w, r, params, q, s.deps.Audit.History.Entries,
		domain.AuditRead{What: domain.AuditHistory, Dashboard: dashboard, Filter: filterOf(q)})
}

// getState answers what the dashboard was at ?at= or ?version=; without either, now.
func (s *Server) getState(w http.ResponseWriter, r *http.Request, params *Params, parent, dashboard string) error {
	q := readmodels.StateQuery{ParentAccount: parent, Dashboard: dashboard, At: params.oneMoment()}
	return answerAudit(s, w, r, params, q, s.deps.Audit.History.State,
		domain.AuditRead{What: domain.AuditState, Dashboard: dashboard, Filter: domain.AuditFilter{At: q.At.String()}})
}

// getDiff answers what changed on the dashboard after ?from= up to ?to=, each an instant or a version;
// without ?to=, up to now.
func (s *Server) getDiff(w http.ResponseWriter, r *http.Request, params *Params, parent, dashboard string) error {
	params.required(paramFromMoment)
	q := readmodels.DiffQuery{
		ParentAccount: parent, Dashboard: dashboard, From: params.moment(paramFromMoment, true), To: params.moment(paramToMoment, false),
	}
	return answerAudit(s, w, r, params, q, s.deps.Audit.History.Diff,
		domain.AuditRead{What: domain.AuditDiff, Dashboard: dashboard, Filter: domain.AuditFilter{From: q.From.String(), To: q.To.String()}})
}

// getDiffs answers, page by page, what changed on any dashboard of the agency between the same two moments.
func (s *Server) getDiffs(w http.ResponseWriter, r *http.Request, params *Params, parent, _ string) error {
	params.required(paramFromMoment)
	page := params.Page()
	q := readmodels.DiffsQuery{
		ParentAccount: parent, From: params.moment(paramFromMoment, true), To: params.moment(paramToMoment, false), Limit: page.Limit, Cursor: page.Cursor,
	}
	return answerAudit(s, w, r, params, q, s.deps.Audit.History.Diffs, domain.AuditRead{
		What: domain.AuditDiff, Filter: domain.AuditFilter{From: q.From.String(), To: q.To.String(), Limit: q.Limit, Cursor: q.Cursor},
	})
}

// getAccess answers whether ?user_id= had access to the dashboard at ?at= (or ?version=), and which
// records decided that.
func (s *Server) getAccess(w http.ResponseWriter, r *http.Request, params *Params, parent, dashboard string) error {
	params.required(paramAccessUser)
	q := readmodels.AccessQuery{ParentAccount: parent, Dashboard: dashboard, User: params.hex(paramAccessUser), At: params.oneMoment()}
	return answerAudit(s, w, r, params, q, s.deps.Audit.History.Access,
		domain.AuditRead{What: domain.AuditAccess, Dashboard: dashboard, Filter: domain.AuditFilter{User: q.User, At: q.At.String()}})
}
