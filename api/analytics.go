package api

import (
	"cmp"
	"context"
	"net/http"
	"reflect"
	"slices"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/csvtable"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
)

// analyticsRoutes is the table of the 22 endpoints: a parser, a query, a row for each pattern. They are
// served under /auth and, standalone, at the root; patterns stand here without either. What a pattern
// does not name (startTime, endTime, pId) may come in the query.
func analyticsRoutes(door *doorkeeper, figures *analytics.Analytics) []Operation {
	readers := []Role{RoleAgency, RoleClient}
	get := func(pattern, id string, op operation) Operation {
		return Operation{http.MethodGet, pattern, id, readers, op}
	}
	netGrowth := endpoint(door, comparedSeries, figures.AccountNetGrowth)
	membersTop := endpoint(door, ofMember(topPostsParams), figures.TopPosts)
	return []Operation{
		get("/getAccountInsights/{startTime}/{endTime}/{pId}", "getAccountInsights", endpoint(door, comparedTotals, figures.AccountInsights)),
		get("/getAccountFollowers/{startTime}/{endTime}/{pId}", "getAccountFollowers",
			endpoint(door, comparedSeries, figures.AccountFollowers)),
		get("/getRoiViews", "getRoiViews", endpoint(door, totalsParams, figures.RoiViews)),
		get("/reach/getAccountStats/{pId}", "getAccountStats", endpoint(door, comparedSeries, figures.AccountStats)),
		get("/reach/getAccountNetGrowth/{pId}", "getAccountNetGrowthByPId", netGrowth),
		get("/reach/getAccountNetGrowth", "getAccountNetGrowth", netGrowth),
		get("/reach/activityMeter", "getActivityMeter", endpoint(door, seriesParams, figures.ActivityMeter)),
		get("/leaderboard/{pId}", "getLeaderboard", endpoint(door, leaderboardParams, figures.Leaderboard)),
		get("/getTopPostsInsights/{startTime}/{endTime}/{pId}/{cId}", "getTopPostsInsights",
			endpoint(door, topPostsParams, figures.TopPosts)),
		get("/getPostInsights/{startTime}/{endTime}/{pId}", "getPostInsights", endpoint(door, postsParams, figures.PostInsights)),
		get("/getPostsLikes/{startTime}/{endTime}/{pId}", "getPostsLikes", endpoint(door, postsSeriesParams, figures.PostsLikes)),
		get("/getPostsViews/{startTime}/{endTime}/{pId}", "getPostsViews", endpoint(door, comparedSeries, figures.PostsViews)),
		get("/getPostsEngagements/{startTime}/{endTime}/{pId}", "getPostsEngagements",
			endpoint(door, postsParams, figures.PostsEngagements)),
		get("/getPostsTotalEngagements/{startTime}/{endTime}/{pId}", "getPostsTotalEngagements",
			endpoint(door, comparedSeries, figures.PostsTotalEngagements)),

		get("/member-followers-graph/{memberId}", "getMemberFollowersGraph",
			endpoint(door, ofMember(comparedSeries), figures.AccountFollowers)),
		get("/accountActiveMembersPlatforms/{accountId}", "getAccountActiveMembersPlatforms",
			endpoint(door, with(postsParams, paramAccountID), figures.ActiveMembers)),
		get("/membersSocialGrowth/{memberId}/{fromDate}/{toDate}", "getMembersSocialGrowth",
			endpoint(door, ofMember(growthParams), figures.MemberGrowth)),
		get("/getMembersPostInsights/{memberId}/{startTime}/{endTime}/{pId}", "getMembersPostInsights",
			endpoint(door, ofMember(postsParams), figures.PostInsights)),
		get("/getMembersfollowersGrowth/{memberId}/{startTime}/{endTime}/{pId}", "getMembersfollowersGrowth",
			endpoint(door, ofMember(comparedSeries), figures.AccountFollowers)),
		get("/getMembersPostLikes/{memberId}/{startTime}/{endTime}/{pId}", "getMembersPostLikes",
			endpoint(door, ofMember(postsSeriesParams), figures.PostsLikes)),
		get("/getMembersPostViews/{memberId}/{startTime}/{endTime}/{pId}", "getMembersPostViews",
			endpoint(door, ofMember(comparedSeries), figures.PostsViews)),
		get("/getMembersPostEngagement/{memberId}/{startTime}/{endTime}/{pId}", "getMembersPostEngagement",
			endpoint(door, ofMember(postsParams), figures.PostsEngagements)),
		// The optional segments of old: the number of segments says which they are.
		get("/getMembersTopPosts/{memberId}/{cId}", "getMembersTopPostsByMemberIdByCId", membersTop),
		get("/getMembersTopPosts/{memberId}/{startTime}/{cId}", "getMembersTopPostsByMemberIdByStartTimeByCId", membersTop),
		get("/getMembersTopPosts/{memberId}/{startTime}/{endTime}/{cId}", "getMembersTopPostsByMemberIdByStartTimeByEndTimeByCId",
			membersTop),
		get("/getMembersTopPosts/{memberId}/{startTime}/{endTime}/{cId}/{pId}", "getMembersTopPostsByMemberIdByStartTimeByEndTimeByCIdByPId",
			membersTop),
	}
}

