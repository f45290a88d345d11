package platforms

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/ledgerboard/ledgerboard/domain"
)

// The lists of a page. Videos and reels come first, because they name their posts, while posts do
// not name their videos: this way, a caller detects that a post is a video that it already knows.
// Summaries of reactions and comments are not requested, because they need another permission and
// PostMetrics reads them.
var pageSections = []section{
	{edge: "videos", fields: "id,description,created_time,permalink_url,post_id", kind: TypeVideo, optional: true},
	{edge: "video_reels", fields: "id,description,created_time,permalink_url,post_id", kind: TypeReel, optional: true},
	{
		edge: "posts", fields: "id,message,created_time,permalink_url,status_type,is_published", kind: TypePost,
		extra: "attachments{media_type,target{id}}",
	},
}

func (f *facebook) Posts(ctx context.Context, t Target, cursor string) (PostsPage, error) {
	return f.posts(ctx, t, pageSections, cursor, func(item listItem, s section) (Post, bool) {
		return item.pagePost(t.ExternalID, s.kind)
	})
}

// pagePost uses the post's ID for a video that names its post: both lists contain it, and under two
// IDs its figures would be counted twice. A post of one photo names the photo, because the call that
// publishes a photo returns the photo's own ID.
func (l listItem) pagePost(page, kind string) (Post, bool) {
	if l.Published != nil && !bool(*l.Published) {
		return Post{}, false
	}
	p := Post{
		ID: string(l.ID), Type: kind, Content: string(cmp.Or(l.Message, l.Description)),
		Permalink: string(l.URL), PublishedAt: metaTime(l.Created),
	}
	if strings.HasPrefix(p.Permalink, "/") { // videos and reels have a path: /reel/123/
		p.Permalink = "https://www.facebook.com" + p.Permalink
	}
	switch l.StatusType {
	case "added_photos":
		p.Type = TypePhoto
	case "added_video":
		p.Type = TypeVideo
	}
	if parts := l.Attachments.v.Data; len(parts) == 1 && parts[0].Type == "photo" && parts[0].Target.v.ID != l.ID {
		p.SameAs = string(parts[0].Target.v.ID)
	}
	if post := string(l.PostID); plainID(post, "_") {
		if !strings.Contains(post, "_") {
			post = page + "_" + post
		}
		p.ID, p.SameAs = post, string(l.ID)
	}
	return p, true
}

// The lifetime metrics of a post.
const (
	postViews     = "post_media_view"
	postReach     = "post_total_media_view_unique"
	postClicks    = "post_clicks"
	postReactions = "post_reactions_by_type_total" // object; used if there is no summary of reactions

	bareVideoViews = "total_video_views"           // of a video that is neither a reel nor a post
	videoAvgWatch  = "post_video_avg_time_watched" // milliseconds
)

type edgeSummary struct {
	Summary maybe[struct {
		Total count `json:"total_count"`
	}] `json:"summary"`
}

func summaryTotal(s maybe[edgeSummary]) *int64 { return s.v.Summary.v.Total.ptr() }

type insightList struct {
	Data list[insight] `json:"data"`
}

type postNode struct {
	ID            text               `json:"id"`
	Insights      maybe[insightList] `json:"insights"`
	VideoInsights maybe[insightList] `json:"video_insights"`
	Shares        *maybe[struct {
		Count count `json:"count"`
	}] `json:"shares"` // nil: missing from the answer
	Reactions maybe[edgeSummary] `json:"reactions"`
	Likes     maybe[edgeSummary] `json:"likes"`
	Comments  maybe[edgeSummary] `json:"comments"`
}

type nodeKind struct {
	op        string
	edge      string   // key of refusals in the negative caches
	metrics   []string // requested metrics; nil requests all
	insights  string   // field of the insights
	summaries string   // fields that require pages_read_user_content
	base      string   // fields that require no permission
	read      func(*PostSnapshot, postNode, nodePlan)
}

var (
	postKind = nodeKind{
		op: "post_metrics", edge: "post_insights", insights: "insights", base: "id,shares",
		metrics:   []string{postViews, postReach, postClicks, postReactions},
		summaries: "reactions.limit(0).summary(total_count),comments.limit(0).summary(total_count)",
		read:      readPost,
	}
	videoKind = nodeKind{
		op: "video_metrics", edge: "video_insights", insights: "video_insights", base: "id",
		summaries: "likes.limit(0).summary(total_count),comments.limit(0).summary(total_count)",
		read:      readVideo,
	}
)

type nodePlan struct {
	metrics   []string
	refused   []string // metrics that are not requested because the platform does not know them
	summaries bool
	skipped   domain.StatusCode // why insights are not requested; "" if they are
	probed    bool              // the metrics were requested one by one
	lacks     []string          // fields that this node does not have
	edgeErr   *Error            // why the edge of the insights has no answer
}

func (n nodeKind) fields(plan nodePlan) string {
	fields := strings.Split(n.base, ",")
	if plan.summaries {
		fields = append(fields, strings.Split(n.summaries, ",")...)
	}
	fields = slices.DeleteFunc(fields, func(field string) bool {
		name, _, _ := strings.Cut(field, ".")
		return slices.Contains(plan.lacks, name)
	})
	switch {
	case plan.skipped != "":
	case n.metrics != nil:
		fields = append(fields, n.insights+".metric("+strings.Join(plan.metrics, ",")+")")
	default:
		fields = append(fields, n.insights)
	}
	return strings.Join(fields, ",")
}

