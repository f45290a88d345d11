package platforms_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/simulator"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

// One retired name rejects the whole batch; the others are kept and the refusal is remembered.
func TestFacebookRetiredMetricCostsOnlyItself(t *testing.T) {
	t.Parallel()
	b := setup(t)
	page := addPage(b, simulator.Traps{RetiredMetrics: []string{"page_post_engagements"}})
	client := b.client(t, domain.Facebook)
	snap := client.account(target(page))
	require.Equal(t, map[string]string{"engagement": "unsupported"}, reasons(snap.Missing))
	require.True(t, hasFigure(snap, "views"))
	require.True(t, hasFigure(snap, "reach"))
	require.Len(t, b.ops(), 1+1+5, "the batch, then metric by metric")

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

// Three accounts that are refused a metric make it retired for all; one odd account does not.
func TestFacebookRefusalIsPromotedAfterThreeAccounts(t *testing.T) {
	t.Parallel()
	b := setup(t)
	client := b.client(t, domain.Facebook)
	retired := simulator.Traps{RetiredMetrics: []string{"page_total_actions"}}
	cost := func(id string, traps simulator.Traps) int {
		page := b.sim.AddPage(simulator.Account{ID: id, Traps: traps})
		client.account(target(page))
		return len(b.ops())
	}
	require.Equal(t, 7, cost("1", retired))
	require.Equal(t, 2, cost("2", simulator.Traps{}))
	require.Equal(t, 7, cost("3", retired))
	require.Equal(t, 7, cost("4", retired))
	require.Equal(t, 2, cost("5", retired), "known by now")
}

// 200 with `data:[]` is a missing permission, not a day of zeros.
func TestFacebookEmptyTrap(t *testing.T) {
	t.Parallel()
	b := setup(t)
	page := addPage(b, simulator.Traps{NoReadInsights: true})
	client := b.client(t, domain.Facebook)
	snap := client.account(target(page), platforms.AccountRequest{Since: testNow.AddDate(0, 0, -3)})
	require.Len(t, snap.Figures, 1, "followers only")
	for _, name := range []string{"views", "impressions", "reach", "engagement", "clicks", "likes"} {
		require.Equal(t, "empty", reasons(snap.Missing)[name], name)
	}
	posts := client.posts(target(page), "")
	snaps := client.metrics(target(page), posts.Posts[:3])
	for _, s := range snaps {
		require.Nil(t, s.Counts.Views)
		require.NotNil(t, s.Counts.Likes)
		require.Equal(t, "empty", reasons(s.Missing)["views"])
	}
}

// `next` holds the token and may point anywhere: it is never followed nor kept (§6.1). The fake host
// does not resolve, so following it would fail the test.
func TestFacebookNextIsNeverFollowed(t *testing.T) {
	t.Parallel()
	b := setup(t)
	page := addPage(b, simulator.Traps{EndlessInsights: true})
	client := b.client(t, domain.Facebook)
	posts, _ := allPosts(t, client, target(page))
	require.Greater(t, len(posts), 50)
	client.account(target(page))
	first := client.posts(target(page), "")
	require.NotContains(t, first.Next, "http")
	require.NotContains(t, first.Next, page.AccessToken)
}

// A platform that answers the same cursor for ever does not keep a listing going for ever.
func TestFacebookCursorThatDoesNotMove(t *testing.T) {
	t.Parallel()
	b := canned(t, always(http.StatusOK, `{"data":[{"id":"1_1"}],"paging":{"cursors":{"after":"same"},"next":"https://x"}}`))
	_, pages := allPosts(t, b.client(t, domain.Facebook), platforms.Target{AccessToken: "Tok3n", ExternalID: "1"})
	require.Equal(t, 2*3, pages)
}

func TestFacebookRetiredPostMetric(t *testing.T) {
	t.Parallel()
	b := setup(t)
	page := addPage(b, simulator.Traps{RetiredMetrics: []string{"post_clicks"}})
	client := b.client(t, domain.Facebook)
	posts := []platforms.Post{}
	for _, p := range b.sim.Posts(domain.Facebook, page.ID, testNow) {
		if p.Kind != simulator.KindReel {
			posts = append(posts, platforms.Post{ID: p.ID})
		}
	}
	for range 2 {
		snaps := client.metrics(target(page), posts[:10])
		for _, s := range snaps {
			require.Equal(t, map[string]string{"clicks": "unsupported"}, reasons(s.Missing))
			require.Nil(t, s.Counts.Clicks)
			require.NotNil(t, s.Counts.Views)
		}
	}
	require.Len(t, b.ops(), 1+1+1+1, "batch, probes, batch; then one")
}

// Without pages_read_user_content the summaries fail with #10; shares and insights still work, and
// reactions stand in for likes.
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
	require.Len(t, b.ops(), 3, "refused to all, then remembered")
}

func TestFacebookOversizedPageIsHalved(t *testing.T) {
	t.Parallel()
	b := setup(t)
	page := addPage(b, simulator.Traps{OversizedAbove: 15})
	posts, _ := allPosts(t, b.client(t, domain.Facebook), target(page))
	require.Len(t, byPostID(posts), len(b.sim.Posts(domain.Facebook, page.ID, testNow)))
}

func byPostID(posts []platforms.Post) map[string]bool {
	out := map[string]bool{}
	for _, p := range posts {
		out[p.ID] = true
	}
	return out
}

// Where video insights are no field of the node, their own edge is read.
func TestFacebookVideoInsightsByTheirEdge(t *testing.T) {
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
