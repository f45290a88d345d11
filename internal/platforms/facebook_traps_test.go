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

// A platform that answers the same cursor for ever does not keep a listing going for ever.
func TestFacebookCursorThatDoesNotMove(t *testing.T) {
	t.Parallel()
	b := canned(t, always(http.StatusOK, `{"data":[{"id":"1_1"}],"paging":{"cursors":{"after":"same"},"next":"https://x"}}`))
	_, pages := allPosts(t, b.client(t, domain.Facebook), platforms.Target{AccessToken: "Tok3n", ExternalID: "1"})
	require.Equal(t, 2*3, pages)
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
