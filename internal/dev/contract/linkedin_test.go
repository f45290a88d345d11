package contract_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands/collect"
	"github.com/ledgerboard/ledgerboard/domain"
)

func TestLinkedInPage(t *testing.T) {
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
	requirePlaces(t, s)
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

// requirePlaces: figures go by the URN of a place: two places of one name stay two.
func requirePlaces(t *testing.T, s *stage) {
	t.Helper()
	require.Equal(t, []string{
		`{"facet": "country", "names": {"urn:li:geo:103883259": "Austria"}, "values": {"urn:li:geo:103883259": 150020}}`,
		`{"facet": "city", "names": {"urn:li:geo:100142412": "Neustadt", "urn:li:geo:102448103": "Neustadt"}, ` +
			`"values": {"urn:li:geo:90009999": 20, "urn:li:geo:100142412": 705, "urn:li:geo:102448103": 300}}`,
	}, s.lines("select facet::text from tSAccountIns, jsonb_array_elements(demographics) facet"))
	shown := at(t, s.ask("/api/stats?startTime=2026-11-16&endTime=2026-11-19&granularity=month&pId=4"),
		"data", "platforms", 0, "periods", 0, "demographics")
	require.Equal(t, []any{map[string]any{"name": "Austria", "place": "urn:li:geo:103883259", "followers": 150020.0}}, at(t, shown, "countries"))
	require.Equal(t, []any{
		map[string]any{"name": "Neustadt", "place": "urn:li:geo:100142412", "followers": 705.0},
		map[string]any{"name": "Neustadt", "place": "urn:li:geo:102448103", "followers": 300.0},
		map[string]any{"name": "urn:li:geo:90009999", "place": "urn:li:geo:90009999", "followers": 20.0},
	}, at(t, shown, "cities"))
}

// LinkedIn profile: its posts come from the main application alone.
func TestLinkedInProfile(t *testing.T) {
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
	require.Equal(t, []string{"clicks empty"}, s.missing())
	require.Equal(t, []string{"urn:li:share:7001 post | 31 6 2 - 1200 800 - 9 - | 39 f"}, s.posts())
}
