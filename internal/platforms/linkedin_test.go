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

func TestLinkedInPageAccount(t *testing.T) {
	t.Parallel()
	b := setup(t)
	page := addCompanyPage(b, simulator.Traps{})
	client := b.client(t, domain.LinkedIn)
	at := pageTarget(page)
	snap := client.account(at)
	require.Empty(t, snap.Missing)
	require.Equal(t, []string{"network_size", "page_statistics", "page_days"}, b.ops())
	followers := simulator.FollowersAt(seed, page.ID, testNow)
	require.Equal(t, domain.Figure{Name: "followers", Kind: domain.Stock, Value: followers, Source: "firstDegreeSize"}, figure(t, snap, "followers", "", ""))
	// Lifetime statistics roll over twelve months: their own kind and window, never a day's number.
	require.Equal(t, domain.Figure{
		Name: "reach", Kind: domain.Rolling, Value: simulator.YearAt(seed, page.ID, testNow).Reach, Source: "uniqueImpressionsCount", Window: "months_12",
	}, figure(t, snap, "reach", "months_12", ""))
	require.Equal(t, simulator.YearAt(seed, page.ID, testNow).Views, figure(t, snap, "impressions", "months_12", "").Value)
	for _, day := range []string{"2026-11-16", "2026-11-17", "2026-11-18"} {
		require.Equal(t, domain.Figure{
			Name: "engagement", Kind: domain.DayFlow, Value: simulator.EngagementOn(seed, page.ID, day),
			Source: "likeCount+commentCount+shareCount", Day: day,
		}, figure(t, snap, "engagement", "", day))
		require.Equal(t, simulator.ViewsOn(seed, page.ID, day), figure(t, snap, "impressions", "", day).Value)
	}
	// The whole URN does as well as the number.
	at.ExternalID = "urn:li:organization:5501"
	again := client.account(at)
	require.Equal(t, snap, again)
	// A page-wide answer with another page's numbers is not this page's.
	b.sim.SetTraps(domain.LinkedIn, page.ID, simulator.Traps{OtherAccount: true})
	require.Len(t, client.account(at).Figures, 1, "followers only")
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

func TestLinkedInProfileAccount(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"202608", "202604"} { // metricType is a string from 202605 on, an object before
		b := setup(t, func(_ *simulator.Config, c *platforms.Config) { c.LinkedIn.Version = version })
		me := addProfile(b, simulator.Traps{})
		snap := b.client(t, domain.LinkedIn).account(profileTarget(me))
		require.Empty(t, snap.Missing)
		require.Equal(t, "memberFollowersCount", figure(t, snap, "followers", "", "").Source)
		day := "2026-11-18"
		for name, want := range map[string]int64{
			"impressions": simulator.ViewsOn(seed, me.ID, day), "likes": simulator.LikesOn(seed, me.ID, day),
			"comments": simulator.CommentsOn(seed, me.ID, day), "shares": simulator.SharesOn(seed, me.ID, day),
			"clicks": simulator.ClicksOn(seed, me.ID, day), "engagement": simulator.EngagementOn(seed, me.ID, day),
		} {
			f := figure(t, snap, name, "", day)
			require.Equal(t, want, f.Value, name)
			require.Equal(t, domain.DayFlow, f.Kind)
		}
		require.Equal(t, simulator.ReachOn(seed, me.ID, "2026-11-19", 28), figure(t, snap, "reach", "days_28", "2026-11-19").Value)
	}
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

func TestLinkedInProfilePosts(t *testing.T) {
	t.Parallel()
	b := setup(t)
	me := addProfile(b, simulator.Traps{})
	client := b.client(t, domain.LinkedIn)
	posts := somePosts(b, subject{platform: domain.LinkedIn}, profileTarget(me))[:4]
	snaps := client.metrics(profileTarget(me), append(posts, platforms.Post{ID: "urn:li:share:404"}, platforms.Post{ID: "12"}))
	for _, s := range snaps[:4] {
		want := simulator.PostAt(seed, s.Post.ID, s.Post.PublishedAt, testNow)
		require.Equal(t, domain.Counts{
			Likes: new(want.Likes), Comments: new(want.Comments), Shares: new(want.Shares), Impressions: new(want.Views), Reach: new(want.Reach), Clicks: new(want.Clicks),
			Saves: new(want.Saves),
		}, s.Counts)
	}
	require.Equal(t, platforms.ClassNotFound, snaps[4].Err.Class)
	require.Equal(t, platforms.ClassInvalid, snaps[5].Err.Class)
	require.Len(t, b.ops(), 4*7+1)
}
