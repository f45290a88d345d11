package contract_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
)

func TestTikTok(t *testing.T) {
	t.Parallel()
	s := newStage(t, "tiktok", domain.TikTok, 0, "723f-open")
	s.fetch()
	require.Equal(t, []string{
		"engagement cumulative 20311 likes_count  ",
		"followers stock 1284 follower_count  ",
		"likes cumulative 20311 likes_count  ",
		"posts stock 47 video_count  ",
	}, s.figures())
	require.Empty(t, s.missing(), "what the platform does not have at all is not asked for")
	require.Equal(t, []string{
		"7385419238471229742 video | 12 1 0 3000000000 - - - - - | 13 f",
		"7385419238471229744 video | - - - - - - - - - | -", // dropped without a word: no reading, no zero
		"7385419238471229743 video | 7 - - 90 - - - - - | 7 t",
	}, s.posts())
	s.activity("7385419238471229743", "", "comments shares impressions reach saves avg_watch_ms")
	insights := s.ask("/getAccountInsights/2026-11-17/2026-11-19/6")
	require.Nil(t, at(t, insights, "data", "total", "engagement", "value"), "one reading of a counter is no gain")
	reach := s.ask("/reach/getAccountStats/6?startTime=2026-11-17&endTime=2026-11-19")
	require.Nil(t, at(t, reach, "data", "total", "impressions", "value"))
	require.Nil(t, at(t, reach, "data", "total", "reach"))
}