// What the analytics endpoints take. parseFigures reads whatever is declared.
var (
	totalsParams = []Param{paramStartTime, paramEndTime, paramZone, paramPlatform}
	seriesParams = with(totalsParams, paramGranularity)
	postsParams  = with(totalsParams, paramCursor, paramLimit)

	comparedTotals    = with(totalsParams, paramCompare)
	comparedSeries    = with(seriesParams, paramCompare)
	postsSeriesParams = with(postsParams, paramGranularity, paramCompare)
	topPostsParams    = with(postsParams, paramCategory, paramRankBy)
	leaderboardParams = with(totalsParams, paramLimit, paramRankBy)
	growthParams      = []Param{paramFromDate, paramToDate, paramZone, paramPlatform, paramCompare}
	onePlatformParams = []Param{paramPlatformID, paramStartTime, paramEndTime, paramZone, paramGranularity, paramCompare}
)

var paramRankBy = Param{
	Name: "by", Kind: KindWord, Words: []string{string(analytics.RankByGained), string(analytics.RankByTotal)},
	Default: string(analytics.RankByGained), wrong: "is not what a ranking goes by: use %s", Example: string(analytics.RankByTotal),
	Text: "What rankings go by: gained, what engagement gained in the range; or total, all that the posts that were published in " +
		"the range have gathered by its end.",
}

// paramCompare stands where totals or series have another period.
var paramCompare = Param{
	Name: "compare", Kind: KindWord, wrong: "is nothing to compare with: use %s",
	Words:   []string{string(analytics.ComparePrevious), string(analytics.CompareYear), string(analytics.CompareNone)},
	Default: "totals are compared with the previous period, and series come alone", Example: string(analytics.CompareYear),
	Text: "What the range is compared with. previous: the period right before it, as long as what has elapsed of it. year: the same dates one " +
		"year before, in the time zone; 29 February has none, and is part of the comparison of 28 February. Series come with the figures of that " +
		"period, part by part. none: with nothing; what says so in totals is null.",
}

func ofMember(takes []Param) []Param { return with([]Param{paramMember}, takes...) }

func with(takes []Param, more ...Param) []Param { return append(slices.Clone(takes), more...) }

func parseFigures(p *Params) (q analytics.RangeQuery) {
	if p.declares(paramMember) {
		q.Member = p.optionalID(paramMember)
	}
	if p.declares(paramFromDate) {
		q.Range = p.Range(paramFromDate, paramToDate)
	} else {
		q.Range = p.Range(paramStartTime, paramEndTime)
	}
	q.Platforms = domain.Platforms()
	if p.declares(paramPlatform) {
		q.Platforms = p.Platforms()
	}
	if p.declares(paramPlatformID) {
		q.Social = p.ID(paramPlatformID)
	}
	if p.declares(paramCompare) {
		q.Compare = analytics.Compare(p.word(paramCompare))
	}
	if p.declares(paramLimit) {
		q.Page.Limit = p.Limit()
	}
	if p.declares(paramCursor) {
		q.Page.Cursor = p.cursor(paramCursor)
	}
	if p.declares(paramGranularity) {
		q.Granularity = cmp.Or(analytics.Granularity(p.word(paramGranularity)), analytics.ByDay)
	}
	if p.declares(paramCategory) {
		q.Category = p.Category()
	}
	if p.declares(paramRankBy) {
		q.By = analytics.RankBy(p.word(paramRankBy))
	}
	return q
}

