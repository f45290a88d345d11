package demo_test

import (
	"context"
	"strconv"
	"sync"
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

// live are the platforms' clients on a simulator that plays the world at one instant, as in a running demo.
type live struct {
	sim     *simulator.Server
	clients *platforms.Set
	tokens  map[string]string // access tokens by reference
	refs    map[int64]string  // of social accounts
}

func goOn(t *testing.T, w *demo.World, now time.Time) *live {
	t.Helper()
	clock := func() time.Time { return now }
	sim := simulator.New(simulator.Config{Seed: seed, Clock: clock})
	require.NoError(t, w.Register(sim))
	config := ledgertest.At(ledgertest.Serve(t, sim), "", "")
	config.Now = clock
	l := &live{sim: sim, clients: ledgertest.Clients(t, config), tokens: map[string]string{}, refs: map[int64]string{}}
	for _, s := range w.Secrets() {
		l.tokens[s.Ref] = s.AccessToken
	}
	connections := byID[domain.DirectoryConnection](t, w)
	for _, a := range entities[domain.DirectorySocialAccount](w) {
		l.refs[a.ID] = connections[strconv.FormatInt(a.ConnectionID, 10)].SecretRef
	}
	return l
}

// read reads an account, and the posts that the platform still has.
func (l *live) read(t *testing.T, a domain.DirectorySocialAccount, now time.Time) (
	snapshot platforms.AccountSnapshot, posts []platforms.PostSnapshot, err error,
) {
	t.Helper()
	client, err := l.clients.For(a.Platform)
	require.NoError(t, err)
	target := platforms.Target{AccessToken: l.tokens[l.refs[a.ID]], ExternalID: a.ExternalID, AccountType: a.AccountType}
	if snapshot, err = client.Account(t.Context(), target, platforms.AccountRequest{Demographics: true}); err != nil {
		return snapshot, nil, err
	}
	var known []platforms.Post
	for _, p := range l.sim.Posts(a.Platform, a.ExternalID, now) {
		if p.Kind != simulator.KindStory || now.Sub(p.Created) < 24*time.Hour {
			known = append(known, platforms.Post{ID: p.ID, Type: string(p.Kind), PublishedAt: p.Created})
		}
	}
	posts, err = client.PostMetrics(t.Context(), target, known)
	require.NoError(t, err)
	return snapshot, posts, nil
}

// What the running demo reads at the anchor is what its history ends with: one curve without a jump.
func TestLiveReadingsGoOnFromHistory(t *testing.T) {
	t.Parallel()
	l := goOn(t, world(), anchor)
	ends := map[string]domain.Data{} // by account, and by post
	for _, d := range drafts(t) {
		switch r := d.Data.(type) {
		case domain.AccountRead:
			if r.CapturedAt.Equal(anchor) {
				ends[strconv.FormatInt(r.SocialAccount, 10)] = r
			}
		case domain.PostRead:
			if r.CapturedAt.Equal(anchor) {
				ends[r.ExternalID] = r
			}
		}
	}
	compared := 0
	for _, a := range entities[domain.DirectorySocialAccount](world()) {
		want, reads := ends[strconv.FormatInt(a.ID, 10)].(domain.AccountRead)
		if !reads { // its subscription or token has ended
			continue
		}
		snapshot, posts, err := l.read(t, a, anchor)
		require.NoError(t, err)
		require.ElementsMatch(t, want.Figures, snapshot.Figures)
		require.ElementsMatch(t, want.Demographics, snapshot.Demographics)
		for _, p := range posts {
			want, reads := ends[p.Post.ID].(domain.PostRead)
			require.True(t, reads, p.Post.ID)
			require.Nil(t, p.Err)
			require.Equal(t, want.Counts, p.Counts)
			compared++
		}
	}
	require.Greater(t, compared, 100)
}

// Posts are read every 12 hours from their publication on, but during the outage of a platform.
func TestDemoHistoryReadsPostsEveryTwelveHours(t *testing.T) {
	t.Parallel()
	read := map[string]time.Time{} // the last reading of a post
	for _, d := range drafts(t) {
		r, is := d.Data.(domain.PostRead)
		if !is {
			continue
		}
		gap := 12 * time.Hour
		if r.Platform == domain.Instagram && r.CapturedAt.Equal(anchor.AddDate(0, 0, -14)) {
			gap = 84 * time.Hour // the first reading after the outage
		}
		if last, known := read[r.ExternalID]; known {
			require.Equal(t, gap, r.CapturedAt.Sub(last), "%s at %s", r.ExternalID, r.CapturedAt)
		} else {
			require.LessOrEqual(t, r.CapturedAt.Sub(*r.PublishedAt), gap, "%s at %s", r.ExternalID, r.CapturedAt)
		}
		read[r.ExternalID] = r.CapturedAt
	}
	require.Greater(t, len(read), 100)
}

// Every account is read every day, with all of its figures, but during the outage of a platform, and after
// the end of a token, which the history explains with the platform's own answer, and of a subscription.
func TestDemoHistoryHasReadingOfEveryDay(t *testing.T) {
	t.Parallel()
	connections, ends := byID[domain.DirectoryConnection](t, world()), map[string]time.Time{}
	for _, s := range entities[domain.DirectorySubscription](world()) {
		if ends[s.AccountID] = anchor.Add(time.Second); s.EndsAt != nil {
			ends[s.AccountID] = *s.EndsAt
		}
	}
	days := map[int64][]time.Time{}
	var lost []domain.ConnectionStateChanged
	for _, d := range drafts(t) {
		switch r := d.Data.(type) {
		case domain.AccountRead:
			require.Empty(t, r.Missing)
			days[r.SocialAccount] = append(days[r.SocialAccount], r.CapturedAt)
		case domain.PostRead:
			if len(r.Missing) > 0 { // a reel has no insights in its first hour
				require.Equal(t, domain.Facebook, r.Platform)
				require.Less(t, r.CapturedAt.Sub(*r.PublishedAt), time.Hour)
			}
		case domain.ConnectionStateChanged:
			lost = append(lost, r)
		}
	}
	require.Len(t, lost, 1)
	require.Equal(t, &domain.StatusReason{
		Code: domain.StatusRefused, Answer: &domain.PlatformAnswer{Call: "ig_user", Code: "190", Subcode: 463, Status: 400},
	}, lost[0].Reason())
	for _, a := range entities[domain.DirectorySocialAccount](world()) {
		end := ends[a.AccountID]
		if a.ConnectionID == lost[0].ConnectionID {
			end = *connections[strconv.FormatInt(a.ConnectionID, 10)].ExpiresAt
		}
		var want []time.Time
		for ago := demo.DefaultDays; ago >= 0; ago-- {
			out := a.Platform == domain.Instagram && ago >= 15 && ago <= 17
			if at := anchor.AddDate(0, 0, -ago); at.Before(end) && !out {
				want = append(want, at)
			}
		}
		require.Equal(t, want, days[a.ID], "%s %d", a.Platform, a.ID)
	}
}

// Two accounts show what an agency reads: one post that the platform never answers about, and a page with a
// new id.
func TestDemoShowsFailingPostAndChangedPageID(t *testing.T) {
	t.Parallel()
	now := anchor.Add(time.Hour)
	l := goOn(t, world(), now)
	wrong := map[string]int{}
	for _, a := range entities[domain.DirectorySocialAccount](world()) {
		_, posts, err := l.read(t, a, now)
		if err != nil {
			wrong[string(platforms.StatusCodeOf(err))]++
		}
		for _, s := range posts {
			if s.Err != nil {
				wrong[a.Platform.String()+" post "+string(s.Err.Kind())]++
			}
		}
	}
	require.Equal(t, map[string]int{
		string(domain.StatusMoved): 1, "instagram post retry": 1, string(domain.StatusRefused): 1, // the token that has ended
	}, wrong)
}

func TestMain(m *testing.M) { leaks.Main(m) }

const seed = 20261120

var anchor = time.Date(2026, 11, 20, 9, 41, 7, 0, time.UTC)

var world = sync.OnceValue(func() *demo.World { return demo.New(demo.Config{Seed: seed, Anchor: anchor}) })

// drafts are the events of the default world, which are made once.
func drafts(t *testing.T) []domain.Draft {
	t.Helper()
	drafts, err := made()
	require.NoError(t, err)
	return drafts
}

var made = sync.OnceValues(func() ([]domain.Draft, error) { return world().Drafts(context.Background()) })

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

func each(t *testing.T, check func(t *testing.T, drafts []domain.Draft, cfg demo.Config)) {
	t.Helper()
	for name, cfg := range configs() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if name == "default" {
				check(t, drafts(t), cfg)
				return
			}
			drafts, err := demo.New(cfg).Drafts(t.Context())
			require.NoError(t, err)
			check(t, drafts, cfg)
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
