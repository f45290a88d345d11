package api

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/tabular"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
)

// analyticsGroup has the 22 analytics endpoints. They are served under /auth and, standalone, at the
// root. startTime, endTime and pId are query parameters where a pattern does not contain them.
var analyticsGroup = newGroup(tagAnalytics, func(Deps) bool { return true })

// figuresAt registers an operation of figures; the pattern has no prefix.
func figuresAt[I figuresInput, R any](
	pattern, id string,
	query func(*analytics.Analytics, context.Context, readmodels.Scope, analytics.RangeQuery) (R, analytics.Meta, error),
) Op[I, Figures[R]] {
	return byClients(analyticsGroup, http.MethodGet, PrefixAnalytics+pattern, id, figures[I](query))
}

var (
	// Returns follower and engagement totals per platform and overall, with the change from the
	// previous period.
	_ = figuresAt[ComparedTotals]("/getAccountInsights/{startTime}/{endTime}/{pId}", "getAccountInsights", (*analytics.Analytics).AccountInsights)
	// Returns net follower growth per platform and overall.
	_ = figuresAt[ComparedSeries]("/reach/getAccountNetGrowth", "getAccountNetGrowth", (*analytics.Analytics).AccountNetGrowth)
	// Returns the posts that gained the most engagement in the range, or have the most in total.
	_ = figuresAt[TopPosts]("/getTopPostsInsights/{startTime}/{endTime}/{pId}/{cId}", "getTopPostsInsights", (*analytics.Analytics).TopPosts)
	// Returns every post with its latest metrics and its gains in the range.
	_ = figuresAt[Posts]("/getPostInsights/{startTime}/{endTime}/{pId}", "getPostInsights", (*analytics.Analytics).PostInsights)
	// Returns likes per post and over time.
	_ = figuresAt[PostsSeries]("/getPostsLikes/{startTime}/{endTime}/{pId}", "getPostsLikes", (*analytics.Analytics).PostsLikes)
	// Returns likes + comments + shares per post.
	_ = figuresAt[Posts]("/getPostsEngagements/{startTime}/{endTime}/{pId}", "getPostsEngagements", (*analytics.Analytics).PostsEngagements)
	// Returns the followers of one member by day, week or month, per platform and overall.
	_ = figuresAt[MemberSeries]("/member-followers-graph/{memberId}", "getMemberFollowersGraph", (*analytics.Analytics).AccountFollowers)
	// Returns the active members of an account and the platforms that they have connected, according to
	// the current directory. The range in `meta` has no meaning here.
	_ = figuresAt[ActiveMembers]("/accountActiveMembersPlatforms/{accountId}", "getAccountActiveMembersPlatforms", (*analytics.Analytics).ActiveMembers)
	// Returns a member's growth summary.
	_ = figuresAt[MemberGrowth]("/membersSocialGrowth/{memberId}/{fromDate}/{toDate}", "getMembersSocialGrowth", (*analytics.Analytics).MemberGrowth)
	// Returns every post of one member with its latest metrics and its gains in the range.
	_ = figuresAt[MemberPosts]("/getMembersPostInsights/{memberId}/{startTime}/{endTime}/{pId}", "getMembersPostInsights", (*analytics.Analytics).PostInsights)
	// Returns the followers of one member by day, week or month, per platform and overall.
	_ = figuresAt[MemberSeries]("/getMembersfollowersGrowth/{memberId}/{startTime}/{endTime}/{pId}", "getMembersfollowersGrowth", (*analytics.Analytics).AccountFollowers)
	// Returns likes per post of one member, and over time.
	_ = figuresAt[MemberPostsSeries]("/getMembersPostLikes/{memberId}/{startTime}/{endTime}/{pId}", "getMembersPostLikes", (*analytics.Analytics).PostsLikes)
	// Returns the video views that the posts of one member gained over time.
	_ = figuresAt[MemberSeries]("/getMembersPostViews/{memberId}/{startTime}/{endTime}/{pId}", "getMembersPostViews", (*analytics.Analytics).PostsViews)
	// Returns likes + comments + shares per post of one member.
	_ = figuresAt[MemberPosts]("/getMembersPostEngagement/{memberId}/{startTime}/{endTime}/{pId}", "getMembersPostEngagement", (*analytics.Analytics).PostsEngagements)

	// As in the old system, some segments are optional; the number of segments determines which
	// ones are present.

	// Returns the posts of one member that gained the most engagement in the range.
	_ = figuresAt[MemberTopPosts]("/getMembersTopPosts/{memberId}/{cId}", "getMembersTopPostsByMemberIdByCId", (*analytics.Analytics).TopPosts)
	// Returns the posts of one member that gained the most engagement in the range.
	_ = figuresAt[MemberTopPosts]("/getMembersTopPosts/{memberId}/{startTime}/{cId}", "getMembersTopPostsByMemberIdByStartTimeByCId", (*analytics.Analytics).TopPosts)
	// Returns the posts of one member that gained the most engagement in the range.
	_ = figuresAt[MemberTopPosts]("/getMembersTopPosts/{memberId}/{startTime}/{endTime}/{cId}",
		"getMembersTopPostsByMemberIdByStartTimeByEndTimeByCId", (*analytics.Analytics).TopPosts)
	// Returns the posts of one member that gained the most engagement in the range.
	_ = figuresAt[MemberTopPosts]("/getMembersTopPosts/{memberId}/{startTime}/{endTime}/{cId}/{pId}",
		"getMembersTopPostsByMemberIdByStartTimeByEndTimeByCIdByPId", (*analytics.Analytics).TopPosts)
	// GetAccountFollowers returns followers by day, week or month, per platform and overall.
	GetAccountFollowers = figuresAt[ComparedSeries]("/getAccountFollowers/{startTime}/{endTime}/{pId}", "getAccountFollowers", (*analytics.Analytics).AccountFollowers)
	// GetRoiViews compares page views per platform and month with the cost of the subscriptions.
	GetRoiViews = figuresAt[Totals]("/getRoiViews", "getRoiViews", (*analytics.Analytics).RoiViews)
	// GetAccountStats returns reach and impressions as totals and series.
	GetAccountStats = figuresAt[ComparedSeries]("/reach/getAccountStats/{pId}", "getAccountStats", (*analytics.Analytics).AccountStats)
	// GetAccountNetGrowth returns net follower growth per platform and overall.
	GetAccountNetGrowth = figuresAt[ComparedSeries]("/reach/getAccountNetGrowth/{pId}", "getAccountNetGrowthByPId", (*analytics.Analytics).AccountNetGrowth)
	// GetActivityMeter returns posting frequency and an activity score. `meta.as_of` is the time at
	// which the newest counted post was registered.
	GetActivityMeter = figuresAt[Series]("/reach/activityMeter", "getActivityMeter", (*analytics.Analytics).ActivityMeter)
	// GetLeaderboard returns the best members and the best posts, ranked by engagement. The result has
	// a single page; limit is the number of members and the number of posts.
	GetLeaderboard = figuresAt[Leaderboard]("/leaderboard/{pId}", "getLeaderboard", (*analytics.Analytics).Leaderboard)
	// GetPostsViews returns the video views that posts gained over time.
	GetPostsViews = figuresAt[ComparedSeries]("/getPostsViews/{startTime}/{endTime}/{pId}", "getPostsViews", (*analytics.Analytics).PostsViews)
	// GetPostsTotalEngagements returns the likes, comments and shares that all posts gained, as a sum
	// and over time.
	GetPostsTotalEngagements = figuresAt[ComparedSeries]("/getPostsTotalEngagements/{startTime}/{endTime}/{pId}", "getPostsTotalEngagements", (*analytics.Analytics).PostsTotalEngagements)
)