// endpoint is the one shape of the analytics: parse, find out whose figures, query, and write the envelope or
// a table, or 304 when the caller has that already. Where the path names no account, ?account= and ?dashboard= may narrow
// the figures.
func endpoint[R any](
	door *doorkeeper, takes []Param, query func(context.Context, readmodels.Scope, analytics.RangeQuery) (R, analytics.Meta, error),
) operation {
	if !slices.ContainsFunc(takes, paramAccountID.same) {
		takes = with(takes, paramAccount, paramBoard)
	}
	plan := csvtable.NewPlan(reflect.TypeFor[R]())
	tables := paramTable
	tables.Words = append(plan.Names(), csvSources)
	read := func(w http.ResponseWriter, r *http.Request, params *Params) error {
		asked := parseFigures(params)
		whose := narrowingOf(params)
		asCSV, table, form := formOf(params, r, tables)
		if err := params.Err(); err != nil {
			return err
		}
		scope, err := door.scope(r.Context(), whose)
		if err != nil {
			return err
		}
		data, meta, err := query(r.Context(), scope, asked)
		if err != nil {
			return err
		}
		meta.Ignored = params.ignored
		if scope.Board != nil {
			meta.ClientsSee, meta.ClientsSeeNot = &scope.Board.ClientsSee, scope.Board.Why
		}
		if asCSV {
			layout, rows, next := plan, any(data), meta.NextCursor
			if table == csvSources { // they are the same on every page
				layout, rows, next, table = sourcesPlan, meta.Sources, "", csvtable.Root
			}
			body, err := layout.Write(rows, table)
			if err != nil {
				return err
			}
			headCSV(w.Header(), r, next)
			writeTagged(w, r, body)
			return nil
		}
		if form == metaBrief {
			meta.Sources = nil
		}
		body, err := encoded(data, &meta)
		if err != nil {
			return err
		}
		w.Header().Set("Content-Type", contentJSON)
		writeTagged(w, r, body)
		return nil
	}
	return operation{
		read: read, Takes: with(takes, paramMeta, tables, paramIfNoneMatch),
		Answer: Answer{Data: reflect.TypeFor[R](), Meta: reflect.TypeFor[analytics.Meta](), CSV: plan.FirstLine()},
	}
}

// formOf is the form of an answer: CSV with its table, or JSON with its meta.
func formOf(p *Params, r *http.Request, tables Param) (asCSV bool, table, form string) {
	table, form = p.word(tables), p.word(paramMeta)
	asCSV = prefers(r, mediaCSV) || table != "" && weightOf(r, mediaJSON) == 0 // a link sets no header
	switch {
	case asCSV && form != "":
		p.bad.Addf(paramMeta.Name, "is of JSON and changes nothing in CSV: leave it out; ?table=%s has the sources", csvSources)
	case table != "" && !asCSV:
		p.bad.Addf(paramTable.Name, "is of CSV, and the request prefers JSON: send Accept: text/csv, or leave it out")
	}
	return asCSV, table, form
}

// csvSources is the table of what figures are worth; all tables of an answer together leave it out.
const csvSources = "meta.sources"

var sourcesPlan = csvtable.NewPlan(reflect.TypeFor[[]analytics.Source]())

// narrowingOf is what the figures are narrowed to.
func narrowingOf(p *Params) (n readmodels.Narrowing) {
	if p.declares(paramAccountID) {
		n.Accounts = []readmodels.AccountRef{p.RequiredAccount(paramAccountID)}
		return n
	}
	n.Accounts = p.Accounts(paramAccount)
	if p.declares(paramBoard) {
		n.Dashboard = p.hex(paramBoard)
	}
	return n
}

func (k *doorkeeper) scope(ctx context.Context, narrow readmodels.Narrowing) (readmodels.Scope, error) {
	p, _ := PrincipalFrom(ctx)
	parent, err := k.parentOf(ctx, p)
	if err != nil {
		return readmodels.Scope{}, err
	}
	request := readmodels.ScopeRequest{ParentAccount: parent, Narrow: narrow}
	if !p.Roles.Has(RoleAgency) {
		request.ClientAccount, request.ClientUser = p.AccountID, p.UserID
	}
	return k.scopes(ctx, request)
}
