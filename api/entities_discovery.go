package api

import (
	"net/http"
	"reflect"

	"github.com/ledgerboard/ledgerboard/readmodels"
)

// getMe answers who is calling and what is open to it. It takes nothing.
func (s *Server) getMe() operation {
	return taking(func(w http.ResponseWriter, r *http.Request, params *Params) error {
		if err := params.Err(); err != nil {
			return err
		}
		p, _ := PrincipalFrom(r.Context())
		request := readmodels.MeRequest{
			User: p.UserID, Account: p.AccountID,
			Client: p.Roles.Has(RoleClient) && !p.Roles.Has(RoleAgency), // an auditor may be one as well
		}
		if p.AccountID != "" {
			parent, err := s.parentOf(r.Context(), p)
			if err != nil {
				return err
			}
			request.Parent = parent
		}
		me, err := s.deps.Entities.Me(r.Context(), request)
		if err != nil {
			return err
		}
		me.Roles = texts(p.Roles)
		if !p.ExpiresAt.IsZero() {
			me.ExpiresAt = new(p.ExpiresAt.UTC())
		}
		me.Opens.AllDashboards = p.Roles.Has(RoleAgency, RoleAuditor)
		me.Opens.ChangesDashboards = p.Roles.Has(RoleAgency)
		me.Opens.Figures = me.Opens.Figures || p.Roles.Has(RoleAgency)
		me.Opens.Audit = s.deps.Audit != nil && p.Roles.Has(RoleAgency, RoleAuditor)
		me.Opens.Operators = s.deps.Operators != nil && p.Roles.Has(RoleOperator)
		return s.writeData(w, me, nil)
	}).answering(reflect.TypeFor[readmodels.Me](), nil)
}

// getDashboards answers every client of the agency with what its dashboard is. An auditor sees them all, too; a client
// user those that it may open, whatever they show.
func (s *Server) getDashboards() operation {
	return taking(func(w http.ResponseWriter, r *http.Request, params *Params) error {
		q := dashboardsQuery.parse(params)
		if err := params.Err(); err != nil {
			return err
		}
		p, _ := PrincipalFrom(r.Context())
		parent, err := s.parentOf(r.Context(), p)
		if err != nil {
			return err
		}
		if !p.Roles.Has(RoleAgency, RoleAuditor) {
			q.ClientAccount, q.ClientUser = p.AccountID, p.UserID
		}
		list, meta, err := s.deps.Entities.Dashboards(r.Context(), readmodels.Scope{ParentAccount: parent}, q)
		if err != nil {
			return err
		}
		return s.writeData(w, list, meta)
	}, dashboardsQuery.takes...).answering(reflect.TypeFor[[]readmodels.DashboardSummary](), reflect.TypeFor[readmodels.ListMeta]())
}
