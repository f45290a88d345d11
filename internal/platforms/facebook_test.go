package platforms_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/simulator"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

func addPage(b *bundle, traps simulator.Traps) simulator.Account {
	return b.sim.AddPage(simulator.Account{
		ID: "1001", PostsFrom: testNow.AddDate(0, 0, -60), PostEvery: 12 * time.Hour, Traps: traps,
	})
}

func TestFacebookRangeAcrossWindowsAndClockChange(t *testing.T) {
	t.Parallel()
	b := setup(t)
	page := addPage(b, simulator.Traps{})
	since := time.Date(2026, 6, 1, 7, 0, 0, 0, time.UTC) // midnight in California
	until := time.Date(2026, 11, 10, 8, 0, 0, 0, time.UTC)
	client := b.client(t, domain.Facebook)
	snap := client.account(target(page), platforms.AccountRequest{Since: since, Until: until, Backfill: true})
	require.Equal(t, []string{"page", "page_insights", "page_insights"}, b.ops(), "162 days in windows of at most 90")

	var days []string
	for day := since; day.Format(time.DateOnly) < "2026-11-10"; day = day.AddDate(0, 0, 1) {
		days = append(days, day.Format(time.DateOnly))
	}
	require.Len(t, days, 162)
	got := map[string]int64{}
	for _, f := range snap.Figures {
		if f.Name == "views" {
			require.NotContains(t, got, f.Day)
			got[f.Day] = f.Value
		}
	}
	require.Len(t, got, len(days), "exactly the days of the range")
	for _, day := range days {
		require.Equal(t, simulator.ViewsOn(seed, "1001", day), got[day], day)
	}
	// Past followers are stock figures with a day; the current number has no day.
	history := figure(t, snap, "followers", "", "2026-07-04")
	require.Equal(t, domain.Stock, history.Kind)
	require.Equal(t, "page_follows", history.Source)
	midnight := time.Date(2026, 7, 5, 7, 0, 0, 0, time.UTC)
	require.Equal(t, simulator.FollowersAt(seed, "1001", midnight), history.Value)
	require.Equal(t, "followers_count", figure(t, snap, "followers", "", "").Source)

	client.account(target(page), platforms.AccountRequest{Since: testNow.AddDate(-20, 0, 0)})
	require.Len(t, b.ops(), 1+9, "two years, not twenty")
}

func TestFacebookDemographics(t *testing.T) {
	t.Parallel()
	b := setup(t)
	page := addPage(b, simulator.Traps{})
	snap := b.client(t, domain.Facebook).account(target(page), platforms.AccountRequest{Demographics: true})
	require.Len(t, snap.Demographics, 2)
	require.Equal(t, "city", snap.Demographics[0].Facet)
	require.Contains(t, snap.Demographics[0].Values, "Vienna, Austria")
	require.Equal(t, "country", snap.Demographics[1].Facet)
	require.Len(t, snap.Demographics[1].Values, 3)
	rolling := slices.DeleteFunc(snap.Figures, func(f domain.Figure) bool { return f.Window != "days_28" })
	require.Len(t, rolling, 1, "only the latest day of a rolling window")
}

// A list that is too large for one answer is requested in smaller parts.
func TestFacebookPostsAllSections(t *testing.T) {
	t.Parallel()
	for _, most := range []int{0, 15} {
		b := setup(t)
		posts, pages := allPosts(t, b.client(t, domain.Facebook), target(addPage(b, simulator.Traps{OversizedAbove: most})))
		require.GreaterOrEqual(t, pages, 4)
		listedIDs := map[string]platforms.Post{}
		for _, p := range posts {
			listedIDs[p.ID] = p
		}
		kinds := map[string]int{}
		for _, want := range b.sim.Posts(domain.Facebook, "1001", testNow) {
			got, ok := listedIDs[want.ID]
			require.True(t, ok, want.ID)
			require.Equal(t, want.Created, got.PublishedAt)
			require.Equal(t, want.Text, got.Content)
			require.NotContains(t, listedIDs, want.VideoID, "a video that names its post is that post")
			kinds[got.Type]++
		}
		require.Len(t, listedIDs, len(b.sim.Posts(domain.Facebook, "1001", testNow)))
		require.Positive(t, kinds[platforms.TypePhoto])
		require.Positive(t, kinds[platforms.TypeVideo])
		require.Positive(t, kinds[platforms.TypeReel])
	}
}

// A list that the page does not have, or that the token may not read, does not affect the others. A
// refused cursor in the middle of a list does not mean that the list is missing.
func TestFacebookMissingVideoLists(t *testing.T) {
	t.Parallel()
	client := canned(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/posts") {
			_, _ = w.Write([]byte(`{"data":[{"id":"100_1"}]}`))
			return
		}
		answer(w, http.StatusBadRequest, `{"error":{"code":100,"message":"(#100) Tried accessing nonexisting field"}}`)
	}).client(t, domain.Facebook)
	tgt := platforms.Target{AccessToken: "x", ExternalID: "100"}
	posts, pages := allPosts(t, client, tgt)
	require.Equal(t, []platforms.Post{{ID: "100_1", Type: platforms.TypePost}}, posts)
	require.Equal(t, 3, pages)
	requireClass(t, platforms.ClassInvalid, client.postsErr(tgt, "videos:50:QVFJ"))
}