// byClients registers an operation for agency staff and client users.
func byClients[I, O any](g *group, method, pattern, id string, op typed[I, O]) Op[I, O] {
	return route(g, method, pattern, id, []Role{RoleAgency, RoleClient}, op)
}

// The inputs of figures, and their parts.
type (
	// Totals are figures of a range.
	Totals struct {
		Period Period
		OfPlatforms
		Narrowing
		Form
	}
	// ComparedTotals are totals with those of another range.
	ComparedTotals struct {
		Totals
		Comparison
	}
	// Series are figures over time.
	Series struct {
		Totals
		Interval
	}
	// ComparedSeries are series with those of another range.
	ComparedSeries struct {
		Series
		Comparison
	}
	// Posts is a page of posts.
	Posts struct {
		Totals
		Page
	}
	// PostsSeries is a page of posts, with series of all posts.
	PostsSeries struct {
		Posts
		Interval
		Comparison
	}
	// TopPosts is a page of a ranking of posts.
	TopPosts struct {
		Posts
		Ranking
		OfCategory
	}
	// Leaderboard has rankings with one page.
	Leaderboard struct {
		Totals
		Size
		Ranking
	}
	// MemberGrowth is the growth of a member.
	MemberGrowth struct {
		Member
		Period Dates
		OfPlatforms
		Comparison
		Narrowing
		Form
	}
	// MemberSeries are the series of a member.
	MemberSeries struct {
		Member
		ComparedSeries
	}
	// MemberPosts is a page of a member's posts.
	MemberPosts struct {
		Member
		Posts
	}
	// MemberPostsSeries is a page of a member's posts, with series of all of them.
	MemberPostsSeries struct {
		Member
		PostsSeries
	}
	// MemberTopPosts is a page of a ranking of a member's posts.
	MemberTopPosts struct {
		Member
		TopPosts
	}
	// ActiveMembers is a page of the members of an account.
	ActiveMembers struct {
		// The account, by its id (24 hex digits) or its row id (a positive integer).
		Account Account `param:"accountId" example:"11"`
		Period  Period
		OfPlatforms
		Page
		Form
	}
	// MembersStats are figures over time of all accounts, or of the connections of a member.
	MembersStats struct {
		ComparedSeries
		OfMember
	}
	// PlatformStats are figures over time of one connected profile or page.
	PlatformStats struct {
		PlatformID
		Period Period
		Interval
		Comparison
		Narrowing
		Form
	}

	// Member is a member in the path.
	Member struct {
		MemberID RowID `param:"memberId" example:"7"` // The member's id: a positive integer.
	}
	// Interval is the length of the intervals of series.
	Interval struct {
		// Interval of the series: day, week (starting on Monday) or month, in the time zone.
		Granularity analytics.Granularity `param:"granularity" example:"week" wrong:"is not a granularity: use day, week or month"`
	}
	// Comparison is what figures are compared with.
	Comparison struct {
		// The comparison period. previous: the same number of days before the range. year: the same
		// dates one year earlier, in the time zone; February 29 is compared as part of February 28.
		// Both are cut at the same hour while the range has not ended; `meta` shows the period that
		// was used. For both, each part of a series is compared with the corresponding part. none: no
		// comparison; the comparison members of totals are null.
		Compare analytics.Compare `param:"compare" default:"totals are compared with the previous period, and series have no comparison" wrong:"is not a comparison: use %s" example:"year"`
	}
	// Ranking is the basis of rankings.
	Ranking struct {
		// Basis of the rankings: gained, the engagement gained in the range; or total, the engagement
		// of the posts published in the range, as of its end.
		By analytics.RankBy `param:"by" default:"gained" wrong:"is not a ranking: use %s" example:"total"`
	}
	// Narrowing limits figures to a part of what the caller may see.
	Narrowing struct {
		OfAccounts

		// Limits the result to the accounts that are linked in the dashboard of this sub-account: 24
		// hex digits. Agency staff can use a closed dashboard; meta.clients_see reports its state. For
		// a client user who may not open the dashboard, the response is 404. A missing dashboard is not
		// created.
		Dashboard HexID `param:"dashboard" example:"c10000000000000000000001"`
	}
	// OfPlatforms limits figures or a list to one platform.
	OfPlatforms struct {
		Platforms Platforms `param:"pId" default:"all platforms" example:"all"` // Platform: {platforms}; 0 or all for all platforms.
	}
	// OfMember limits figures or a list to one member.
	OfMember struct {
		Member RowID `param:"memberId" example:"7"` // Limits the result to the connections of the member with this id.
	}
	// OfCategory limits posts to one category.
	OfCategory struct {
		Category CategoryID `param:"cId" default:"all categories" example:"0"` // Number of the category of posts; 0 or all for all categories.
	}
	// OfAccounts limits a list to accounts.
	OfAccounts struct {
		// Limits the result to up to 100 accounts, separated by commas. Each is an id (24 hex digits)
		// or a row id (a positive integer). If one of them is unknown, the response is 404.
		Accounts Accounts `param:"account" default:"all accounts that the caller may see" example:"c10000000000000000000001"`
	}
)

