package api

import (
	"context"
	"net/http"
	"reflect"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// auditRoutes are the auditors' rows of the route table.
func (s *Server) auditRoutes() []route {
	if s.deps.Audit == nil {
		return nil
	}
	get := func(pattern, id string, op operation) route {
		op.audit = true
		return route{http.MethodGet, pattern, id, []Role{RoleAgency, RoleAuditor}, op}
	}
	const dashboard = patternDashboard
	history := s.deps.Audit.History
	return []route{
		get(dashboard+"/history", "getDashboardHistory", showing(s, parseDashboardHistory, history.Entries, readOfHistory)),
		get(dashboard+"/state", "getDashboardState", showing(s, parseState, history.State, func(q readmodels.StateQuery) domain.AuditRead {
			return domain.AuditRead{What: domain.AuditState, Dashboard: q.Dashboard, Filter: domain.AuditFilter{At: q.At.String()}}
		})),
		get(dashboard+"/diff", "getDashboardDiff", showing(s, parseDiff, history.Diff, func(q readmodels.DiffQuery) domain.AuditRead {
			return domain.AuditRead{
				What: domain.AuditDiff, Dashboard: q.Dashboard, Filter: domain.AuditFilter{From: q.From.String(), To: q.To.String()},
			}
		})),
		get(dashboard+"/access", "getDashboardAccess", showing(s, parseAccess, history.Access, func(q readmodels.AccessQuery) domain.AuditRead {
			return domain.AuditRead{
				What: domain.AuditAccess, Dashboard: q.Dashboard, Filter: domain.AuditFilter{User: q.User, At: q.At.String()},
			}
		})),
		get("/api/audit/history", "getAuditHistory", showing(s, parseHistory, history.Entries, readOfHistory)),
		get("/api/audit/diff", "getAuditDiff", showing(s, parseDiffs, history.Diffs, func(q readmodels.DiffsQuery) domain.AuditRead {
			return domain.AuditRead{
				What: domain.AuditDiff, Filter: domain.AuditFilter{From: q.From.String(), To: q.To.String(), Limit: q.Limit, Cursor: q.Cursor},
			}
		})),
		get(patternExport, "getAuditExport", reading(parseExport, s.exportHistory)),
		get("/api/audit/access", "getAuditAccess", showing(s, parseSpans, history.Spans, func(q readmodels.SpansQuery) domain.AuditRead {
			return domain.AuditRead{What: domain.AuditAccess, Dashboard: q.Dashboard, Filter: spansFilter(q)}
		})),
		get(patternAccess, "getAuditAccessExport", reading(parseSpansExport, s.exportSpans)),
		get("/api/audit/checkpoints", "getAuditCheckpoints", listing((*Params).Page, s.checkpoints)),
		get(patternBundle, "getAuditBundle", reading(nothing, s.exportBundle)),
		get("/api/audit/reads", "getAuditReads", listing(parseAuditReads, s.auditReads)),
	}
}

// auditor is the caller of these routes as it is recorded: by the role that may less.
func auditor(r *http.Request) commands.Caller {
	if p, _ := PrincipalFrom(r.Context()); p.Roles.Has(RoleAuditor) {
		return caller(r, RoleAuditor)
	}
	return caller(r, RoleAgency)
}

// showing is the one shape of the auditors' questions about histories: parse, query, record what is read, answer.
// Without the record nothing is shown.
func showing[Q, R any, M interface{ StandsFor() int64 }](
	s *Server, parse func(*Params) Q, query func(context.Context, Q) (R, M, error), recorded func(Q) domain.AuditRead,
) operation {
	op := reading(parse, func(w http.ResponseWriter, r *http.Request, q Q) error {
		data, meta, err := query(r.Context(), q)
		if err != nil {
			return err
		}
		record := recorded(q)
		record.AsOf = meta.StandsFor()
		if err := s.deps.Audit.Records.RecordRead(r.Context(), auditor(r), record); err != nil {
			return err
		}
		return writeData(w, data, meta)
	})
	op.answer.Data, op.answer.Meta = reflect.TypeFor[R](), reflect.TypeFor[M]()
	return op
}

func readOfHistory(q readmodels.HistoryQuery) domain.AuditRead {
	return domain.AuditRead{What: domain.AuditHistory, Dashboard: q.Dashboard, Filter: filterOf(q)}
}

// auditReads answers who read or exported the audit trail, newest first. Looking here is itself not
// recorded: the list would grow by being looked at, and it shows nothing of a dashboard.
func (s *Server) auditReads(
	r *http.Request, q readmodels.AuditReadsQuery,
) (entries []readmodels.AuditReadEntry, meta readmodels.AuditReadsMeta, err error) {
	entries, meta.NextCursor, err = s.deps.Audit.History.Reads(r.Context(), q)
	return entries, meta, err
}
