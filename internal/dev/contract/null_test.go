package contract_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
)

// Absent stays null from the wire to the answer, and zero stays zero.
func TestAbsentIsNullInTheAnswer(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		file     string
		platform domain.Platform
		kind     domain.AccountType
		external string
		path     string
		zero     []string
		null     []string
	}{
		"a post without summaries": {
			"facebook_page", domain.Facebook, 0, "1000001", "/api/activities/70:1000001_56",
			[]string{"likes", "shares"},
			[]string{"comments", "views", "impressions", "reach", "saves", "avg_watch_ms"},
		},
		"a story": {
			"instagram", domain.Instagram, 0, "17841400000000001", "/api/activities/70:904",
			[]string{"shares"},
			[]string{"likes", "comments", "saves", "avg_watch_ms"},
		},
		"a story that was not read": {
			"instagram", domain.Instagram, 0, "17841400000000001", "/api/activities/70:905",
			nil,
			[]string{"likes", "comments", "shares", "views", "impressions", "reach", "captured_at"},
		},
		"an advertisement that nobody kept": {
			"instagram", domain.Instagram, 0, "17841400000000001", "/api/activities/70:906",
			[]string{"saves"},
			[]string{"comments", "avg_watch_ms"},
		},
		"a post without activity": {
			"linkedin_page", domain.LinkedIn, domain.LinkedInCompanyPage, "4242", "/api/activities/70:urn:li:share:73",
			[]string{"likes", "comments", "shares", "impressions", "reach"},
			[]string{"views", "saves", "avg_watch_ms"},
		},
		"a video that came back with less": {
			"tiktok", domain.TikTok, 0, "723f-open", "/api/activities/70:7385419238471229743",
			nil,
			[]string{"comments", "shares", "impressions", "reach", "saves", "avg_watch_ms"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, c.file, c.platform, c.kind, c.external)
			s.fetch()
			activity := s.ask(c.path)
			for _, field := range c.zero {
				require.InDelta(t, 0, at(t, activity, "data", field), 0, field)
				require.NotNil(t, at(t, activity, "data", field), field)
			}
			for _, field := range c.null {
				require.Nil(t, at(t, activity, "data", field), field)
			}
		})
	}
}

// The same reading as stats: what the platform gives, null for what it does not.
func TestStatsOfAReading(t *testing.T) {
	t.Parallel()
	s := newStage(t, "instagram", domain.Instagram, 0, "17841400000000001")
	s.fetch()
	stats := s.ask("/api/stats?pId=3&startTime=2026-11-18&endTime=2026-11-19")
	yesterday, today := at(t, stats, "data", "platforms", 0, "periods", 0), at(t, stats, "data", "platforms", 0, "periods", 1)
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
