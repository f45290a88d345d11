package demo_test

import (
	"cmp"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/demo"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
	"github.com/ledgerboard/ledgerboard/internal/simulator"
)

// bundle is the platforms' real clients on a simulator that plays the world at one instant.
type bundle struct {
	world   *demo.World
	clients *platforms.Set
	tokens  map[int64]string // access tokens by social account
}

func setup(t *testing.T, w *demo.World, seed uint64, now time.Time) *bundle {
	t.Helper()
	clock := func() time.Time { return now }
	sim := simulator.New(simulator.Config{Seed: seed, Clock: clock, TikTokPerMinute: -1})
	require.NoError(t, w.Register(sim))
	server := httptest.NewServer(sim)
	clients, err := platforms.New(platforms.Config{
		Now:      clock,
		Facebook: platforms.Endpoint{BaseURL: server.URL + simulator.PathFacebook},
		TikTok:   platforms.Endpoint{BaseURL: server.URL + simulator.PathTikTok},
	})
	require.NoError(t, err)
	t.Cleanup(func() {
		clients.Close()
		server.Close()
	})
	b := &bundle{world: w, clients: clients, tokens: map[int64]string{}}
	secrets := map[string]string{}
	for _, s := range w.Secrets() {
		secrets[s.Ref] = s.AccessToken
	}
	connections := byID[domain.DirectoryConnection](t, w)
	for _, a := range entities[domain.DirectorySocialAccount](w) {
		b.tokens[a.ID] = secrets[connections[domain.DirectoryConnection{ID: a.ConnectionID}.EntityID()].SecretRef]
	}
	return b
}

// fetched are the accounts whose platforms have both a client and a simulator today.
func (b *bundle) fetched() []domain.DirectorySocialAccount {
	return slices.DeleteFunc(entities[domain.DirectorySocialAccount](b.world), func(a domain.DirectorySocialAccount) bool {
		return a.Platform != domain.Facebook && a.Platform != domain.TikTok
	})
}

func (b *bundle) target(a domain.DirectorySocialAccount) platforms.Target {
	return platforms.Target{AccessToken: b.tokens[a.ID], ExternalID: a.ExternalID, AccountType: a.AccountType}
}

// moments are the anchor and times of live readings around the days' ends and the end of summer time.
func moments() map[string]time.Time {
	return map[string]time.Time{
		"at the anchor":           anchor,
		"before Pacific midnight": time.Date(2026, 11, 21, 7, 59, 59, 0, time.UTC),
		"at Pacific midnight":     time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC),
		"after a month":           anchor.Add(31*24*time.Hour + 7*time.Hour),
		"as summer time begins":   time.Date(2027, 3, 14, 12, 0, 0, 0, time.UTC),
	}
}

// TestAccountsAreWhatTheClientsRead: history and live readings are one curve, in values, kinds and sources.
func TestAccountsAreWhatTheClientsRead(t *testing.T) {
	t.Parallel()
	for name, now := range moments() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, world(), seed, now)
			for _, a := range b.fetched() {
				client, err := b.clients.For(a.Platform)
				require.NoError(t, err)
				got, err := client.Account(t.Context(), b.target(a), platforms.AccountRequest{Demographics: true})
				require.NoError(t, err)
				reads := b.world.GeneratedAccounts(now, a.Platform)
				want := reads[slices.IndexFunc(reads, func(r domain.AccountRead) bool { return r.SocialAccount == a.ID })]
				require.ElementsMatch(t, got.Figures, want.Figures)
				require.ElementsMatch(t, got.Demographics, want.Demographics)
				require.Empty(t, got.Missing)
			}
		})
	}
}

// TestPostsAreWhatTheClientsList: a listing finds the very posts that were seeded, and nothing new.
func TestPostsAreWhatTheClientsList(t *testing.T) {
	t.Parallel()
	b := setup(t, world(), seed, anchor)
	seeded := map[int64][]platforms.Post{}
	for p := range b.world.Posts() {
		if p.Origin == domain.OriginListing {
			seeded[p.SocialAccount] = append(seeded[p.SocialAccount], platforms.Post{
				ID: p.ExternalID, Type: p.PostType, Content: p.Content, MediaURL: p.MediaURL, Permalink: p.Permalink, PublishedAt: *p.PublishedAt,
			})
		}
	}
	for _, a := range b.fetched() {
		client, err := b.clients.For(a.Platform)
		require.NoError(t, err)
		listed := map[string]platforms.Post{}
		for cursor := ""; ; {
			page, err := client.Posts(t.Context(), b.target(a), cursor)
			require.NoError(t, err)
			for _, p := range page.Posts {
				p.SameAs = ""
				listed[p.ID] = p
			}
			if cursor = page.Next; cursor == "" {
				break
			}
		}
		require.Len(t, seeded[a.ID], len(listed))
		for _, p := range seeded[a.ID] {
			require.Equal(t, listed[p.ID], p)
		}
	}
}

// TestPostReadingsAreWhatTheClientsRead also reads a reel that is too young to have insights.
func TestPostReadingsAreWhatTheClientsRead(t *testing.T) {
	t.Parallel()
	for name, now := range moments() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			comparePosts(t, now)
		})
	}
	t.Run("half an hour after a reel", func(t *testing.T) {
		t.Parallel()
		posts, _ := world().GeneratedPosts(anchor, anchor.Add(60*24*time.Hour), domain.Facebook)
		at := slices.IndexFunc(posts, func(p domain.PostRegistered) bool { return p.PostType == platforms.TypeReel })
		require.GreaterOrEqual(t, at, 0)
		missing := comparePosts(t, posts[at].PublishedAt.Add(30*time.Minute))
		require.Positive(t, missing[domain.MetricViews])
	})
}

// comparePosts reads every post live and from the world; it returns how often a metric is missing.
func comparePosts(t *testing.T, now time.Time) map[string]int {
	t.Helper()
	b := setup(t, world(), seed, now)
	missing := map[string]int{}
	for _, a := range b.fetched() {
		_, reads := b.world.GeneratedPosts(now, now, a.Platform)
		reads = slices.DeleteFunc(reads, func(r domain.PostRead) bool { return r.SocialAccount != a.ID })
		require.NotEmpty(t, reads)
		var posts []platforms.Post
		for _, r := range reads {
			posts = append(posts, platforms.Post{ID: r.ExternalID})
		}
		client, err := b.clients.For(a.Platform)
		require.NoError(t, err)
		live, err := client.PostMetrics(t.Context(), b.target(a), posts)
		require.NoError(t, err)
		require.Len(t, live, len(reads))
		slices.SortFunc(live, func(x, y platforms.PostSnapshot) int { return cmp.Compare(x.Post.ID, y.Post.ID) })
		slices.SortFunc(reads, func(x, y domain.PostRead) int { return cmp.Compare(x.ExternalID, y.ExternalID) })
		for i, r := range reads {
			require.NoError(t, asError(live[i].Err))
			require.Equal(t, live[i].Post.ID, r.ExternalID)
			require.Equal(t, live[i].Counts, r.Counts)
			require.ElementsMatch(t, live[i].Missing, r.Missing)
			for _, m := range r.Missing {
				missing[m.Name]++
			}
		}
	}
	return missing
}

func asError(e *platforms.Error) error {
	if e == nil {
		return nil
	}
	return e
}
