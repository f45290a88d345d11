package platforms

import (
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
)

// readPost maps a post. Views stand for impressions too: there is no other number.
func readPost(p Post, node postNode, plan nodePlan) PostSnapshot {
	s := PostSnapshot{Post: p}
	data := node.Insights.v.Data
	s.Counts = domain.Counts{
		Likes:       total(node.Reactions),
		Comments:    total(node.Comments),
		Views:       lifetimeTotal(data, postViews),
		Impressions: lifetimeTotal(data, postViews),
		Reach:       lifetimeTotal(data, postReach),
		Clicks:      lifetimeTotal(data, postClicks),
	}
	if s.Counts.Likes == nil {
		s.Counts.Likes = lifetimeTotal(data, postReactions)
	}
	if node.Shares == nil {
		s.Counts.Shares = new(int64) // asked for and left out means none: one of the two exceptions
	} else {
		s.Counts.Shares = node.Shares.v.Count.ptr()
	}
	s.missSummaries(plan)
	s.missInsight(domain.MetricViews, s.Counts.Views, plan, postViews)
	s.missInsight(domain.MetricImpressions, s.Counts.Impressions, plan, postViews)
	s.missInsight(domain.MetricReach, s.Counts.Reach, plan, postReach)
	s.missInsight(domain.MetricClicks, s.Counts.Clicks, plan, postClicks)
	s.miss(domain.MetricShares, s.Counts.Shares, ReasonEmpty, "shares came without a count")
	return s
}

// readVideo maps a video or reel. A fresh reel has no insights: its likes and comments come from the
// node, the rest is missing. There are no clicks and no separate impressions.
func readVideo(p Post, node postNode, plan nodePlan) PostSnapshot {
	s := PostSnapshot{Post: p}
	data := node.VideoInsights.v.Data
	s.Counts = domain.Counts{
		Likes:    lifetimeTotal(data, "post_video_likes_by_reaction_type"),
		Comments: lifetimePart(data, "post_video_social_actions", "COMMENT"),
		Shares:   lifetimePart(data, "post_video_social_actions", "SHARE"),
		Views:    lifetimeTotal(data, "fb_reels_total_plays", "blue_reels_play_count", "total_video_views"),
		Reach:    lifetimeTotal(data, "total_video_views_unique"),
	}
	if s.Counts.Likes == nil {
		s.Counts.Likes = total(node.Likes)
	}
	if s.Counts.Comments == nil {
		s.Counts.Comments = total(node.Comments)
	}
	s.missSummaries(plan)
	s.missInsight(domain.MetricShares, s.Counts.Shares, plan)
	s.missInsight(domain.MetricViews, s.Counts.Views, plan)
	s.missInsight(domain.MetricReach, s.Counts.Reach, plan)
	return s
}

func (s *PostSnapshot) missSummaries(plan nodePlan) {
	reason, detail := plan.missingSummary()
	s.miss(domain.MetricLikes, s.Counts.Likes, reason, detail)
	s.miss(domain.MetricComments, s.Counts.Comments, reason, detail)
}

func (s *PostSnapshot) missInsight(name string, value *int64, plan nodePlan, metrics ...string) {
	reason, detail := plan.missing(metrics...)
	s.miss(name, value, reason, detail)
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
