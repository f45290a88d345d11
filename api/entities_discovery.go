package api

import (
	"net/http"

	"github.com/ledgerboard/ledgerboard/readmodels"
)

// me answers who is calling and what is open to it.
func (s *Server) me(r *http.Request, _ none) (readmodels.Me, error) {
	p, _ := PrincipalFrom(r.Context())
	request := readmodels.MeRequest{
		User: p.UserID, Account: p.AccountID,
		Client: p.Roles.Has(RoleClient) && !p.Roles.Has(RoleAgency), // an auditor may be one as well
	}
	var err error
	if p.AccountID != "" {
		if request.Parent, err = s.parentOf(r.Context(), p); err != nil {
			return readmodels.Me{}, err
		}
	}
	me, err := s.deps.Entities.Me(r.Context(), request)
	me.Roles = texts(p.Roles)
	if !p.ExpiresAt.IsZero() {
		me.ExpiresAt = new(p.ExpiresAt.UTC())
	}
	me.Opens.AllDashboards = p.Roles.Has(RoleAgency, RoleAuditor)
	me.Opens.ChangesDashboards = p.Roles.Has(RoleAgency)
	me.Opens.Figures = me.Opens.Figures || p.Roles.Has(RoleAgency)
	me.Opens.Audit = s.deps.Audit != nil && p.Roles.Has(RoleAgency, RoleAuditor)
	me.Opens.Operators = s.deps.Operators != nil && p.Roles.Has(RoleOperator)
	return me, err
}

// dashboards answers every client of the agency with what its dashboard is. An auditor sees them all, too; a client
// user those that it may open, whatever they show.
func (s *Server) dashboards(r *http.Request, q readmodels.DashboardsQuery) (list []readmodels.DashboardSummary, meta readmodels.ListMeta, err error) {
	p, _ := PrincipalFrom(r.Context())
	parent, err := s.parentOf(r.Context(), p)
	if err != nil {
		return nil, meta, err
	}
	if !p.Roles.Has(RoleAgency, RoleAuditor) {
		q.ClientAccount, q.ClientUser = p.AccountID, p.UserID
	}
	return s.deps.Entities.Dashboards(r.Context(), readmodels.Scope{ParentAccount: parent}, q)
}
