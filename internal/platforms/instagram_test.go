package platforms_test

import (
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/simulator"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

func addInstagram(b *bundle, traps simulator.Traps) simulator.Account {
	return b.sim.AddInstagram(simulator.Account{ID: "17841", PostsFrom: testNow.AddDate(0, 0, -60), PostEvery: 12 * time.Hour, Traps: traps})
}

func TestInstagramRange(t *testing.T) {
	t.Parallel()
	b := setup(t)
	account := addInstagram(b, simulator.Traps{})
	client := b.client(t, domain.Instagram)
	since := time.Date(2026, 9, 30, 7, 0, 0, 0, time.UTC)
	snap := client.account(target(account), platforms.AccountRequest{Since: since, Until: time.Date(2026, 11, 10, 8, 0, 0, 0, time.UTC)})
	require.Len(t, b.ops(), 1+2+1+41, "reach in windows of 30 days, totals by day")
	for day := since; day.Format(time.DateOnly) < "2026-11-10"; day = day.AddDate(0, 0, 1) {
		label := day.Format(time.DateOnly)
		require.Equal(t, simulator.ViewsOn(seed, account.ID, label), figure(t, snap, "views", "", label).Value)
		require.Equal(t, simulator.ReachOn(seed, account.ID, label, 1), figure(t, snap, "reach", "day", label).Value)
	}
	requireClass(t, platforms.ClassInvalid, client.accountErr(target(account), platforms.AccountRequest{Since: testNow.AddDate(-1, 0, 0)}))
}

func TestInstagramDemographics(t *testing.T) {
	t.Parallel()
	b := setup(t)
	account := addInstagram(b, simulator.Traps{})
	snap := b.client(t, domain.Instagram).account(target(account), platforms.AccountRequest{Demographics: true})
	facets := map[string]int{}
	for _, d := range snap.Demographics {
		facets[d.Facet] = len(d.Values)
	}
	require.Equal(t, map[string]int{"age": 4, "gender": 3, "city": 2, "country": 2}, facets)
}

func TestInstagramMedia(t *testing.T) {
	t.Parallel()
	b := setup(t)
	account := addInstagram(b, simulator.Traps{})
	b.sim.AddPost(domain.Instagram, account.ID, simulator.Post{ID: "18001", Kind: simulator.KindStory, Created: testNow.Add(-time.Hour)})
	b.sim.AddPost(domain.Instagram, account.ID, simulator.Post{ID: "18002", Kind: simulator.KindStory, Created: testNow.Add(-25 * time.Hour)})
	client := b.client(t, domain.Instagram)
	posts, _ := allPosts(t, client, target(account))
	ids := byPostID(posts)
	require.True(t, ids["18001"])
	require.False(t, ids["18002"], "a story is listed for a day")
	kinds := map[string]int{}
	for _, p := range posts {
		kinds[p.Type]++
	}
	for _, kind := range []string{"photo", "carousel", "reel", "story"} {
		require.Positive(t, kinds[kind], kind)
	}

	created := map[string]time.Time{}
	for _, p := range b.sim.Posts(domain.Instagram, account.ID, testNow) {
		created[p.ID] = p.Created
	}
	posts = append(posts[:20], platforms.Post{ID: "18001"}, platforms.Post{ID: "404"})
	b.ops()
	snaps := client.metrics(target(account), posts)
	require.Len(t, b.ops(), 20+2+1, "a call each, one more for the type that was not known, one for the dead one")
	for _, s := range snaps[:21] {
		want := simulator.PostAt(seed, s.Post.ID, created[s.Post.ID], testNow)
		counts := domain.Counts{
			Likes: new(want.Likes), Comments: new(want.Comments), Shares: new(want.Shares), Views: new(want.Views),
			Impressions: new(want.Views), Reach: new(want.Reach), Saves: new(want.Saves),
		}
		switch s.Post.Type {
		case platforms.TypeStory:
			counts.Likes, counts.Comments, counts.Saves = nil, nil, nil
		case platforms.TypeReel:
			counts.AvgWatch = new(simulator.AvgWatchOf(seed, s.Post.ID))
		}
		require.Equal(t, counts, s.Counts)
		require.Empty(t, s.Missing)
	}
	require.Equal(t, platforms.TypeStory, snaps[20].Post.Type)
	require.Equal(t, platforms.ClassNotFound, snaps[21].Err.Class)
}

// §6.2: what has to be asked for in its own way is empty otherwise, and 30 days are the limit.
func TestInstagramRetiredMetricIsNamedByTheRefusal(t *testing.T) {
	t.Parallel()
	b := setup(t)
	account := addInstagram(b, simulator.Traps{RetiredMetrics: []string{"views"}})
	client := b.client(t, domain.Instagram)
	for _, calls := range []int{6, 5} {
		snap := client.account(target(account))
		require.Equal(t, map[string]string{"views": "unsupported", "impressions": "unsupported"}, reasons(snap.Missing))
		require.True(t, hasFigure(snap, "engagement"))
		require.Len(t, b.ops(), calls, "one call too many, once")
	}
}

func TestInstagramHiddenLikes(t *testing.T) {
	t.Parallel()
	b := setup(t)
	account := b.sim.AddInstagram(simulator.Account{
		ID: "17842", Posts: []simulator.Post{{ID: "1", Created: testNow.AddDate(0, 0, -3)}},
		Traps: simulator.Traps{HiddenLikes: true, NoReadInsights: true},
	})
	snaps := b.client(t, domain.Instagram).metrics(target(account), []platforms.Post{{ID: "1", Type: platforms.TypePhoto}})
	require.Nil(t, snaps[0].Counts.Likes, "hidden is not 0")
	require.NotNil(t, snaps[0].Counts.Comments, "from the object, where insights are empty")
	require.Equal(t, "empty", reasons(snaps[0].Missing)["likes"])
}

// #10 for too few viewers concerns the story, never the token; media from before the business account
// has likes and comments only.
func TestInstagramMediaWithoutInsights(t *testing.T) {
	t.Parallel()
	b := setup(t)
	posts := []simulator.Post{{ID: "1", Created: testNow.AddDate(0, 0, -3)}, {ID: "2", Kind: simulator.KindStory, Created: testNow.Add(-time.Hour)}}
	account := b.sim.AddInstagram(simulator.Account{ID: "17843", Posts: posts, Traps: simulator.Traps{FewViewers: true}})
	client := b.client(t, domain.Instagram)
	ask := []platforms.Post{{ID: "2", Type: platforms.TypeStory}, {ID: "1", Type: platforms.TypePhoto}}
	snaps := client.metrics(target(account), ask)
	require.Equal(t, platforms.ClassNoData, snaps[0].Err.Class)
	require.Nil(t, snaps[1].Err)

	b.sim.SetTraps(domain.Instagram, account.ID, simulator.Traps{BeforeBusiness: true})
	snaps = client.metrics(target(account), ask)
	require.Equal(t, platforms.ClassNoData, snaps[0].Err.Class)
	require.NotNil(t, snaps[1].Counts.Likes)
	require.Nil(t, snaps[1].Counts.Views)
	require.Equal(t, "empty", reasons(snaps[1].Missing)["views"])
}

func TestInstagramThrottleInTheMiddle(t *testing.T) {
	t.Parallel()
	b := setup(t, func(s *simulator.Config, _ *platforms.Config) { s.MetaPerDay = 2 })
	account := addInstagram(b, simulator.Traps{})
	client := b.client(t, domain.Instagram)
	snap := client.account(target(account))
	require.Equal(t, platforms.ClassThrottled, snap.Incomplete.Class)
	require.Equal(t, "80002", snap.Incomplete.Code)
	require.Len(t, b.ops(), 3, "no call after the refusal")
	require.True(t, hasFigure(snap, "followers"))
	require.Equal(t, "throttled", reasons(snap.Missing)["views"])
}

func TestInstagramRefresh(t *testing.T) {
	t.Parallel()
	b := setup(t)
	account := b.sim.AddInstagram(simulator.Account{ID: "17845", InstagramLogin: true})
	client := b.client(t, domain.Instagram)
	tokens := client.refresh(platforms.RefreshRequest{Target: target(account)})
	require.Equal(t, testNow.Add(60*24*time.Hour), tokens.ExpiresAt)
	require.Empty(t, tokens.RefreshToken)
	client.account(platforms.Target{AccessToken: tokens.AccessToken, ExternalID: "17845", InstagramLogin: true})

	// The token is in the address and in the platform's message; neither shows.
	requireClass(t, platforms.ClassReconnect, client.refreshErr(platforms.RefreshRequest{Target: platforms.Target{AccessToken: "Tok3nDead", InstagramLogin: true}}))
	requireClass(t, platforms.ClassReconnect, client.refreshErr(platforms.RefreshRequest{Target: platforms.Target{InstagramLogin: true}}))
	_, err := client.Refresh(t.Context(), platforms.RefreshRequest{Target: platforms.Target{AccessToken: "Tok3n"}})
	require.ErrorIs(t, err, platforms.ErrNoRefresh)
	require.ErrorIs(t, b.client(t, domain.Facebook).refreshErr(platforms.RefreshRequest{}), platforms.ErrNoRefresh)
}

// What Instagram says of a renewal is by its error object: neither a token beside it, nor the status, nor the older
// error words beside it count. A token that came with an error would replace one that may still live.
func TestInstagramRefreshErrorsComeFirst(t *testing.T) {
	t.Parallel()
	const token = `"access_token":"Tok3nNew","token_type":"bearer","expires_in":5184000`
	for _, c := range []struct {
		status int
		body   string
		want   platforms.Class
	}{
		{http.StatusOK, `{` + token + `,"error":{"message":"Session has expired","code":190}}`, platforms.ClassReconnect},
		{http.StatusOK, `{` + token + `,"error":{"message":"Try again later","code":2}}`, platforms.ClassRetry},
		{http.StatusInternalServerError, `{"error":{"message":"Session has expired","code":190}}`, platforms.ClassReconnect},
		{
			http.StatusBadRequest, `{"error_type":"server_error","error_message":"Try again later","error":{"code":190}}`,
			platforms.ClassReconnect,
		},
	} {
		client := canned(t, always(c.status, c.body)).client(t, domain.Instagram)
		tokens, err := client.Refresh(t.Context(), platforms.RefreshRequest{
			Target: platforms.Target{AccessToken: "Tok3n", ExternalID: "17845", InstagramLogin: true},
		})
		requireClass(t, c.want, err)
		require.Zero(t, tokens)
	}
}

func TestGoldenInstagram(t *testing.T) {
	t.Parallel()
	file := func(name string) []byte {
		raw, err := os.ReadFile("testdata/" + name + ".json")
		require.NoError(t, err)
		return raw
	}
	b := canned(t, func(w http.ResponseWriter, r *http.Request) {
		q, name := r.URL.Query(), "instagram_user"
		switch {
		case r.URL.Path == "/facebook/v26.0/178/media":
			name = "instagram_media"
		case r.URL.Path == "/facebook/v26.0/17900000000000001/insights":
			name = "instagram_reel_insights"
		case q.Get("metric") == "reach" && q.Get("metric_type") == "":
			name = "instagram_reach"
		case q.Get("metric") == "reach":
			name = "instagram_reach_total"
		case q.Has("metric"):
			name = "instagram_totals"
		}
		_, _ = w.Write(file(name))
	})
	client, at := b.client(t, domain.Instagram), platforms.Target{AccessToken: "Tok3n", ExternalID: "178"}
	snap := client.account(at, platforms.AccountRequest{Since: time.Date(2026, 11, 18, 9, 0, 0, 0, time.UTC), Until: time.Date(2026, 11, 19, 8, 0, 0, 0, time.UTC)})
	flow := func(name, source string, value int64) domain.Figure {
		return domain.Figure{Name: name, Kind: domain.DayFlow, Source: source, Day: "2026-11-18", Value: value}
	}
	reach := func(window, day string, value int64) domain.Figure {
		return domain.Figure{Name: "reach", Kind: domain.Rolling, Source: "reach", Window: window, Day: day, Value: value}
	}
	require.ElementsMatch(t, []domain.Figure{
		{Name: "followers", Kind: domain.Stock, Source: "followers_count", Value: 5120},
		{Name: "posts", Kind: domain.Stock, Source: "media_count", Value: 233},
		reach("day", "2026-11-18", 42), reach("days_28", "2026-11-18", 901),
		flow("views", "views", 321), flow("impressions", "views", 321), flow("engagement", "total_interactions", 40), flow("likes", "likes", 31),
	}, snap.Figures)
	require.Equal(t, map[string]string{"comments": "empty", "shares": "empty"}, reasons(snap.Missing))

	page := client.posts(at, "")
	require.Equal(t, platforms.PostsPage{Next: "stories:50:", Skip: "stories:50:", Posts: []platforms.Post{
		{
			ID: "17900000000000001", Type: "reel", Content: "Croissants", MediaURL: "https://cdn.example/a.jpg",
			Permalink: "https://www.instagram.com/reel/a", PublishedAt: time.Date(2026, 9, 28, 17, 5, 11, 0, time.UTC),
		},
		{ID: "17900000000000002", Type: "carousel", Permalink: "https://www.instagram.com/p/b", PublishedAt: time.Date(2026, 9, 27, 17, 5, 11, 0, time.UTC)},
	}}, page)
	snaps := client.metrics(at, page.Posts[:1])
	require.Equal(t, domain.Counts{
		Likes: new(int64(50)), Comments: new(int64(6)), Shares: new(int64(0)), Views: new(int64(1000)), Impressions: new(int64(1000)), Reach: new(int64(800)),
		Saves: new(int64(31)), AvgWatch: new(int64(8342)),
	}, snaps[0].Counts)
}

// refusingShares refuses a post's shares in these words; every other metric is 7.
func refusingShares(words string, asked *[]string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		metrics := r.URL.Query().Get("metric")
		*asked = append(*asked, metrics)
		if strings.Contains(metrics, "shares") {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = w.Write([]byte(`{"error":{"code":100,"message":"(#100) ` + words + `"}}`))
			return
		}
		var data []string
		for metric := range strings.SplitSeq(metrics, ",") {
			data = append(data, `{"name":"`+metric+`","period":"lifetime","values":[{"value":7}]}`)
		}
		_, _ = w.Write([]byte(`{"data":[` + strings.Join(data, ",") + `]}`))
	}
}