// figuresInput is an input of figures.
type figuresInput interface {
	narrowing() readmodels.Narrowing
	form() Form
}

// selects is a part of an input that sets what it selects in the query.
type selects interface{ set(q *analytics.RangeQuery) }

// queryOf returns the query that the parts of an input select.
func queryOf(in figuresInput) analytics.RangeQuery {
	q := analytics.RangeQuery{Platforms: domain.Platforms()}
	setParts(reflect.ValueOf(in), &q)
	return q
}

func setParts(v reflect.Value, q *analytics.RangeQuery) {
	for field, part := range v.Fields() {
		if field.Type.Kind() == reflect.Struct && field.IsExported() {
			setParts(part, q)
			if part, ok := reflect.TypeAssert[selects](part); ok {
				part.set(q)
			}
		}
	}
}

func (p Period) set(q *analytics.RangeQuery) { q.Range = p.window }
func (d Dates) set(q *analytics.RangeQuery)  { q.Range = d.window }
func (s Size) set(q *analytics.RangeQuery)   { q.Page.Limit = int(s.Limit) }
func (a After) set(q *analytics.RangeQuery)  { q.Page.Cursor = string(a.Cursor) }
func (i Interval) set(q *analytics.RangeQuery) {
	q.Granularity = cmp.Or(i.Granularity, analytics.ByDay)
}
func (c Comparison) set(q *analytics.RangeQuery)  { q.Compare = c.Compare }
func (r Ranking) set(q *analytics.RangeQuery)     { q.By = r.By }
func (o OfPlatforms) set(q *analytics.RangeQuery) { q.Platforms = o.Platforms }
func (o OfCategory) set(q *analytics.RangeQuery)  { q.Category = int64(o.Category) }
func (o OfMember) set(q *analytics.RangeQuery)    { q.Member = int64(o.Member) }
func (m Member) set(q *analytics.RangeQuery)      { q.Member = int64(m.MemberID) }
func (p PlatformID) set(q *analytics.RangeQuery)  { q.Social = int64(p.Platform) }

