package platforms_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/simulator"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

func addCompanyPage(b *bundle, traps simulator.Traps) simulator.Account {
	return b.sim.AddCompanyPage(simulator.Account{ID: "5501", PostsFrom: testNow.AddDate(0, 0, -60), PostEvery: 12 * time.Hour, Traps: traps})
}

func addProfile(b *bundle, traps simulator.Traps) simulator.Account {
	return b.sim.AddLinkedInProfile(simulator.Account{ID: "pErs0n_1", PostsFrom: testNow.AddDate(0, 0, -10), PostEvery: 12 * time.Hour, Traps: traps})
}

func pageTarget(a simulator.Account) platforms.Target {
	return platforms.Target{AccessToken: a.AccessToken, ExternalID: a.ID, AccountType: domain.LinkedInCompanyPage}
}

func profileTarget(a simulator.Account) platforms.Target {
	return platforms.Target{AccessToken: a.AccessToken, ExternalID: a.ID, AccountType: domain.LinkedInProfile}
}

func TestLinkedInPageRange(t *testing.T) {
	t.Parallel()
	b := setup(t)
	page := addCompanyPage(b, simulator.Traps{})
	snap, err := b.client(t, domain.LinkedIn).Account(t.Context(), pageTarget(page), platforms.AccountRequest{
		Since: testNow.AddDate(-3, 0, 0), Until: testNow.AddDate(0, 0, -1),
	})
	require.NoError(t, err)
	days := 0
	for _, f := range snap.Figures {
		if f.Name == "clicks" && f.Kind == domain.DayFlow {
			days++
			require.Equal(t, simulator.ClicksOn(seed, page.ID, f.Day), f.Value)
		}
	}
	require.InDelta(t, 364, days, 2, "twelve months, not three years")
}

func TestLinkedInProfileHistory(t *testing.T) {
	t.Parallel()
	b := setup(t)
	me := addProfile(b, simulator.Traps{})
	snap, err := b.client(t, domain.LinkedIn).Account(t.Context(), profileTarget(me), platforms.AccountRequest{
		Since: testNow.AddDate(0, 0, -10), Until: testNow, Backfill: true,
	})
	require.NoError(t, err)
	for _, day := range []string{"2026-11-09", "2026-11-18"} {
		at, err := time.Parse(time.DateOnly, day)
		require.NoError(t, err)
		f := figure(t, snap, "followers", "", day)
		require.Equal(t, domain.Stock, f.Kind)
		require.Equal(t, simulator.FollowersAt(seed, me.ID, at.AddDate(0, 0, 1)), f.Value)
	}
	require.Equal(t, simulator.FollowersAt(seed, me.ID, testNow), figure(t, snap, "followers", "", "").Value, "and the present number")
}

func TestLinkedInMetricOfALaterVersionIsNotAsked(t *testing.T) {
	t.Parallel()
	b := setup(t, func(_ *simulator.Config, c *platforms.Config) { c.LinkedIn.Version = "202603" })
	me := addProfile(b, simulator.Traps{})
	client := b.client(t, domain.LinkedIn)
	snap := client.account(profileTarget(me))
	require.Equal(t, map[string]string{"clicks": "unsupported"}, reasons(snap.Missing))
	require.Len(t, b.ops(), 6)
	snaps := client.metrics(profileTarget(me), somePosts(b, subject{platform: domain.LinkedIn}, profileTarget(me))[:1])
	require.Equal(t, map[string]string{"clicks": "unsupported", "saves": "unsupported"}, reasons(snaps[0].Missing))
	require.Nil(t, snaps[0].Counts.Saves)
	require.Len(t, b.ops(), 5)
}

// One refused metric costs itself only; a token without the product costs one call an hour.
func TestLinkedInAnalyticsRefused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	me := addProfile(b, simulator.Traps{RetiredMetrics: []string{"RESHARE"}})
	client := b.client(t, domain.LinkedIn)
	snap := client.account(profileTarget(me))
	require.Equal(t, map[string]string{"shares": "error", "engagement": "empty"}, reasons(snap.Missing), "no engagement of two parts")
	require.True(t, hasFigure(snap, "comments"))
	b.ops()

	b.sim.SetTraps(domain.LinkedIn, me.ID, simulator.Traps{NotAdmin: true})
	for _, calls := range []int{2, 1, 1} {
		snap = client.account(profileTarget(me))
		require.True(t, hasFigure(snap, "followers"))
		require.Equal(t, "permission", reasons(snap.Missing)["impressions"])
		require.Equal(t, "permission", reasons(snap.Missing)["reach"])
		require.Len(t, b.ops(), calls)
	}
	b.sim.SetTraps(domain.LinkedIn, me.ID, simulator.Traps{})
	b.advance(2 * time.Hour)
	snap = client.account(profileTarget(me))
	require.Empty(t, snap.Missing)
}

// Paging by start and count: the short page is the last, there is no total.
func TestLinkedInPosts(t *testing.T) {
	t.Parallel()
	b := setup(t)
	page := b.sim.AddCompanyPage(simulator.Account{ID: "5501", PostsFrom: testNow.AddDate(0, 0, -60), PostEvery: 6 * time.Hour})
	client := b.client(t, domain.LinkedIn)
	posts, pages := allPosts(t, client, pageTarget(page))
	want := b.sim.Posts(domain.LinkedIn, page.ID, testNow)
	require.Equal(t, 3, pages)
	require.Len(t, posts, len(want))
	for i, p := range posts {
		require.Equal(t, want[i].ID, p.ID)
		require.Equal(t, want[i].Created, p.PublishedAt)
		require.Equal(t, strings.Contains(p.ID, "ugcPost"), p.Type == platforms.TypeVideo)
	}
	requireClass(t, platforms.ClassInvalid, client.postsErr(pageTarget(page), "-1"))
	b.ops()
	require.Len(t, client.metrics(pageTarget(page), posts), len(posts))
	require.Len(t, b.ops(), 6, "40 to a call, shares and ugcPosts together")
	odd := client.metrics(pageTarget(page), []platforms.Post{{ID: "71),x"}})
	require.Equal(t, platforms.ClassInvalid, odd[0].Err.Class)
	// A profile's posts cannot be listed.
	none := client.posts(profileTarget(addProfile(b, simulator.Traps{})), "")
	require.Empty(t, none)
}