// Meta refuses single metrics in several sentences, and finds new ones. Whatever the sentence, code 100 costs the
// metric alone, and is remembered per kind of media once a second one meets with it.
func TestInstagramRefusalInAnyWords(t *testing.T) {
	t.Parallel()
	for _, words := range []string{
		"The Media Insights API does not support the shares metric for this media product type.",
		"shares is no longer supported for the queried media",
		"a sentence that nobody has seen before",
	} {
		var asked []string
		b := canned(t, refusingShares(words, &asked))
		client, at := b.client(t, domain.Instagram), platforms.Target{AccessToken: "Tok3n", ExternalID: "1"}
		for _, media := range []struct {
			id, kind string
			calls    int
		}{{"11", platforms.TypeReel, 1 + 7}, {"11", platforms.TypeReel, 1 + 7}, {"12", platforms.TypeReel, 1 + 7}, {"13", platforms.TypeReel, 1}, {"14", platforms.TypePhoto, 1 + 6}} {
			asked = nil
			snaps, err := client.PostMetrics(t.Context(), at, []platforms.Post{{ID: media.id, Type: media.kind}})
			require.NoError(t, err, words)
			require.Nil(t, snaps[0].Err, words)
			want := domain.Counts{
				Likes: new(int64(7)), Comments: new(int64(7)), Views: new(int64(7)), Impressions: new(int64(7)), Reach: new(int64(7)), Saves: new(int64(7)),
			}
			if media.kind == platforms.TypeReel {
				want.AvgWatch = new(int64(7))
			}
			require.Equal(t, want, snaps[0].Counts, words)
			require.Equal(t, map[string]string{"shares": "unsupported"}, reasons(snaps[0].Missing))
			require.Len(t, asked, media.calls, "%s %s: %s", media.kind, media.id, words)
		}
	}
}

