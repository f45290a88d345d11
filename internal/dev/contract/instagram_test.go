package contract_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
)

func TestInstagram(t *testing.T) {
	t.Parallel()
	s := newStage(t, "instagram", domain.Instagram, 0, "17841400000000001")
	s.fetch()
	require.Equal(t, []string{
		"comments day_flow 0 comments 2026-11-19 ",
		"comments day_flow 4 comments 2026-11-18 ",
		"engagement day_flow 3 total_interactions 2026-11-19 ",
		"engagement day_flow 40 total_interactions 2026-11-18 ",
		"followers stock 3000000000 followers_count  ",
		"impressions day_flow 21 views 2026-11-19 ",
		"impressions day_flow 321 views 2026-11-18 ",
		"likes day_flow 2 likes 2026-11-19 ",
		"likes day_flow 30 likes 2026-11-18 ",
		"posts stock 5 media_count  ",
		"reach rolling 310 reach 2026-11-18 day",
		"reach rolling 4100 reach 2026-11-19 days_28",
		"reach rolling 44 reach 2026-11-19 day",
		"views day_flow 21 views 2026-11-19 ",
		"views day_flow 321 views 2026-11-18 ",
	}, s.figures())
	require.Equal(t, []string{"shares empty"}, s.missing())
	require.Equal(t, []string{
		"age 18-24 20", "age 25-34 55", "city Vienna, Vienna 70", "country AT 90", "gender F 60", "gender M 40",
	}, s.lines(`select format('%s %s %s', d->>'facet', v.key, v.value) from tSAccountIns, jsonb_array_elements(demographics) d, jsonb_each_text(d->'values') v order by 1`))
	require.Equal(t, []string{
		"904 story | - - 0 60 60 51 - - - | 0 t",                // a story has neither likes nor comments nor saves
		"905 story | - - - - - - - - - | -",                     // under five viewers: no reading at all
		"901 carousel | - 5 3 900 900 700 - 24 - | 8 t",         // the owner hides likes
		"902 reel | 410 12 33 5000 5000 3200 - 77 9150 | 455 f", // milliseconds, shown as read
		"903 photo | 8 1 - - - - - - - | 9 t",                   // from before the account was a business
		"906 ad | 6 - 1 70 70 40 - 0 - | 7 t",                   // comments are not for this kind, which costs no other figure
	}, s.posts())
	s.activity("904", "shares", "likes comments saves avg_watch_ms")
	s.activity("905", "", "likes comments shares views impressions reach captured_at")
	s.activity("906", "saves", "comments avg_watch_ms")
	reel := s.ask("/api/activities/70:902")
	require.InDelta(t, 77, at(t, reel, "data", "saves"), 0)
	require.InDelta(t, 9150, at(t, reel, "data", "avg_watch_ms"), 0)
	stats := s.ask("/reach/getAccountStats/3?startTime=2026-11-18&endTime=2026-11-18")
	require.InDelta(t, 310, at(t, stats, "data", "platforms", 0, "reach"), 0)
	require.InDelta(t, 321, at(t, stats, "data", "platforms", 0, "impressions", "value"), 0)

	days := s.ask("/api/stats?pId=3&startTime=2026-11-18&endTime=2026-11-19")
	yesterday, today := at(t, days, "data", "platforms", 0, "periods", 0), at(t, days, "data", "platforms", 0, "periods", 1)
	require.Nil(t, at(t, yesterday, "followers"), "not read on that day")
	require.InDelta(t, 321, at(t, yesterday, "impressions"), 0)
	require.InDelta(t, 310, at(t, yesterday, "reach"), 0)
	require.Nil(t, at(t, yesterday, "demographics"))
	require.InDelta(t, 3e9, at(t, today, "followers"), 0)
	require.Nil(t, at(t, today, "followers_change"), "a first reading is no change")
	require.InDelta(t, 2, at(t, today, "posts"), 0, "two stories")
	require.InDelta(t, 55, at(t, today, "demographics", "age_groups", 1, "followers"), 0)
	require.Equal(t, "Vienna, Vienna", at(t, today, "demographics", "cities", 0, "name"))

	platform := s.ask("/api/platforms/70")
	require.Equal(t, "ok", at(t, platform, "data", "state"))
	require.Equal(t, "2026-11-19T12:00:00Z", at(t, platform, "data", "last_read_at"))
	require.Nil(t, at(t, platform, "data", "expires_at"))
}
