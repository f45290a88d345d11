package demo_test

import (
	"cmp"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/demo"
	"github.com/ledgerboard/ledgerboard/internal/dev/leaks"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/dev/simulator"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

// bundle is the platforms' real clients on a simulator that plays the world at one instant.
type bundle struct {
	world   *demo.World
	sim     *simulator.Server
	clients *platforms.Set
	tokens  map[int64]string // access tokens by social account
}

// setup leaves out what platforms do wrong after the anchor.
func setup(t *testing.T, w *demo.World, seed uint64, now time.Time) *bundle {
	t.Helper()
	clock := func() time.Time { return now }
	sim := simulator.New(simulator.Config{Seed: seed, Clock: clock, TikTokPerMinute: -1})
	require.NoError(t, w.Register(sim))
	for _, a := range entities[domain.DirectorySocialAccount](w) {
		sim.SetTraps(a.Platform, a.ExternalID, simulator.Traps{})
	}
	config := ledgertest.At(ledgertest.Serve(t, sim), "", "")
	config.Now = clock
	clients := ledgertest.Clients(t, config)
	b := &bundle{world: w, sim: sim, clients: clients, tokens: map[int64]string{}}
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

// fetched are the accounts that are read at the anchor and later.
func (b *bundle) fetched() []domain.DirectorySocialAccount {
	return slices.DeleteFunc(entities[domain.DirectorySocialAccount](b.world), func(a domain.DirectorySocialAccount) bool {
		return !b.world.ReadUntil(a.ID).IsZero()
	})
}

// A connection whose token has ended says so to the client in the words that the history gives as its reason;
// a person fixes it by signing in again.
func TestDemoHistoryExplainsConnectionWithDeadToken(t *testing.T) {
	t.Parallel()
	b := setup(t, world(), seed, anchor)
	states := b.world.States()
	require.Len(t, states, 1)
	lost := 0
	for _, a := range entities[domain.DirectorySocialAccount](b.world) {
		if a.ConnectionID != states[0].ConnectionID {
			continue
		}
		lost++
		client, err := b.clients.For(a.Platform)
		require.NoError(t, err)
		_, err = client.Account(t.Context(), b.target(a), platforms.AccountRequest{})
		require.Equal(t, domain.StatusRefused, platforms.KindOf(err))
		require.Equal(t, &domain.StatusReason{Code: platforms.StatusCodeOf(err), Answer: platforms.AnswerOf(err)}, states[0].Reason())
		again := simulator.New(simulator.Config{Seed: seed}).Tokens(a.Platform, a.ExternalID)
		_, err = client.Account(t.Context(), platforms.Target{AccessToken: again.Access, ExternalID: a.ExternalID}, platforms.AccountRequest{})
		require.NoError(t, err)
	}
	require.Equal(t, 1, lost)
}

// Two accounts show what an agency reads: one post that the platform never answers about, and a page with a new id.
func TestDemoShowsFailingPostAndChangedPageID(t *testing.T) {
	t.Parallel()
	b := setup(t, world(), seed, anchor.Add(time.Hour))
	require.NoError(t, b.world.Register(b.sim))
	registered, reads := b.world.PostsAt(anchor)
	types := map[string]string{}
	for _, r := range registered {
		types[r.ExternalID] = r.PostType
	}
	wrong := map[string]int{}
	for _, a := range b.fetched() {
		client, err := b.clients.For(a.Platform)
		require.NoError(t, err)
		_, err = client.Account(t.Context(), b.target(a), platforms.AccountRequest{})
		wrong[string(platforms.StatusCodeOf(err))]++
		if err != nil {
			continue
		}
		var posts []platforms.Post
		for _, r := range reads {
			if r.SocialAccount == a.ID {
				posts = append(posts, platforms.Post{ID: r.ExternalID, Type: types[r.ExternalID]})
			}
		}
		live, err := client.PostMetrics(t.Context(), b.target(a), posts)
		require.NoError(t, err)
		for _, s := range live {
			if s.Err != nil {
				wrong[a.Platform.String()+" post "+string(s.Err.Kind())]++
			}
		}
	}
	require.Positive(t, wrong[""])
	delete(wrong, "")
	require.Equal(t, map[string]int{string(domain.StatusMoved): 1, "instagram post retry": 1}, wrong)
}

func (b *bundle) target(a domain.DirectorySocialAccount) platforms.Target {
	return platforms.Target{AccessToken: b.tokens[a.ID], ExternalID: a.ExternalID, AccountType: a.AccountType}
}

// moments are times of history, the anchor, and times of live readings: around the days' ends and the
// turns of summer time.
func moments() map[string]time.Time {
	return map[string]time.Time{
		"ten days ago":            anchor.Add(-10 * 24 * time.Hour),
		"as summer time ended":    time.Date(2026, 11, 1, 9, 41, 7, 0, time.UTC),
		"at the anchor":           anchor,
		"before UTC midnight":     time.Date(2026, 11, 20, 23, 59, 59, 0, time.UTC),
		"at UTC midnight":         time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC),
		"before Pacific midnight": time.Date(2026, 11, 21, 7, 59, 59, 0, time.UTC),
		"at Pacific midnight":     time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC),
		"after Pacific midnight":  time.Date(2026, 11, 21, 8, 0, 1, 0, time.UTC),
		"after a month":           anchor.Add(31*24*time.Hour + 7*time.Hour),
		"as summer time begins":   time.Date(2027, 3, 14, 12, 0, 0, 0, time.UTC),
		"in summer time":          time.Date(2027, 3, 20, 12, 0, 0, 0, time.UTC),
	}
}