func TestFacebookVideoWithoutPost(t *testing.T) {
	t.Parallel()
	b := setup(t)
	created := testNow.Add(-50 * time.Hour)
	page := b.sim.AddPage(simulator.Account{ID: "1002", Posts: []simulator.Post{
		{ID: "1002_5", VideoID: "75", Kind: simulator.KindVideo, Created: created},
		{ID: "86", Kind: simulator.KindReel, Created: testNow.Add(-10 * time.Minute)},
	}})
	snaps := b.client(t, domain.Facebook).metrics(target(page), []platforms.Post{{ID: "75"}, {ID: "86"}})
	video, fresh := byID(snaps)["75"], byID(snaps)["86"]
	want := simulator.PostAt(seed, "1002_5", created, testNow)
	require.Equal(t, domain.Counts{
		Likes: new(want.Likes), Comments: new(want.Comments), Shares: new(want.Shares), Views: new(want.Views),
		AvgWatch: new(simulator.AvgWatchOf(seed, "1002_5")),
	}, video.Counts)
	require.Equal(t, map[string]string{"reach": "unsupported"}, reasons(video.Missing), "gone since 2026-06-15")
	// A new reel answers `data: []`: views and shares are unknown, and nothing is 0.
	require.Nil(t, fresh.Counts.Views)
	require.Nil(t, fresh.Counts.Shares)
	require.Nil(t, fresh.Counts.AvgWatch)
	require.NotNil(t, fresh.Counts.Likes)
	require.Equal(t, "empty", reasons(fresh.Missing)["views"])
}

// One retired name rejects the whole batch. The other metrics are kept, and the refusal is
// remembered.
func TestFacebookRetiredMetric(t *testing.T) {
	t.Parallel()
	b := setup(t)
	page := addPage(b, simulator.Traps{RetiredMetrics: []string{"page_post_engagements"}})
	client := b.client(t, domain.Facebook)
	snap := client.account(target(page))
	require.Equal(t, map[string]string{"engagement": "unsupported"}, reasons(snap.Missing))
	require.True(t, hasFigure(snap, "views"))
	require.True(t, hasFigure(snap, "reach"))
	require.Len(t, b.ops(), 1+1+5, "the batch, then each metric")

	again := client.account(target(page))
	require.Equal(t, snap, again)
	require.Len(t, b.ops(), 2, "remembered")

	// The refusal expires, and the metric is found again.
	b.sim.SetTraps(domain.Facebook, page.ID, simulator.Traps{})
	b.advance(25 * time.Hour)
	back := client.account(target(page))
	require.Empty(t, back.Missing)
	require.True(t, hasFigure(back, "engagement"))
}

// A platform that always returns the same cursor does not cause an endless listing.
func TestFacebookRepeatedCursor(t *testing.T) {
	t.Parallel()
	b := canned(t, always(http.StatusOK, `{"data":[{"id":"1_1"}],"paging":{"cursors":{"after":"same"},"next":"https://x"}}`))
	_, pages := allPosts(t, b.client(t, domain.Facebook), platforms.Target{AccessToken: "Tok3n", ExternalID: "1"})
	require.Equal(t, 2*3, pages)
}

// Without pages_read_user_content the summaries fail with #10. Shares and insights still work, and
// reactions replace likes.
func TestFacebookNoUserContent(t *testing.T) {
	t.Parallel()
	b := setup(t)
	page := addPage(b, simulator.Traps{NoUserContent: true})
	client := b.client(t, domain.Facebook)
	list := client.posts(target(page), "")
	b.ops()
	for range 2 {
		snaps := client.metrics(target(page), list.Posts[:5])
		for _, s := range snaps {
			require.Nil(t, s.Err)
			require.Equal(t, map[string]string{"comments": "permission"}, reasons(s.Missing))
			require.NotNil(t, s.Counts.Likes)
			require.NotNil(t, s.Counts.Shares)
			require.NotNil(t, s.Counts.Reach)
		}
	}
	require.Len(t, b.ops(), 3, "refused for all posts, then remembered")
}

// If video insights are not a field of the node, their own edge is read.
func TestFacebookVideoInsightsEdge(t *testing.T) {
	t.Parallel()
	b := setup(t)
	created := testNow.Add(-90 * time.Hour)
	page := b.sim.AddPage(simulator.Account{ID: "1004", Traps: simulator.Traps{NoVideoField: true}, Posts: []simulator.Post{
		{ID: "81", Kind: simulator.KindReel, Created: created}, {ID: "82", Kind: simulator.KindReel, Created: created},
	}})
	snaps := b.client(t, domain.Facebook).metrics(target(page), []platforms.Post{{ID: "81"}, {ID: "82"}})
	for _, s := range snaps {
		require.Equal(t, simulator.PostAt(seed, s.Post.ID, created, testNow).Views, *s.Counts.Views)
	}
	require.Equal(t, []string{"video_metrics", "video_metrics", "video_insights", "video_insights"}, b.ops())
}
