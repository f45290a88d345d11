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

// analyticsRoutes returns the routes of the 22 analytics endpoints, each with its parameters and
// its query. They are served under /auth and, standalone, at the root; the patterns here have no
// prefix. startTime, endTime and pId are query parameters where a pattern does not contain them.
func analyticsRoutes(door *authorizer, figures *analytics.Analytics) []Operation {
	readers := []Role{RoleAgency, RoleClient}
	get := func(pattern, id string, op operation) Operation {
		return Operation{http.MethodGet, pattern, id, readers, op}
	}
	netGrowth := endpoint(door, comparedSeries, figures.AccountNetGrowth)
	membersTop := endpoint(door, ofMember(topPostsParams), figures.TopPosts)
	return []Operation{
		get(
			"/getAccountInsights/{startTime}/{endTime}/{pId}", "getAccountInsights",
			endpoint(door, comparedTotals, figures.AccountInsights),
		),
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
		get(
			"/getPostInsights/{startTime}/{endTime}/{pId}", "getPostInsights",
			endpoint(door, postsParams, figures.PostInsights),
		),
		get(
			"/getPostsLikes/{startTime}/{endTime}/{pId}", "getPostsLikes",
			endpoint(door, postsSeriesParams, figures.PostsLikes),
		),
		get(
			"/getPostsViews/{startTime}/{endTime}/{pId}", "getPostsViews",
			endpoint(door, comparedSeries, figures.PostsViews),
		),
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
		// As in the old system, some segments are optional; the number of segments determines which
		// ones are present.
		get("/getMembersTopPosts/{memberId}/{cId}", "getMembersTopPostsByMemberIdByCId", membersTop),
		get(
			"/getMembersTopPosts/{memberId}/{startTime}/{cId}", "getMembersTopPostsByMemberIdByStartTimeByCId",
			membersTop,
		),
		get("/getMembersTopPosts/{memberId}/{startTime}/{endTime}/{cId}",
			"getMembersTopPostsByMemberIdByStartTimeByEndTimeByCId", membersTop),
		get("/getMembersTopPosts/{memberId}/{startTime}/{endTime}/{cId}/{pId}",
			"getMembersTopPostsByMemberIdByStartTimeByEndTimeByCIdByPId", membersTop),
	}
}

// The parameters of the analytics endpoints. parseFigures reads those that are declared.
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
	onePlatformParams = []Param{
		paramPlatformID, paramStartTime, paramEndTime, paramZone, paramGranularity, paramCompare,
	}
)

var paramRankBy = Param{
	Name: "by", Kind: KindWord, Words: []string{string(analytics.RankByGained), string(analytics.RankByTotal)},
	Default: string(analytics.RankByGained), wrong: "is not a ranking: use %s", Example: string(analytics.RankByTotal),
	Text: "Basis of the rankings: gained, the engagement gained in the range; or total, the engagement of the posts " +
		"published in the range, as of its end.",
}

var paramCompare = Param{
	Name: "compare", Kind: KindWord, wrong: "is not a comparison: use %s",
	Words:   []string{string(analytics.ComparePrevious), string(analytics.CompareYear), string(analytics.CompareNone)},
	Default: "totals are compared with the previous period, and series have no comparison", Example: string(analytics.CompareYear),
	Text: "The comparison period. previous: the same number of days before the range. year: the same dates one " +
		"year earlier, in the time zone; February 29 is compared as part of February 28. Both are cut at the same hour while the range " +
		"has not ended; `meta` shows the period that was used. For both, each part of a series is compared with the corresponding part. none: no comparison; the " +
		"comparison members of totals are null.",
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
		q.Page.Limit = p.limit()
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

// endpoint returns the operation of an analytics endpoint. If its path contains no account,
// ?account= and ?dashboard= can limit the scope.
func endpoint[R any](
	door *authorizer, takes []Param,
	query func(context.Context, readmodels.Scope, analytics.RangeQuery) (R, analytics.Meta, error),
) operation {
	if !slices.ContainsFunc(takes, paramAccountID.same) {
		takes = with(takes, paramAccount, paramBoard)
	}
	plan := csvtable.NewPlan(reflect.TypeFor[R]())
	tables := paramTable
	tables.Words = append(plan.Names(), csvSources)
	read := func(w http.ResponseWriter, r *http.Request, params *Params) error {
		q := parseFigures(params)
		narrowing := narrowingOf(params)
		asCSV, spreadsheet, table, form := formOf(params, r, tables)
		if err := params.Err(); err != nil {
			return err
		}
		scope, err := door.scope(r.Context(), narrowing)
		if err != nil {
			return err
		}
		data, meta, err := query(r.Context(), scope, q)
		if err != nil {
			return err
		}
		meta.Ignored = params.ignored
		if scope.Board != nil {
			meta.ClientsSee, meta.ClientsSeeNot = &scope.Board.ClientsSee, scope.Board.Why
		}
		if asCSV {
			layout, rows, next := plan, any(data), meta.NextCursor
			if table == csvSources { // it is the same on every page, so there is no next page
				layout, rows, next, table = sourcesPlan, meta.Sources, "", csvtable.Root
			}
			body, err := layout.Write(rows, table, spreadsheet)
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
		read: read, Takes: with(takes, paramMeta, tables, paramSpreadsheet, paramIfNoneMatch),
		Answer: Answer{Data: reflect.TypeFor[R](), Meta: reflect.TypeFor[analytics.Meta](), CSV: plan.FirstLine()},
	}
}

func formOf(p *Params, r *http.Request, tables Param) (asCSV, spreadsheet bool, table, form string) {
	table, form = p.word(tables), p.word(paramMeta)
	spreadsheet = p.word(paramSpreadsheet) != ""
	link := table != "" || spreadsheet // a link cannot set Accept
	asCSV = prefers(r, mediaCSV) || link && weightOf(r, mediaJSON) == 0
	switch {
	case asCSV && form != "":
		p.bad.Addf(paramMeta.Name, "applies to JSON only: remove it; table=%s returns the sources as CSV", csvSources)
	case table != "" && !asCSV:
		p.bad.Addf(paramTable.Name, "applies to CSV only: send Accept: text/csv, or remove it")
	case spreadsheet && !asCSV:
		p.bad.Addf(paramSpreadsheet.Name, "applies to CSV only: send Accept: text/csv, or remove it")
	}
	return asCSV, spreadsheet, table, form
}

// csvSources is the table of sources. It is returned only on request, not with all tables.
const csvSources = "meta.sources"

var sourcesPlan = csvtable.NewPlan(reflect.TypeFor[[]analytics.Source]())

func narrowingOf(p *Params) (n readmodels.Narrowing) {
	if p.declares(paramAccountID) {
		value, _ := p.value(paramAccountID)
		n.Accounts = []readmodels.AccountRef{p.accountRef(paramAccountID, value)}
		return n
	}
	n.Accounts = p.Accounts(paramAccount)
	if p.declares(paramBoard) {
		n.Dashboard = p.hex(paramBoard)
	}
	return n
}

func (k *authorizer) scope(ctx context.Context, narrow readmodels.Narrowing) (readmodels.Scope, error) {
	p, _ := PrincipalFrom(ctx)
	parent, err := k.parentOf(ctx, p)
	if err != nil {
		return readmodels.Scope{}, err
	}
	request := readmodels.ScopeRequest{ParentAccount: parent, Narrow: narrow}
	if !p.Roles.Has(RoleAgency) {
		request.ClientAccount, request.ClientUser = p.AccountID, p.UserID
	}
	return k.deps.Scope(ctx, request)
}
