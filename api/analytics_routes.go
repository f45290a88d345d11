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
	AccountFollowers(
		ctx context.Context, scope readmodels.Scope, query analytics.RangeQuery,
	) (analytics.AccountFollowers, analytics.Meta, error)
	RoiViews(ctx context.Context, scope readmodels.Scope, query analytics.RangeQuery) (analytics.RoiViews, analytics.Meta, error)
	AccountStats(ctx context.Context, scope readmodels.Scope, query analytics.RangeQuery) (analytics.AccountStats, analytics.Meta, error)
	AccountNetGrowth(
		ctx context.Context, scope readmodels.Scope, query analytics.RangeQuery,
	) (analytics.AccountNetGrowth, analytics.Meta, error)
	ActivityMeter(ctx context.Context, scope readmodels.Scope, query analytics.RangeQuery) (analytics.ActivityMeter, analytics.Meta, error)
	Leaderboard(ctx context.Context, scope readmodels.Scope, query analytics.RangeQuery) (analytics.Leaderboard, analytics.Meta, error)
	TopPosts(ctx context.Context, scope readmodels.Scope, query analytics.RangeQuery) (analytics.TopPosts, analytics.Meta, error)
	PostInsights(ctx context.Context, scope readmodels.Scope, query analytics.RangeQuery) (analytics.PostInsights, analytics.Meta, error)
	PostsLikes(ctx context.Context, scope readmodels.Scope, query analytics.RangeQuery) (analytics.PostsLikes, analytics.Meta, error)
	PostsViews(ctx context.Context, scope readmodels.Scope, query analytics.RangeQuery) (analytics.PostsViews, analytics.Meta, error)
	PostsEngagements(
		ctx context.Context, scope readmodels.Scope, query analytics.RangeQuery,
	) (analytics.PostsEngagements, analytics.Meta, error)
	PostsTotalEngagements(
		ctx context.Context, scope readmodels.Scope, query analytics.RangeQuery,
	) (analytics.PostsTotalEngagements, analytics.Meta, error)
	ActiveMembers(ctx context.Context, scope readmodels.Scope, query analytics.RangeQuery) (analytics.ActiveMembers, analytics.Meta, error)
	MemberGrowth(ctx context.Context, scope readmodels.Scope, query analytics.RangeQuery) (analytics.MemberGrowth, analytics.Meta, error)

	Stats(ctx context.Context, scope readmodels.Scope, query analytics.RangeQuery) (analytics.PlatformStats, analytics.Meta, error)
	Activities(
		ctx context.Context, scope readmodels.Scope, query analytics.ActivitiesQuery,
	) ([]analytics.PostActivity, readmodels.ListMeta, error)
	Activity(ctx context.Context, scope readmodels.Scope, id string) (analytics.PostActivity, error)
	ActivityStats(
		ctx context.Context, scope readmodels.Scope, query analytics.ReadingsQuery,
	) ([]analytics.PostReading, readmodels.ListMeta, error)
}

