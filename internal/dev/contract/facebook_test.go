package contract_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
)

func TestFacebookPage(t *testing.T) {
	t.Parallel()
	s := newStage(t, "facebook_page", domain.Facebook, 0, "1000001")
	s.fetch()
	require.Equal(t, []string{
		"engagement day_flow 0 page_post_engagements 2026-11-17 ",
		"engagement day_flow 17 page_post_engagements 2026-11-18 ",
		"followers stock 3412 followers_count  ",
		"impressions day_flow 120 page_media_view 2026-11-17 ",
		"impressions day_flow 131 page_media_view 2026-11-18 ",
		"likes day_flow 5 page_actions_post_reactions_total 2026-11-18 ",
		"reach rolling 1502 page_total_media_view_unique 2026-11-18 days_28",
		"reach rolling 400 page_total_media_view_unique 2026-11-18 week",
		"reach rolling 80 page_total_media_view_unique 2026-11-17 day",
		"reach rolling 84 page_total_media_view_unique 2026-11-18 day",
		"views day_flow 120 page_media_view 2026-11-17 ",
		"views day_flow 131 page_media_view 2026-11-18 ",
	}, s.figures())
	require.Equal(t, []string{"clicks empty"}, s.missing())
	require.Equal(t, []string{`[{"facet": "country", "values": {"AT": 2100, "DE": 600}}]`}, s.lines("select demographics::text from tSAccountIns"))
	require.Equal(t, []string{
		"1000001_55 photo | 14 3 2 6000000000 6000000000 410 12 - - | 19 f",
		"1000001_56 video | 0 - 0 - - - - - - | 0 t", // shares left out count as 0; all else that is left out is not known
		"8801 reel | 7 5 2 1640 - - - - 8123 | 14 f",
		"8803 video | 9 1 - 700 - - - - - | 10 t", // bare videos have had no reach since 2026-06-15
	}, s.posts(), "the video behind a post is that post, a draft is not a post")

	s.activity("1000001_56", "likes shares", "comments views impressions reach saves avg_watch_ms")
	insights := s.ask("/getAccountInsights/2026-11-17/2026-11-19/1")
	require.InDelta(t, 3412, at(t, insights, "data", "total", "followers", "value"), 0)
	require.InDelta(t, 17, at(t, insights, "data", "total", "engagement", "value"), 0)
	reach := s.ask("/reach/getAccountStats/1?startTime=2026-11-18&endTime=2026-11-18")
	require.InDelta(t, 84, at(t, reach, "data", "total", "reach"), 0)
	require.InDelta(t, 131, at(t, reach, "data", "total", "impressions", "value"), 0)
}
