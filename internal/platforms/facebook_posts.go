package platforms

import (
	"cmp"
	"context"
	"net/url"
	"slices"
	"strings"

	"github.com/ledgerboard/ledgerboard/domain"
)

// The lists of a page. Videos and reels come first: they name their posts, which say nothing of their video,
// so that who knows a video's id can tell that a post is that video. The summaries of reactions and comments
// are not asked for here: they need another permission, and PostMetrics reads them anyway.
var pageSections = []section{
	{edge: "videos", fields: "id,description,created_time,permalink_url,post_id", kind: TypeVideo, optional: true},
	{edge: "video_reels", fields: "id,description,created_time,permalink_url,post_id", kind: TypeReel, optional: true},
	{edge: "posts", fields: "id,message,created_time,permalink_url,status_type,is_published", kind: TypePost},
}

// Posts implements [Client]: videos, then reels, then posts.
func (f *facebook) Posts(ctx context.Context, t Target, cursor string) (PostsPage, error) {
	return f.posts(ctx, t, pageSections, cursor, func(item listed, s section) (Post, bool) {
		return item.pagePost(t.ExternalID, s.kind)
	})
}

// pagePost makes a [Post]. A video that names its post is that post: both lists hold it, and counting
// it under two ids would double its figures.
func (l listed) pagePost(page, kind string) (Post, bool) {
	if l.Published != nil && !*l.Published {
		return Post{}, false
	}
	p := Post{
		ID: string(l.ID), Type: kind, Content: string(l.Message), Permalink: string(l.URL), PublishedAt: metaTime(l.Created),
	}
	if p.Content == "" {
		p.Content = string(l.Description)
	}
	switch l.StatusType {
	case "added_photos":
		p.Type = TypePhoto
	case "added_video":
		p.Type = TypeVideo
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
	postReactions = "post_reactions_by_type_total" // object; stands in for the reactions' summary

	bareVideoViews = "total_video_views"           // of a video that is neither a reel nor seen by its post; it has no reach
	videoAvgWatch  = "post_video_avg_time_watched" // milliseconds
)

// summaryOf is a list of which only the total was asked for.
type summaryOf struct {
	Summary maybe[struct {
		Total count `json:"total_count"`
	}] `json:"summary"`
}

func total(s maybe[summaryOf]) *int64 { return s.v.Summary.v.Total.ptr() }

type insightList struct {
	Data list[insight] `json:"data"`
}

type postNode struct {
	ID            text               `json:"id"`
	Insights      maybe[insightList] `json:"insights"`
	VideoInsights maybe[insightList] `json:"video_insights"`
	Shares        *maybe[struct {
		Count count `json:"count"`
	}] `json:"shares"` // nil: not in the answer
	Reactions maybe[summaryOf] `json:"reactions"`
	Likes     maybe[summaryOf] `json:"likes"`
	Comments  maybe[summaryOf] `json:"comments"`
}

// nodeKind is how posts, or videos, are read.
type nodeKind struct {
	op        string
	edge      string   // what the negative caches file refusals under
	metrics   []string // of `insights`; nil where metrics are not named
	insights  string   // field of the insights
	summaries string   // fields that need pages_read_user_content
	always    string   // fields that need nothing
	read      func(*PostSnapshot, postNode, nodePlan)
}

var (
	postKind = nodeKind{
		op: "post_metrics", edge: "post_insights", insights: "insights", always: "id,shares",
		metrics:   []string{postViews, postReach, postClicks, postReactions},
		summaries: "reactions.limit(0).summary(total_count),comments.limit(0).summary(total_count)",
		read:      readPost,
	}
	videoKind = nodeKind{
		op: "video_metrics", edge: "video_insights", insights: "video_insights", always: "id",
		summaries: "likes.limit(0).summary(total_count),comments.limit(0).summary(total_count)",
		read:      readVideo,
	}
)

type nodePlan struct {
	metrics   []string
	refused   []string // metrics left out because the platform does not know them
	summaries bool
	why       Class // why insights are not asked for; "" they are
	probed    bool  // the metrics were asked for one by one
}

func (k nodeKind) fields(plan nodePlan) string {
	fields := []string{k.always}
	if plan.summaries {
		fields = append(fields, k.summaries)
	}
	switch {
	case plan.why != "":
	case k.metrics != nil:
		fields = append(fields, k.insights+".metric("+strings.Join(plan.metrics, ",")+")")
	default:
		fields = append(fields, k.insights)
	}
	return strings.Join(fields, ",")
}

// PostMetrics implements [Client]. Posts and videos are read by the Batch API, 50 to a call; each has an answer of
// its own, so that what is odd about one costs no other.
func (f *facebook) PostMetrics(ctx context.Context, t Target, posts []Post) ([]PostSnapshot, error) {
	if err := f.check(postKind.op, t); err != nil {
		return nil, err
	}
	var out []PostSnapshot
	byKind := map[*nodeKind][]Post{}
	for _, p := range posts {
		switch {
		case !plainID(p.ID, "_"):
			out = append(out, PostSnapshot{Post: p, Err: invalid(f.platform, postKind.op, "id is not a Graph id")})
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

// Names that the negative caches use for parts of a node.
const (
	partSummaries = "summaries"
	partInsights  = "insights"
)

func (f *facebook) plan(t Target, k nodeKind) nodePlan {
	var plan nodePlan
	plan.metrics, plan.refused = f.refused.usable(k.edge, t.ExternalID, k.metrics)
	plan.summaries = f.unpermitted.allows(k.edge, t.ExternalID, partSummaries)
	switch {
	case k.metrics != nil && len(plan.metrics) == 0:
		plan.why = ClassUnsupportedMetric
	case !f.refused.allows(k.edge, t.ExternalID, k.insights):
		plan.why = ClassInvalid
	case !f.unpermitted.allows(k.edge, t.ExternalID, partInsights):
		plan.why = ClassPermission
	}
	return plan
}

// less is what to ask for after a refusal for lack of a permission: no summaries, or no insights, or neither.
func (p nodePlan) less(start nodePlan) nodePlan {
	if p.summaries || p.why != "" {
		p.summaries = false
		return p
	}
	p.summaries, p.why = start.summaries, ClassPermission
	return p
}

// known is what to ask for once metrics were asked for one by one. Where none was refused alone, insights are left
// out of this reading.
func (p nodePlan) known(refused []string) nodePlan {
	p.metrics, p.refused, p.probed = without(p.metrics, refused), append(slices.Clone(p.refused), refused...), true
	if len(refused) == 0 || len(p.metrics) == 0 {
		p.why = ClassUnsupportedMetric
	}
	return p
}

// missing says why a metric of a post has no value.
func (p nodePlan) missing(metrics ...string) (reason, detail string) {
	switch {
	case p.why == ClassPermission:
		return ReasonPermission, "the token may not read insights"
	case len(metrics) > 0 && !slices.ContainsFunc(metrics, func(m string) bool { return !slices.Contains(p.refused, m) }):
		return ReasonUnsupported, "the platform does not know " + strings.Join(metrics, ", ")
	case p.why == ClassUnsupportedMetric:
		return ReasonUnsupported, "the platform refused the metrics"
	default:
		return ReasonEmpty, "answered without a value"
	}
}

// readPost maps a post. Views stand for impressions too: there is no other number.
func readPost(s *PostSnapshot, node postNode, plan nodePlan) {
	data := node.Insights.v.Data
	s.putSummaries(plan, cmp.Or(total(node.Reactions), lifetimeTotal(data, postReactions)), total(node.Comments))
	for _, m := range []struct{ name, metric string }{
		{domain.MetricViews, postViews},
		{domain.MetricImpressions, postViews},
		{domain.MetricReach, postReach},
		{domain.MetricClicks, postClicks},
	} {
		reason, detail := plan.missing(m.metric)
		s.put(m.name, lifetimeTotal(data, m.metric), reason, detail)
	}
	shares := new(int64) // asked for and left out means none: one of the two exceptions
	if node.Shares != nil {
		shares = node.Shares.v.Count.ptr()
	}
	s.put(domain.MetricShares, shares, ReasonEmpty, "shares came without a count")
}

// readVideo maps a video or reel. A fresh reel has no insights: its likes and comments come from the
// node, the rest is missing. There are no clicks and no separate impressions.
func readVideo(s *PostSnapshot, node postNode, plan nodePlan) {
	const actions = "post_video_social_actions"
	data := node.VideoInsights.v.Data
	s.putSummaries(plan, cmp.Or(lifetimeTotal(data, "post_video_likes_by_reaction_type"), total(node.Likes)),
		cmp.Or(lifetimePart(data, actions, "COMMENT"), total(node.Comments)))
	reason, detail := plan.missing()
	s.put(domain.MetricShares, lifetimePart(data, actions, "SHARE"), reason, detail)
	s.put(domain.MetricViews, lifetimeTotal(data, "fb_reels_total_plays", "blue_reels_play_count", bareVideoViews), reason, detail)
	s.put(domain.MetricAvgWatch, lifetimeTotal(data, videoAvgWatch), reason, detail)
	if views := lifetimeTotal(data, bareVideoViews); views != nil && reason == ReasonEmpty {
		reason, detail = ReasonUnsupported, "the platform tells no reach of a bare video"
	}
	s.put(domain.MetricReach, lifetimeTotal(data, postReach), reason, detail)
}

func (s *PostSnapshot) putSummaries(plan nodePlan, likes, comments *int64) {
	reason, detail := ReasonEmpty, "answered without a total"
	if !plan.summaries {
		reason, detail = ReasonPermission, "the token lacks pages_read_user_content"
	}
	s.put(domain.MetricLikes, likes, reason, detail)
	s.put(domain.MetricComments, comments, reason, detail)
}

// edgeInsights reads a video's insights from their own edge, where they cannot be had as a field of
// the node. Neither metric nor period is named: one retired name sinks the call, and reels reject a
// period. Only what concerns the whole connection is an error here.
func (f *facebook) edgeInsights(ctx context.Context, t Target, p Post, node *postNode) error {
	err := f.get(ctx, "video_insights", t, p.ID+"/video_insights", url.Values{}, &node.VideoInsights.v)
	if wholeConnection(err) {
		return err
	}
	return nil
}
