package contract_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands/collect"
	"github.com/ledgerboard/ledgerboard/domain"
)

func TestFacebookPageFromWireToJSON(t *testing.T) {
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
	require.Equal(t, []string{"clicks no_data"}, s.missing())
	require.Equal(t, []string{`[{"facet": "country", "values": {"AT": 2100, "DE": 600}}]`}, s.lines("select demographics::text from account_demographics"))
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

func TestInstagramFromWireToJSON(t *testing.T) {
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
	require.Equal(t, []string{"shares no_data"}, s.missing())
	require.Equal(t, []string{
		"age 18-24 20", "age 25-34 55", "city Vienna, Vienna 70", "country AT 90", "gender F 60", "gender M 40",
	}, s.lines(`select format('%s %s %s', d->>'facet', v.key, v.value) from account_demographics, jsonb_array_elements(demographics) d, jsonb_each_text(d->'values') v order by 1`))
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
	require.Equal(t, "ok", at(t, platform, "data", "status"))
	require.Equal(t, "2026-11-19T12:00:00Z", at(t, platform, "data", "last_read_at"))
	require.Nil(t, at(t, platform, "data", "expires_at"))
}

func TestTikTokFromWireToJSON(t *testing.T) {
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

func TestLinkedInPageFromWireToJSON(t *testing.T) {
	t.Parallel()
	s := newStage(t, "linkedin_page", domain.LinkedIn, domain.LinkedInCompanyPage, "4242")
	s.fetch()
	require.Equal(t, []string{
		"clicks day_flow 0 clickCount 2026-11-17 ",
		"clicks day_flow 12 clickCount 2026-11-16 ",
		"clicks rolling 800 clickCount  months_12",
		"comments day_flow 0 commentCount 2026-11-17 ",
		"comments day_flow 4 commentCount 2026-11-16 ",
		"comments rolling 130 commentCount  months_12",
		"engagement day_flow -1 likeCount+commentCount+shareCount 2026-11-17 ", // counts of days may be negative and stay so
		"engagement day_flow 36 likeCount+commentCount+shareCount 2026-11-16 ",
		"engagement rolling 1690 likeCount+commentCount+shareCount  months_12",
		"followers stock 219145 firstDegreeSize  ",
		"impressions day_flow 0 impressionCount 2026-11-17 ",
		"impressions day_flow 510 impressionCount 2026-11-16 ",
		"impressions rolling 90000 impressionCount  months_12",
		"likes day_flow -1 likeCount 2026-11-17 ",
		"likes day_flow 30 likeCount 2026-11-16 ",
		"likes rolling 1500 likeCount  months_12",
		"reach rolling 41000 uniqueImpressionsCount  months_12", // of days it is not reliable
		"shares day_flow 0 shareCount 2026-11-17 ",
		"shares day_flow 2 shareCount 2026-11-16 ",
		"shares rolling 60 shareCount  months_12",
	}, s.figures())
	require.Empty(t, s.missing())
	// Figures go by the URN of a place: two places of one name stay two.
	require.Equal(t, []string{
		`{"facet": "country", "names": {"urn:li:geo:103883259": "Austria"}, "values": {"urn:li:geo:103883259": 150020}}`,
		`{"facet": "city", "names": {"urn:li:geo:100142412": "Neustadt", "urn:li:geo:102448103": "Neustadt"}, ` +
			`"values": {"urn:li:geo:90009999": 20, "urn:li:geo:100142412": 705, "urn:li:geo:102448103": 300}}`,
	}, s.lines("select facet::text from account_demographics, jsonb_array_elements(demographics) facet"))
	shown := at(t, s.ask("/api/stats?startTime=2026-11-16&endTime=2026-11-19&granularity=month&pId=4"),
		"data", "platforms", 0, "periods", 0, "demographics")
	require.Equal(t, []any{map[string]any{"name": "Austria", "place": "urn:li:geo:103883259", "followers": 150020.0}}, at(t, shown, "countries"))
	require.Equal(t, []any{
		map[string]any{"name": "Neustadt", "place": "urn:li:geo:100142412", "followers": 705.0},
		map[string]any{"name": "Neustadt", "place": "urn:li:geo:102448103", "followers": 300.0},
		map[string]any{"name": "urn:li:geo:90009999", "place": "urn:li:geo:90009999", "followers": 20.0},
	}, at(t, shown, "cities"))
	require.Equal(t, []string{
		"urn:li:share:71 photo | 30 4 2 - 500 410 12 - - | 36 f",
		"urn:li:ugcPost:72 video | -2 0 - - 90 - -1 - - | -2 t",
		"urn:li:share:73 post | 0 0 0 - 0 0 0 - - | 0 f", // left out of the answer: no activity, which is zero
	}, s.posts(), "an advertisement is no post")
	s.activity("urn:li:share:73", "likes comments shares impressions reach", "views saves avg_watch_ms")
	insights := s.ask("/getAccountInsights/2026-11-16/2026-11-19/4")
	require.InDelta(t, 35, at(t, insights, "data", "total", "engagement", "value"), 0)
	require.InDelta(t, 1690, at(t, insights, "data", "as_read", 0, "value"), 0, "the rolling twelve months are shown as read, and summed with nothing")
}

// LinkedIn profile: its posts come from the main application alone.
func TestLinkedInProfileFromWireToJSON(t *testing.T) {
	t.Parallel()
	s := newStage(t, "linkedin_profile", domain.LinkedIn, domain.LinkedInProfile, "abcDEF")
	published := now.AddDate(0, 0, -2)
	require.NoError(t, errors.Join(collect.Record(t.Context(), s, s.clock(), domain.PostRegistered{
		Tenant:   domain.Tenant{ParentAccount: agency, AccountID: account, MemberID: 7, SocialAccount: social},
		Platform: domain.LinkedIn, AccountType: domain.LinkedInProfile, ExternalID: "urn:li:share:7001", Origin: domain.OriginMainApp,
		RegisteredAt: published, PublishedAt: &published, PostType: "post",
	})...))
	s.fetch()
	require.Equal(t, []string{
		"comments day_flow 0 COMMENT 2026-11-18 ",
		"comments day_flow 4 COMMENT 2026-11-17 ",
		"engagement day_flow 17 REACTION+COMMENT+RESHARE 2026-11-17 ", // of the 18th a part is not there
		"followers stock 961 memberFollowersCount  ",
		"impressions day_flow 420 IMPRESSION 2026-11-17 ",
		"impressions day_flow 99 IMPRESSION 2026-11-18 ",
		"likes day_flow 12 REACTION 2026-11-17 ",
		"likes day_flow 3 REACTION 2026-11-18 ",
		"reach rolling 5100 MEMBERS_REACHED 2026-11-19 days_28",
		"shares day_flow 1 RESHARE 2026-11-17 ",
	}, s.figures())
	require.Equal(t, []string{"clicks no_data"}, s.missing())
	require.Equal(t, []string{"urn:li:share:7001 post | 31 6 2 - 1200 800 - 9 - | 39 f"}, s.posts())
}