func (a ActiveMembers) narrowing() readmodels.Narrowing {
	return readmodels.Narrowing{Accounts: []readmodels.AccountRef{readmodels.AccountRef(a.Account)}}
}

func (o OfAccounts) narrowing() readmodels.Narrowing {
	return readmodels.Narrowing{Accounts: o.Accounts}
}

func (n Narrowing) narrowing() readmodels.Narrowing {
	return readmodels.Narrowing{Accounts: n.Accounts, Dashboard: string(n.Dashboard)}
}

// Form is the form of figures: JSON, or a table as CSV.
type Form struct { //nolint:recvcheck // only decoding changes it
	// Level of detail of meta: brief leaves out the sources. The parameter applies to JSON only; with
	// another format, the response is 400.
	Meta string `param:"meta" words:"brief" default:"a source for every social account" wrong:"must be %s; leave it out for the full meta" example:"brief"`
	// Returns one table as a file; see the description of this document.
	Table string `param:"table" words:"tables" default:"all tables" wrong:"is not a table of this response: use %s"`
	// Returns a file, also without Accept, so that a link can download it: csv for programs, or xlsx, a
	// workbook for people. A workbook has one sheet per table, with typed cells, times in the time zone
	// of the request, and ids as texts. Its last sheet tells the range, the zone, the sources and what is
	// missing.
	Format string `param:"format" words:"csv xlsx" default:"the format that Accept prefers" wrong:"is not a format: use %s, or leave it out for JSON" example:"xlsx"`
	// The ETag of a response that the caller has.
	IfNoneMatch Opaque `header:"If-None-Match"`

	media   string   // the media type of the response
	ignored []string // query parameters without an effect
}

