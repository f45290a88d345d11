package platforms

import (
	"cmp"
	"context"
	"net/url"

	"github.com/ledgerboard/ledgerboard/domain"
)

// The lifetime metrics of a post.
const (
	postViews     = "post_media_view"
	postReach     = "post_total_media_view_unique"
	postClicks    = "post_clicks"
	postReactions = "post_reactions_by_type_total" // object; stands in for the reactions' summary

	bareVideoViews = "total_video_views"           // of a video that is neither a reel nor seen by its post; it has no reach
	videoAvgWatch  = "post_video_avg_time_watched" // milliseconds
)

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
