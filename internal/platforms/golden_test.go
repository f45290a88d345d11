package platforms_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

// golden answers paths with files of testdata, which were written by hand from the platforms' documents: they
// check the clients against the facts and not against our own simulator. They are as of 2026-11-20, saves and watch times as
// of 2026-11-21, places and their names as of 2026-11-22.
func golden(t *testing.T, files map[string]string) *bundle {
	t.Helper()
	mux := http.NewServeMux()
	for path, file := range files {
		raw, err := os.ReadFile(filepath.Join("testdata", file))
		require.NoError(t, err)
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			if strings.Contains(r.URL.String(), "Tok3n") {
				http.Error(w, "a token in an address", http.StatusTeapot)
				return
			}
			_, _ = w.Write(raw)
		})
	}
	return canned(t, mux.ServeHTTP)
}

func TestGoldenFacebookAccount(t *testing.T) {
	t.Parallel()
	b := golden(t, map[string]string{
		"/facebook/v26.0/100": "facebook_page.json", "/facebook/v26.0/100/insights": "facebook_page_insights.json",
	})
	snap := b.client(t, domain.Facebook).account(platforms.Target{AccessToken: "Tok3n", ExternalID: "100"})
	flow := func(name, source, day string, value int64) domain.Figure {
		return domain.Figure{Name: name, Kind: domain.DayFlow, Source: source, Day: day, Value: value}
	}
	reach := func(window, day string, value int64) domain.Figure {
		return domain.Figure{Name: "reach", Kind: domain.Rolling, Source: "page_total_media_view_unique", Window: window, Day: day, Value: value}
	}
	require.ElementsMatch(t, []domain.Figure{
		{Name: "followers", Kind: domain.Stock, Source: "followers_count", Value: 3412},
		flow("views", "page_media_view", "2026-11-17", 120), flow("impressions", "page_media_view", "2026-11-17", 120),
		flow("views", "page_media_view", "2026-11-18", 131), flow("impressions", "page_media_view", "2026-11-18", 131),
		reach("day", "2026-11-17", 80), reach("day", "2026-11-18", 84), reach("days_28", "2026-11-18", 1502),
		flow("engagement", "page_post_engagements", "2026-11-17", 0), // given as 0: that is a figure
		flow("likes", "page_actions_post_reactions_total", "2026-11-18", 5),
	}, snap.Figures)
	require.Equal(t, map[string]string{"clicks": "empty"}, reasons(snap.Missing))
	require.Equal(t, []string{"page", "page_insights"}, b.ops(), "two calls, and no next page is followed")

	// Days that were not asked for stay out: `until` is exclusive here, inclusive there.
	snap = b.client(t, domain.Facebook).account(platforms.Target{AccessToken: "Tok3n", ExternalID: "100"}, platforms.AccountRequest{
		Since: time.Date(2026, 11, 17, 8, 0, 0, 0, time.UTC), Until: time.Date(2026, 11, 18, 8, 0, 0, 0, time.UTC),
	})
	for _, f := range snap.Figures {
		require.Contains(t, []string{"", "2026-11-17"}, f.Day, f)
	}
	require.Equal(t, int64(120), figure(t, snap, "views", "", "2026-11-17").Value)
}

func TestGoldenFacebookPosts(t *testing.T) {
	t.Parallel()
	b := golden(t, map[string]string{"/facebook/v26.0/100/posts": "facebook_posts.json"})
	page := b.client(t, domain.Facebook).posts(platforms.Target{AccessToken: "Tok3n", ExternalID: "100"}, "posts:50:")
	require.Equal(t, platforms.PostsPage{
		Posts: []platforms.Post{
			{
				ID: "100_55", Type: "photo", Content: "hi there", Permalink: "https://www.facebook.com/100/posts/55",
				PublishedAt: time.Date(2026, 11, 10, 9, 0, 0, 0, time.UTC),
			},
			{ID: "100_56", Type: "video", PublishedAt: time.Date(2026, 11, 9, 9, 0, 0, 0, time.UTC)},
		},
		Next: "posts:50:QVFJafter",
	}, page)
}

func TestGoldenFacebookPostMetrics(t *testing.T) {
	t.Parallel()
	b := golden(t, map[string]string{"/facebook/v26.0/": "facebook_post_batch.json", "/facebook/v26.0/8801": "facebook_reel.json"})
	snaps, err := b.client(t, domain.Facebook).PostMetrics(t.Context(), platforms.Target{AccessToken: "Tok3n", ExternalID: "100"},
		[]platforms.Post{{ID: "100_55"}, {ID: "100_56"}, {ID: "8801"}})
	require.NoError(t, err)
	got := byID(snaps)
	require.Equal(t, domain.Counts{
		Likes: new(int64(14)), Comments: new(int64(3)), Shares: new(int64(2)), Views: new(int64(6_000_000_000)), Impressions: new(int64(6_000_000_000)), Reach: new(int64(410)), Clicks: new(int64(12)),
	}, got["100_55"].Counts)
	require.Empty(t, got["100_55"].Missing)
	require.Equal(t, domain.Counts{Likes: new(int64(0)), Shares: new(int64(0))}, got["100_56"].Counts)
	require.Equal(t, map[string]string{
		"comments": "empty", "views": "empty", "impressions": "empty", "reach": "empty", "clicks": "empty",
	}, reasons(got["100_56"].Missing))
	require.Equal(t, domain.Counts{Likes: new(int64(7)), Comments: new(int64(5)), Shares: new(int64(2)), Views: new(int64(1640)), AvgWatch: new(int64(8342))}, got["8801"].Counts)
}

func TestGoldenTikTok(t *testing.T) {
	t.Parallel()
	b := golden(t, map[string]string{
		"GET /tiktok/v2/user/info/{$}": "tiktok_user.json", "POST /tiktok/v2/video/list/{$}": "tiktok_list.json", "POST /tiktok/v2/video/query/{$}": "tiktok_query.json",
	})
	client, at := b.client(t, domain.TikTok), platforms.Target{AccessToken: "Tok3n", ExternalID: "723f"}
	snap := client.account(at)
	require.Equal(t, []domain.Figure{
		{Name: "followers", Kind: domain.Stock, Value: 1284, Source: "follower_count"},
		{Name: "posts", Kind: domain.Stock, Value: 47, Source: "video_count"},
		{Name: "likes", Kind: domain.Cumulative, Value: 20311, Source: "likes_count"},
		{Name: "engagement", Kind: domain.Cumulative, Value: 20311, Source: "likes_count"},
	}, snap.Figures)

	page := client.posts(at, "")
	require.Equal(t, platforms.PostsPage{Next: "1763334000000", Posts: []platforms.Post{
		{
			ID: "7385419238471229742", Type: "video", Content: "Bread at dawn", MediaURL: "https://p16.example/c.jpeg?x-expires=1",
			Permalink: "https://www.tiktok.com/@x/video/7385419238471229742", PublishedAt: time.Unix(1763420400, 0).UTC(),
		},
		{ID: "7385419238471229743", Type: "video", Content: "Only a title", PublishedAt: time.Unix(1763334000, 0).UTC()},
	}}, page)
	repeated := client.posts(at, page.Next)
	require.Empty(t, repeated.Next, "a cursor that does not move ends the listing")

	snaps := client.metrics(at, page.Posts)
	require.Equal(t, domain.Counts{Likes: new(int64(12)), Comments: new(int64(1)), Shares: new(int64(0)), Views: new(int64(3_000_000_000))}, snaps[0].Counts)
	require.Equal(t, platforms.ClassNotFound, snaps[1].Err.Class)
}