func (f *Form) check(d *decoder) {
	f.ignored, f.media = d.ignored, mediaJSON
	link := weightOf(d.r, mediaJSON) == 0 // a link cannot set Accept
	switch asked := map[string]string{"csv": mediaCSV, "xlsx": mediaXLSX}[f.Format]; {
	case asked != "" && (link || prefers(d.r, asked)):
		f.media = asked
	case asked != "":
		d.bad.Addf("format", "contradicts Accept: send Accept: %s, or remove one of them", asked)
	case prefers(d.r, mediaXLSX) && weightOf(d.r, mediaXLSX) > weightOf(d.r, mediaCSV):
		f.media = mediaXLSX
	case prefers(d.r, mediaCSV) || link && f.Table != "":
		f.media = mediaCSV
	}
	switch {
	case f.media != mediaJSON && f.Meta != "":
		d.bad.Addf("meta", "applies to JSON only: remove it; table=%s returns the sources as a table", tableOfSources)
	case f.media == mediaJSON && f.Table != "":
		d.bad.Addf("table", "applies to CSV and workbooks only: send Accept: text/csv, or remove it")
	}
}

func (f Form) form() Form { return f }

// Figures are an output with figures of type R.
type Figures[R any] struct {
	Data R
	Meta analytics.Meta
}

func (Figures[R]) types() Answer {
	return Answer{Data: reflect.TypeFor[R](), Meta: reflect.TypeFor[analytics.Meta]()}
}

// figures returns the operation of a query of figures.
func figures[I figuresInput, R any](
	query func(*analytics.Analytics, context.Context, readmodels.Scope, analytics.RangeQuery) (R, analytics.Meta, error),
) typed[I, Figures[R]] {
	return figuresOf(func(s *Server, ctx context.Context, scope readmodels.Scope, in I) (R, analytics.Meta, error) {
		return query(s.deps.Analytics, ctx, scope, queryOf(in))
	})
}

// figuresOf returns the operation of a function of figures.
func figuresOf[I figuresInput, R any](query func(*Server, context.Context, readmodels.Scope, I) (R, analytics.Meta, error)) typed[I, Figures[R]] {
	type server struct{ *Server }
	op := does(func(s server, ctx context.Context, c Caller, in I) (f Figures[R], err error) {
		scope, err := s.authorizer.scope(ctx, c.Principal, in.narrowing())
		if err != nil {
			return f, err
		}
		if f.Data, f.Meta, err = query(s.Server, ctx, scope, in); err != nil {
			return f, err
		}
		if scope.Board != nil {
			f.Meta.ClientsSee, f.Meta.ClientsSeeNot = &scope.Board.ClientsSee, scope.Board.Why
		}
		return f, nil
	})
	op.plan = tabular.NewPlan(reflect.TypeFor[R]())
	op.Answer.CSV = op.plan.FirstLine()
	return op.refusing(domain.CodeConflict)
}

// Workbook returns a workbook with a table of the figures, see [Form].
func (f Figures[R]) Workbook(table string) (File, error) {
	var body bytes.Buffer
	err := f.workbook(&body, table, tabular.NewPlan(reflect.TypeFor[R]()))
	return File{Type: mediaXLSX, Body: body.Bytes()}, err
}