// TestDemoAccountHistoryContinuesInLiveReadings: history and live readings are one curve, in values, kinds and
// sources. Post counts are among the figures.
func TestDemoAccountHistoryContinuesInLiveReadings(t *testing.T) {
	t.Parallel()
	for name, now := range moments() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, world(), seed, now)
			reads := b.world.AccountsAt(now)
			for _, a := range b.fetched() {
				client, err := b.clients.For(a.Platform)
				require.NoError(t, err)
				got, err := client.Account(t.Context(), b.target(a), platforms.AccountRequest{Demographics: true})
				require.NoError(t, err)
				want := reads[slices.IndexFunc(reads, func(r domain.AccountRead) bool { return r.SocialAccount == a.ID })]
				require.ElementsMatch(t, got.Figures, want.Figures, a.Platform)
				require.ElementsMatch(t, got.Demographics, want.Demographics, a.Platform)
				require.Empty(t, got.Missing)
			}
		})
	}
}

// TestDemoPostHistoryMatchesLiveReadings also reads a reel that is too young to have insights.
func TestDemoPostHistoryMatchesLiveReadings(t *testing.T) {
	t.Parallel()
	for name, now := range moments() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			comparePosts(t, now)
		})
	}
	t.Run("half an hour after a reel", func(t *testing.T) {
		t.Parallel()
		missing := comparePosts(t, firstPost(t, domain.Facebook, platforms.TypeReel).Add(30*time.Minute))
		require.Positive(t, missing[domain.MetricViews])
	})
	t.Run("while a story lives", func(t *testing.T) {
		t.Parallel()
		comparePosts(t, firstPost(t, domain.Instagram, platforms.TypeStory).Add(23*time.Hour))
	})
}

// firstPost is when the first post of a kind appears after the anchor.
func firstPost(t *testing.T, p domain.Platform, kind string) time.Time {
	t.Helper()
	posts, _ := world().PostsAt(anchor.Add(60 * 24 * time.Hour))
	at := slices.IndexFunc(posts, func(r demo.Post) bool {
		return r.Platform == p && r.PostType == kind && r.PublishedAt.After(anchor)
	})
	require.GreaterOrEqual(t, at, 0)
	return *posts[at].PublishedAt
}

// comparePosts reads every post live, as the collector does, and from the world; it returns how often
// a metric is missing. Stories are left out after 24 hours, when Instagram tells no more of them.
func comparePosts(t *testing.T, now time.Time) map[string]int {
	t.Helper()
	b := setup(t, world(), seed, now)
	registered, all := b.world.PostsAt(now)
	types := map[string]string{}
	for _, r := range registered {
		types[r.ExternalID] = r.PostType
	}
	missing := map[string]int{}
	for _, a := range b.fetched() {
		reads := slices.DeleteFunc(slices.Clone(all), func(r domain.PostRead) bool { return r.SocialAccount != a.ID })
		require.NotEmpty(t, reads)
		var posts []platforms.Post
		for _, r := range reads {
			posts = append(posts, platforms.Post{ID: r.ExternalID, Type: types[r.ExternalID]})
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
			require.Equal(t, live[i].Counts, r.Counts, "%s %s", a.Platform, types[r.ExternalID])
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

func TestMain(m *testing.M) { leaks.Main(m) }

const seed = 20261120

var anchor = time.Date(2026, 11, 20, 9, 41, 7, 0, time.UTC)

func world() *demo.World { return demo.New(demo.Config{Seed: seed, Anchor: anchor}) }

// configs are worlds that differ in what may matter: seed, length, the turns of the clock (Pacific
// summer time ends 2026-11-01, begins 2027-03-14), a change of year.
func configs() map[string]demo.Config {
	return map[string]demo.Config{
		"default":     {Seed: seed, Anchor: anchor},
		"midnight":    {Seed: 2, Anchor: time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC), Days: 14},
		"spring":      {Seed: 3, Anchor: time.Date(2027, 3, 15, 6, 59, 59, 999, time.UTC), Days: 14},
		"three days":  {Seed: 4, Anchor: anchor, Days: 3},
		"a year, 500": {Seed: 5, Anchor: anchor, Days: 14, Changes: 500, ChangeDays: 365},
		"not UTC":     {Seed: 6, Anchor: anchor.In(time.FixedZone("", 5*3600)), Days: 14},
	}
}

func each(t *testing.T, check func(t *testing.T, w *demo.World, cfg demo.Config)) {
	t.Helper()
	for name, cfg := range configs() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			check(t, demo.New(cfg), cfg)
		})
	}
}

// entities picks those of one type.
func entities[E domain.DirectoryEntity](w *demo.World) []E {
	var out []E
	for _, e := range w.Entities() {
		if one, ok := e.(E); ok {
			out = append(out, one)
		}
	}
	return out
}

func byID[E domain.DirectoryEntity](t *testing.T, w *demo.World) map[string]E {
	t.Helper()
	out := map[string]E{}
	for _, e := range entities[E](w) {
		require.NotContains(t, out, e.EntityID(), "%s is there twice", domain.EntityKind(e))
		out[e.EntityID()] = e
	}
	return out
}
