package api

import (
	"context"
	"net/http"

	"github.com/ledgerboard/ledgerboard/readmodels"
)

// Analytics is the queries behind the analytics endpoints, one method for each.
// *readmodels.Analytics implements it. Rows outside scope do not exist for them.
type Analytics interface {
	// AccountInsights is endpoint 1: totals per platform and over all, with the change against the
	// previous period of equal length.
	AccountInsights(ctx context.Context, scope readmodels.Scope, query readmodels.RangeQuery) (readmodels.AccountInsights, readmodels.Meta, error)
	// AccountFollowers is endpoint 2: the followers of each day.
	AccountFollowers(ctx context.Context, scope readmodels.Scope, query readmodels.RangeQuery) (readmodels.AccountFollowers, readmodels.Meta, error)
	// RoiViews is endpoint 3: views per platform and month against what the subscriptions cost.
	RoiViews(ctx context.Context, scope readmodels.Scope, query readmodels.RangeQuery) (readmodels.RoiViews, readmodels.Meta, error)
	// AccountStats is endpoint 4: reach and impressions, totals and series.
	AccountStats(ctx context.Context, scope readmodels.Scope, query readmodels.RangeQuery) (readmodels.AccountStats, readmodels.Meta, error)
	// AccountNetGrowth is endpoint 5: net follower growth.
	AccountNetGrowth(ctx context.Context, scope readmodels.Scope, query readmodels.RangeQuery) (readmodels.AccountNetGrowth, readmodels.Meta, error)
	// ActivityMeter is endpoint 6: posting frequency and an activity score.
	ActivityMeter(ctx context.Context, scope readmodels.Scope, query readmodels.RangeQuery) (readmodels.ActivityMeter, readmodels.Meta, error)
}

// analyticsRoutes is where the 22 endpoints are added: a parser, a query, a row for each. They are
// served under /auth and, standalone, at the root; patterns stand here without either. What a pattern
// does not name (startTime, endTime, pId) may come in the query.
func (s *Server) analyticsRoutes() []route {
	readers := []Role{RoleAgency, RoleClient}
	get := func(pattern string, op operation) route { return route{http.MethodGet, pattern, readers, op} }
	figures := s.deps.Analytics
	routes := []route{
		get("/getAccountInsights/{startTime}/{endTime}/{pId}", endpoint(s, parseRangeQuery, figures.AccountInsights)),
		get("/getAccountFollowers/{startTime}/{endTime}/{pId}", endpoint(s, parseRangeQuery, figures.AccountFollowers)),
		get("/getRoiViews", endpoint(s, parseRangeQuery, figures.RoiViews)),
		get("/reach/getAccountStats/{pId}", endpoint(s, parseRangeQuery, figures.AccountStats)),
		get("/reach/activityMeter", endpoint(s, parseRangeQuery, figures.ActivityMeter)),
	}
	for _, pattern := range optional("/reach/getAccountNetGrowth/{pId}", 1) {
		routes = append(routes, get(pattern, endpoint(s, parseRangeQuery, figures.AccountNetGrowth)))
	}
	return routes
}