// write writes the figures in the form that the caller asked for.
func (f Figures[R]) write(w http.ResponseWriter, r *http.Request, asked Form, plan *tabular.Plan) error {
	f.Meta.Ignored = asked.ignored
	if asked.media == mediaCSV {
		table, rows, next := asked.Table, any(f.Data), f.Meta.NextCursor
		if table == tableOfSources { // it is the same on every page, so there is no next page
			plan, rows, next, table = sourcesPlan, f.Meta.Sources, "", tabular.Root
		}
		body, err := plan.CSV(rows, table)
		if err != nil {
			return err
		}
		w.Header().Set("Content-Type", contentCSV)
		headTable(w.Header(), r, "csv", next)
		writeTagged(w, r, body)
		return nil
	}
	if asked.Meta != "" {
		f.Meta.Sources = nil
	}
	body, err := encoded(f.Data, &f.Meta)
	if err != nil {
		return err
	}
	if asked.media == mediaXLSX { // equal workbooks have different bytes
		w.Header().Set("Content-Type", mediaXLSX)
		headTable(w.Header(), r, "xlsx", f.Meta.NextCursor)
		return writeTaggedAs(w, r, body, func(out io.Writer) error { return f.workbook(out, asked.Table, plan) })
	}
	w.Header().Set("Content-Type", contentJSON)
	writeTagged(w, r, body)
	return nil
}

// workbook writes the figures as a workbook with all tables, or the selected one.
func (f Figures[R]) workbook(out io.Writer, table string, plan *tabular.Plan) error {
	zone, err := time.LoadLocation(f.Meta.TimeZone)
	if err != nil {
		return fmt.Errorf("load time zone: %w", err)
	}
	book, err := tabular.NewWorkbook(zone)
	if err != nil {
		return err
	}
	defer book.Close()
	if table != tableOfSources { // the last sheet has them
		err = plan.Add(book, f.Data, table, func(table string) tabular.Labels {
			if strings.HasSuffix(table, "series") {
				return analytics.FigureNames
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	m := f.Meta
	book.About("First instant", m.From)
	book.About("End, exclusive", m.To)
	book.About("Time zone", m.TimeZone)
	book.About("Intervals", string(m.Granularity))
	if m.Complete {
		book.About("Range", "The range has ended.")
	} else {
		book.About("Range", "The range has not ended: figures can still grow.")
	}
	if m.ComparedFrom != nil && m.ComparedTo != nil {
		book.About("Compared from", *m.ComparedFrom)
		book.About("Compared to, exclusive", *m.ComparedTo)
	}
	if m.AsOf == nil {
		book.About("Newest reading", "none")
	} else {
		book.About("Newest reading", *m.AsOf)
	}
	if m.NextCursor != "" {
		book.About("Missing rows", "This file is one page of a longer list. Continue with cursor="+m.NextCursor)
	}
	if m.ClientsSeeNot != "" {
		book.About("Clients", m.ClientsSeeNot)
	}
	if len(m.Ignored) > 0 {
		book.About("Ignored parameters", m.Ignored)
	}
	return book.Write(out, sourcesPlan, m.Sources)
}

// tableOfSources is returned as CSV only on request, not with all tables.
const tableOfSources = "meta.sources"

var sourcesPlan = tabular.NewPlan(reflect.TypeFor[[]analytics.Source]())

func (a *authorizer) scope(ctx context.Context, p Principal, narrow readmodels.Narrowing) (readmodels.Scope, error) {
	parent, err := a.parentOf(ctx, p)
	if err != nil {
		return readmodels.Scope{}, err
	}
	request := readmodels.ScopeRequest{ParentAccount: parent, Narrow: narrow}
	if !p.Roles.Has(RoleAgency) {
		request.ClientAccount, request.ClientUser = p.AccountID, p.UserID
	}
	return a.deps.Scope(ctx, request)
}