// PostMetrics uses the Batch API, which answers for each post separately: a problem with one post
// does not affect the others.
func (f *facebook) PostMetrics(ctx context.Context, t Target, posts []Post) ([]PostSnapshot, error) {
	if err := f.check(postKind.op, t); err != nil {
		return nil, err
	}
	var out []PostSnapshot
	byKind := map[*nodeKind][]Post{}
	for _, p := range posts {
		switch {
		case !plainID(p.ID, "_"):
			out = append(out, PostSnapshot{Post: p, Err: invalid(f.platform, postKind.op, "id is not a Graph ID")})
		case strings.Contains(p.ID, "_"): // {page}_{post}; videos and reels are bare numbers
			byKind[&postKind] = append(byKind[&postKind], p)
		default:
			byKind[&videoKind] = append(byKind[&videoKind], p)
		}
	}
	for _, kind := range []*nodeKind{&postKind, &videoKind} {
		got, err := f.readNodes(ctx, t, *kind, byKind[kind])
		out = append(out, got...)
		if err != nil {
			return out, err
		}
	}
	return out, nil
}

// Keys of the parts of a node in the negative caches.
const (
	partSummaries = "permitted summaries"
	partInsights  = "permitted insights"
)

func (f *facebook) plan(t Target, k nodeKind) nodePlan {
	var plan nodePlan
	plan.metrics, plan.refused = f.refused.usable(k.edge, t.ExternalID, k.metrics)
	plan.summaries = f.unpermitted.allows(k.edge, t.permissions(), partSummaries)
	switch {
	case k.metrics != nil && len(plan.metrics) == 0:
		plan.skipped = domain.StatusUnsupportedMetric
	case !f.refused.allows(k.edge, t.ExternalID, k.insights):
		plan.skipped = domain.StatusInvalid
	case !f.unpermitted.allows(k.edge, t.permissions(), partInsights):
		plan.skipped = domain.StatusPermission
	}
	return plan
}

// reduce returns the next plan after a refusal for lack of a permission: first without summaries,
// then without insights, then without both.
func (n nodePlan) reduce(initial nodePlan) nodePlan {
	if n.summaries || n.skipped != "" {
		n.summaries = false
		return n
	}
	n.summaries, n.skipped = initial.summaries, domain.StatusPermission
	return n
}

// withoutRefused returns the next plan after the metrics were requested one by one. If none was
// refused individually, the plan omits insights.
func (n nodePlan) withoutRefused(refused []string) nodePlan {
	n.metrics, n.refused, n.probed = exclude(n.metrics, refused), append(slices.Clone(n.refused), refused...), true
	if len(refused) == 0 || len(n.metrics) == 0 {
		n.skipped = domain.StatusUnsupportedMetric
	}
	return n
}

// missing returns why a metric has no value. metric is "" if metrics are not requested by name.
func (n nodePlan) missing(metric string) domain.StatusCode {
	switch {
	case n.skipped == domain.StatusPermission:
		return domain.StatusPermission
	case n.edgeErr != nil:
		return n.edgeErr.Kind()
	case slices.Contains(n.refused, metric), n.skipped == domain.StatusUnsupportedMetric, n.skipped == domain.StatusInvalid:
		return domain.StatusUnsupportedMetric
	default:
		return domain.StatusNoData
	}
}

func readPost(s *PostSnapshot, node postNode, plan nodePlan) {
	data := node.Insights.v.Data
	likes := cmp.Or(summaryTotal(node.Reactions), lifetimeTotal(data, postReactions))
	s.putSummaries(plan, likes, summaryTotal(node.Comments))
	for _, m := range []struct{ name, metric string }{
		{domain.MetricViews, postViews},
		{domain.MetricImpressions, postViews}, // there is no separate number
		{domain.MetricReach, postReach},
		{domain.MetricClicks, postClicks},
	} {
		s.put(m.name, lifetimeTotal(data, m.metric), plan.missing(m.metric))
	}
	shares := new(int64) // requested and absent means 0: one of the two exceptions
	reason := domain.StatusNoData
	switch {
	case node.Shares != nil:
		shares = node.Shares.v.Count.ptr()
	case slices.Contains(plan.lacks, "shares"):
		shares, reason = nil, domain.StatusUnsupportedMetric
	case s.Post.HadShares: // it may be an omission
		shares = nil
	}
	s.put(domain.MetricShares, shares, reason)
}

// readVideo reads likes and comments from the node if there are no insights, as for a new reel.
// Videos have no clicks and no separate impressions.
func readVideo(s *PostSnapshot, node postNode, plan nodePlan) {
	const actions = "post_video_social_actions"
	data := node.VideoInsights.v.Data
	likes := lifetimeTotal(data, "post_video_likes_by_reaction_type")
	s.putSummaries(plan, cmp.Or(likes, summaryTotal(node.Likes)),
		cmp.Or(lifetimePart(data, actions, "COMMENT"), summaryTotal(node.Comments)))
	reason := plan.missing("")
	s.put(domain.MetricShares, lifetimePart(data, actions, "SHARE"), reason)
	views := lifetimeTotal(data, "fb_reels_total_plays", "blue_reels_play_count", bareVideoViews)
	s.put(domain.MetricViews, views, reason)
	s.put(domain.MetricAvgWatch, lifetimeTotal(data, videoAvgWatch), reason)
	if bare := lifetimeTotal(data, bareVideoViews); bare != nil {
		reason = domain.StatusUnsupportedMetric
	}
	s.put(domain.MetricReach, lifetimeTotal(data, postReach), reason)
}

func (p *PostSnapshot) putSummaries(plan nodePlan, likes, comments *int64) {
	reason := domain.StatusNoData
	if !plan.summaries { // the token lacks pages_read_user_content
		reason = domain.StatusPermission
	}
	p.put(domain.MetricLikes, likes, reason)
	p.put(domain.MetricComments, comments, reason)
}
