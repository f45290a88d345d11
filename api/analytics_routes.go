package api

import (
	"context"
	"net/http"

	"github.com/ledgerboard/ledgerboard/readmodels"
)

// Analytics is the queries behind the analytics endpoints (REQUIREMENTS §4), one method for each.
// *readmodels.Analytics implements it. Rows outside scope do not exist for them.
type Analytics interface {
	// AccountInsights is endpoint 1: totals per platform and over all, with the change against the
	// previous period of equal length.
	AccountInsights(ctx context.Context, scope readmodels.Scope, query readmodels.RangeQuery) (readmodels.AccountInsights, readmodels.Meta, error)
}

// analyticsRoutes is where the 22 endpoints are added: a parser, a query, a row for each. They are
// served under /auth and, standalone, at the root; patterns stand here without either.
func (s *Server) analyticsRoutes() []route {
	readers := []Role{RoleAgency, RoleClient}
	get := func(pattern string, e endpointFunc) route { return route{http.MethodGet, pattern, readers, e} }
	return []route{
		get("/getAccountInsights/{startTime}/{endTime}/{pId}", endpoint(s, parseRangeQuery, s.deps.Analytics.AccountInsights)),
	}
}