// A request that is wrong as a whole is no metric's fault: nothing is remembered against them.
func TestInstagramWrongRequestIsNoMetricsFault(t *testing.T) {
	t.Parallel()
	wrong := true
	b := canned(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Query().Get("metric") == "":
			_, _ = w.Write([]byte(`{"id":"1","followers_count":3,"media_count":1}`))
		case wrong:
			w.WriteHeader(http.StatusBadRequest)
			_, _ = w.Write([]byte(`{"error":{"code":100,"message":"(#100) There cannot be more than 30 days between since and until"}}`))
		default:
			_, _ = w.Write([]byte(`{"data":[{"name":"views","period":"day","total_value":{"value":5}}]}`))
		}
	})
	client, at := b.client(t, domain.Instagram), platforms.Target{AccessToken: "Tok3n", ExternalID: "1"}
	snap := client.account(at)
	require.Equal(t, "error", reasons(snap.Missing)["views"])
	wrong = false
	snap = client.account(at)
	require.True(t, hasFigure(snap, "views"))
}

// Media that was made as an advertisement is a kind of its own, no photo: what it refuses is not held against photos.
func TestInstagramAdIsItsOwnType(t *testing.T) {
	t.Parallel()
	b := canned(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"data":[{"id":"1","media_type":"IMAGE","media_product_type":"AD"},{"id":"2","media_type":"VIDEO","media_product_type":"AD"},
			{"id":"3","media_type":"IMAGE","media_product_type":"FEED"}]}`))
	})
	page := b.client(t, domain.Instagram).posts(platforms.Target{AccessToken: "Tok3n", ExternalID: "9"}, "")
	require.Equal(t, []string{platforms.TypeAd, platforms.TypeAd, platforms.TypePhoto}, []string{page.Posts[0].Type, page.Posts[1].Type, page.Posts[2].Type})
}