// analyticsRoutes is the table of the 22 endpoints: a parser, a query, a row for each pattern. They are
// served under /auth and, standalone, at the root; patterns stand here without either. What a pattern
// does not name (startTime, endTime, pId) may come in the query.
func (s *Server) analyticsRoutes() []route {
	readers := []Role{RoleAgency, RoleClient}
	get := func(pattern, id string, op operation) route { return route{http.MethodGet, pattern, id, readers, op} }
	figures := s.deps.Analytics
	netGrowth := endpoint(s, comparedSeries, figures.AccountNetGrowth)
	membersTop := endpoint(s, ofMember(topPostsParams), figures.TopPosts)
	return []route{
		get("/getAccountInsights/{startTime}/{endTime}/{pId}", "getAccountInsights", endpoint(s, comparedTotals, figures.AccountInsights)),
		get("/getAccountFollowers/{startTime}/{endTime}/{pId}", "getAccountFollowers",
			endpoint(s, comparedSeries, figures.AccountFollowers)),
		get("/getRoiViews", "getRoiViews", endpoint(s, totalsParams, figures.RoiViews)),
		get("/reach/getAccountStats/{pId}", "getAccountStats", endpoint(s, comparedSeries, figures.AccountStats)),
		get("/reach/getAccountNetGrowth/{pId}", "getAccountNetGrowthByPId", netGrowth),
		get("/reach/getAccountNetGrowth", "getAccountNetGrowth", netGrowth),
		get("/reach/activityMeter", "getActivityMeter", endpoint(s, seriesParams, figures.ActivityMeter)),
		get("/leaderboard/{pId}", "getLeaderboard", endpoint(s, leaderboardParams, figures.Leaderboard)),
		get("/getTopPostsInsights/{startTime}/{endTime}/{pId}/{cId}", "getTopPostsInsights",
			endpoint(s, topPostsParams, figures.TopPosts)),
		get("/getPostInsights/{startTime}/{endTime}/{pId}", "getPostInsights", endpoint(s, postsParams, figures.PostInsights)),
		get("/getPostsLikes/{startTime}/{endTime}/{pId}", "getPostsLikes", endpoint(s, postsSeriesParams, figures.PostsLikes)),
		get("/getPostsViews/{startTime}/{endTime}/{pId}", "getPostsViews", endpoint(s, comparedSeries, figures.PostsViews)),
		get("/getPostsEngagements/{startTime}/{endTime}/{pId}", "getPostsEngagements",
			endpoint(s, postsParams, figures.PostsEngagements)),
		get("/getPostsTotalEngagements/{startTime}/{endTime}/{pId}", "getPostsTotalEngagements",
			endpoint(s, comparedSeries, figures.PostsTotalEngagements)),

		get("/member-followers-graph/{memberId}", "getMemberFollowersGraph",
			endpoint(s, ofMember(comparedSeries), figures.AccountFollowers)),
		get("/accountActiveMembersPlatforms/{accountId}", "getAccountActiveMembersPlatforms",
			endpoint(s, with(postsParams, paramAccountID), figures.ActiveMembers)),
		get("/membersSocialGrowth/{memberId}/{fromDate}/{toDate}", "getMembersSocialGrowth",
			endpoint(s, ofMember(growthParams), figures.MemberGrowth)),
		get("/getMembersPostInsights/{memberId}/{startTime}/{endTime}/{pId}", "getMembersPostInsights",
			endpoint(s, ofMember(postsParams), figures.PostInsights)),
		get("/getMembersfollowersGrowth/{memberId}/{startTime}/{endTime}/{pId}", "getMembersfollowersGrowth",
			endpoint(s, ofMember(comparedSeries), figures.AccountFollowers)),
		get("/getMembersPostLikes/{memberId}/{startTime}/{endTime}/{pId}", "getMembersPostLikes",
			endpoint(s, ofMember(postsSeriesParams), figures.PostsLikes)),
		get("/getMembersPostViews/{memberId}/{startTime}/{endTime}/{pId}", "getMembersPostViews",
			endpoint(s, ofMember(comparedSeries), figures.PostsViews)),
		get("/getMembersPostEngagement/{memberId}/{startTime}/{endTime}/{pId}", "getMembersPostEngagement",
			endpoint(s, ofMember(postsParams), figures.PostsEngagements)),
		// The optional segments of old: the number of segments says which they are.
		get("/getMembersTopPosts/{memberId}/{cId}", "getMembersTopPostsByMemberIdByCId", membersTop),
		get("/getMembersTopPosts/{memberId}/{startTime}/{cId}", "getMembersTopPostsByMemberIdByStartTimeByCId", membersTop),
		get("/getMembersTopPosts/{memberId}/{startTime}/{endTime}/{cId}", "getMembersTopPostsByMemberIdByStartTimeByEndTimeByCId",
			membersTop),
		get("/getMembersTopPosts/{memberId}/{startTime}/{endTime}/{cId}/{pId}", "getMembersTopPostsByMemberIdByStartTimeByEndTimeByCIdByPId",
			membersTop),
	}
}
