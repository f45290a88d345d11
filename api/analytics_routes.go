package api

import (
	"context"
	"net/http"

	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
)

// Analytics is the queries behind the analytics endpoints, one method for each kind: what is asked of all
// is also asked of one member. *analytics.Analytics implements it, and documents the answers. Rows
// outside scope do not exist for them.
type Analytics interface {
	AccountInsights(ctx context.Context, scope readmodels.Scope, query analytics.RangeQuery) (analytics.AccountInsights, analytics.Meta, error)
	AccountFollowers(ctx context.Context, scope readmodels.Scope, query analytics.RangeQuery) (analytics.AccountFollowers, analytics.Meta, error)
	RoiViews(ctx context.Context, scope readmodels.Scope, query analytics.RangeQuery) (analytics.RoiViews, analytics.Meta, error)
	AccountStats(ctx context.Context, scope readmodels.Scope, query analytics.RangeQuery) (analytics.AccountStats, analytics.Meta, error)
	AccountNetGrowth(ctx context.Context, scope readmodels.Scope, query analytics.RangeQuery) (analytics.AccountNetGrowth, analytics.Meta, error)
	ActivityMeter(ctx context.Context, scope readmodels.Scope, query analytics.RangeQuery) (analytics.ActivityMeter, analytics.Meta, error)
	Leaderboard(ctx context.Context, scope readmodels.Scope, query analytics.RangeQuery) (analytics.Leaderboard, analytics.Meta, error)
	TopPosts(ctx context.Context, scope readmodels.Scope, query analytics.RangeQuery) (analytics.TopPosts, analytics.Meta, error)
	PostInsights(ctx context.Context, scope readmodels.Scope, query analytics.RangeQuery) (analytics.PostInsights, analytics.Meta, error)
	PostsLikes(ctx context.Context, scope readmodels.Scope, query analytics.RangeQuery) (analytics.PostsLikes, analytics.Meta, error)
	PostsViews(ctx context.Context, scope readmodels.Scope, query analytics.RangeQuery) (analytics.PostsViews, analytics.Meta, error)
	PostsEngagements(ctx context.Context, scope readmodels.Scope, query analytics.RangeQuery) (analytics.PostsEngagements, analytics.Meta, error)
	PostsTotalEngagements(ctx context.Context, scope readmodels.Scope, query analytics.RangeQuery) (analytics.PostsTotalEngagements, analytics.Meta, error)
	ActiveMembers(ctx context.Context, scope readmodels.Scope, query analytics.RangeQuery) (analytics.ActiveMembers, analytics.Meta, error)
	MemberGrowth(ctx context.Context, scope readmodels.Scope, query analytics.RangeQuery) (analytics.MemberGrowth, analytics.Meta, error)

	Stats(ctx context.Context, scope readmodels.Scope, query analytics.RangeQuery) (analytics.PlatformStats, analytics.Meta, error)
	Activities(ctx context.Context, scope readmodels.Scope, query analytics.ActivitiesQuery) ([]analytics.PostActivity, readmodels.ListMeta, error)
	Activity(ctx context.Context, scope readmodels.Scope, id string) (analytics.PostActivity, error)
}

// analyticsRoutes is the table of the 22 endpoints: a parser, a query, a row for each pattern. They are
// served under /auth and, standalone, at the root; patterns stand here without either. What a pattern
// does not name (startTime, endTime, pId) may come in the query.
func (s *Server) analyticsRoutes() []route {
	readers := []Role{RoleAgency, RoleClient}
	get := func(pattern string, op operation) route { return route{http.MethodGet, pattern, readers, op} }
	figures := s.deps.Analytics
	netGrowth := endpoint(s, parseSeries, figures.AccountNetGrowth)
	membersTop := endpoint(s, ofMember(parseTopPosts), figures.TopPosts)
	return []route{
		get("/getAccountInsights/{startTime}/{endTime}/{pId}", endpoint(s, parseTotals, figures.AccountInsights)),
		get("/getAccountFollowers/{startTime}/{endTime}/{pId}", endpoint(s, parseSeries, figures.AccountFollowers)),
		get("/getRoiViews", endpoint(s, parseTotals, figures.RoiViews)),
		get("/reach/getAccountStats/{pId}", endpoint(s, parseSeries, figures.AccountStats)),
		get("/reach/getAccountNetGrowth/{pId}", netGrowth),
		get("/reach/getAccountNetGrowth", netGrowth),
		get("/reach/activityMeter", endpoint(s, parseSeries, figures.ActivityMeter)),
		get("/leaderboard/{pId}", endpoint(s, parseLeaderboard, figures.Leaderboard)),
		get("/getTopPostsInsights/{startTime}/{endTime}/{pId}/{cId}", endpoint(s, parseTopPosts, figures.TopPosts)),
		get("/getPostInsights/{startTime}/{endTime}/{pId}", endpoint(s, parsePosts, figures.PostInsights)),
		get("/getPostsLikes/{startTime}/{endTime}/{pId}", endpoint(s, parsePostsSeries, figures.PostsLikes)),
		get("/getPostsViews/{startTime}/{endTime}/{pId}", endpoint(s, parseSeries, figures.PostsViews)),
		get("/getPostsEngagements/{startTime}/{endTime}/{pId}", endpoint(s, parsePosts, figures.PostsEngagements)),
		get("/getPostsTotalEngagements/{startTime}/{endTime}/{pId}", endpoint(s, parseSeries, figures.PostsTotalEngagements)),

		get("/member-followers-graph/{memberId}", endpoint(s, ofMember(parseSeries), figures.AccountFollowers)),
		get("/accountActiveMembersPlatforms/{accountId}", endpoint(s, parseActiveMembers, figures.ActiveMembers)),
		get("/membersSocialGrowth/{memberId}/{fromDate}/{toDate}", endpoint(s, ofMember(parseGrowth), figures.MemberGrowth)),
		get("/getMembersPostInsights/{memberId}/{startTime}/{endTime}/{pId}", endpoint(s, ofMember(parsePosts), figures.PostInsights)),
		get("/getMembersfollowersGrowth/{memberId}/{startTime}/{endTime}/{pId}", endpoint(s, ofMember(parseSeries), figures.AccountFollowers)),
		get("/getMembersPostLikes/{memberId}/{startTime}/{endTime}/{pId}", endpoint(s, ofMember(parsePostsSeries), figures.PostsLikes)),
		get("/getMembersPostViews/{memberId}/{startTime}/{endTime}/{pId}", endpoint(s, ofMember(parseSeries), figures.PostsViews)),
		get("/getMembersPostEngagement/{memberId}/{startTime}/{endTime}/{pId}", endpoint(s, ofMember(parsePosts), figures.PostsEngagements)),
		// The optional segments of old: the number of segments says which they are.
		get("/getMembersTopPosts/{memberId}/{cId}", membersTop),
		get("/getMembersTopPosts/{memberId}/{startTime}/{cId}", membersTop),
		get("/getMembersTopPosts/{memberId}/{startTime}/{endTime}/{cId}", membersTop),
		get("/getMembersTopPosts/{memberId}/{startTime}/{endTime}/{cId}/{pId}", membersTop),
	}
}
