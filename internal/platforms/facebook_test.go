package platforms_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/simulator"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

func refused(about string) simulator.Traps {
	return simulator.Traps{Faults: []simulator.Fault{{Kind: simulator.Refused, About: about}}}
}

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

	snap = client.account(target(page), platforms.AccountRequest{Demographics: true})
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
		posts, pages := allPosts(t, b.client(t, domain.Facebook), target(addPage(b, simulator.Traps{Faults: []simulator.Fault{{Kind: simulator.TooLarge, Limit: most}}})))
		require.GreaterOrEqual(t, pages, 4)
		listedIDs := map[string]platforms.Post{}
		for _, p := range slices.Backward(posts) { // a video counts as listed first
			listedIDs[p.ID] = p
		}
		kinds := map[string]int{}
		for _, want := range b.sim.Posts(domain.Facebook, "1001", testNow) {
			got, ok := listedIDs[want.ID]
			require.True(t, ok, want.ID)
			require.Equal(t, want.Created, got.PublishedAt)
			require.Equal(t, want.Text, got.Content)
			require.Equal(t, "https://www.facebook.com"+map[simulator.Kind]string{
				simulator.KindPhoto: "/" + want.ID, simulator.KindVideo: "/1001/videos/" + want.VideoID + "/", simulator.KindReel: "/reel/" + want.ID + "/",
			}[want.Kind], got.Permalink)
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
func TestFacebookMissingVideoListDoesNotAffectOthers(t *testing.T) {
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
	requireKind(t, domain.StatusInvalid, client.postsErr(tgt, "videos:50:QVFJ"))
}

func TestFacebookVideoIsReadWithoutPost(t *testing.T) {
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
	require.Equal(t, map[string]domain.StatusCode{"reach": domain.StatusUnsupportedMetric}, reasons(video.Missing), "gone since 2026-06-15")
	// A new reel answers `data: []`: views and shares are unknown, and nothing is 0.
	require.Nil(t, fresh.Counts.Views)
	require.Nil(t, fresh.Counts.Shares)
	require.Nil(t, fresh.Counts.AvgWatch)
	require.NotNil(t, fresh.Counts.Likes)
	require.Equal(t, domain.StatusNoData, reasons(fresh.Missing)["views"])
}

// One retired name rejects the whole batch. The other metrics are kept, and the refusal is
// remembered.
func TestFacebookRetiredMetricKeepsOtherMetrics(t *testing.T) {
	t.Parallel()
	b := setup(t)
	page := addPage(b, simulator.Traps{RetiredMetrics: []string{"page_post_engagements"}})
	client := b.client(t, domain.Facebook)
	snap := client.account(target(page))
	require.Equal(t, map[string]domain.StatusCode{"engagement": domain.StatusUnsupportedMetric}, reasons(snap.Missing))
	require.True(t, hasFigure(snap, "views"))
	require.True(t, hasFigure(snap, "reach"))
	require.Len(t, b.ops(), 1+1+5, "the batch, then each metric")

	again := client.account(target(page))
	require.Equal(t, snap, again)
	require.Len(t, b.ops(), 2, "remembered")

	// The refusal expires, and the metric is found again.
	b.sim.SetTraps(domain.Facebook, page.ID, simulator.Traps{})
	b.Advance(25 * time.Hour)
	back := client.account(target(page))
	require.Empty(t, back.Missing)
	require.True(t, hasFigure(back, "engagement"))
}

// The limit that a page's lists do not exceed is found once, not at each listing.
func TestFacebookListLimitIsRemembered(t *testing.T) {
	t.Parallel()
	b := setup(t)
	page, client := addPage(b, simulator.Traps{Faults: []simulator.Fault{{Kind: simulator.TooLarge, Limit: 15}}}), b.client(t, domain.Facebook)
	_, pages := allPosts(t, client, target(page))
	require.Greater(t, len(b.ops()), pages)
	_, pages = allPosts(t, client, target(page))
	require.Len(t, b.ops(), pages)
}

// Without pages_read_user_content the summaries fail with #10. Shares and insights still work, and
// reactions replace likes.
func TestFacebookWithoutUserContentPermission(t *testing.T) {
	t.Parallel()
	b := setup(t)
	page := addPage(b, refused("pages_read_user_content"))
	client := b.client(t, domain.Facebook)
	list := client.posts(target(page), "")
	b.ops()
	for range 2 {
		snaps := client.metrics(target(page), list.Posts[:5])
		for _, s := range snaps {
			require.Nil(t, s.Err)
			require.Equal(t, map[string]domain.StatusCode{"comments": domain.StatusPermission}, reasons(s.Missing))
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

// batchAnswer returns an answer of the Batch API with these bodies.
func batchAnswer(bodies ...string) string {
	var entries []map[string]any
	for _, body := range bodies {
		entries = append(entries, map[string]any{"code": 200, "headers": []any{}, "body": body})
	}
	raw, _ := json.Marshal(entries) //nolint:errchkjson // texts and numbers
	return string(raw)
}

// batchURLs returns the URLs requested by a call of the Batch API.
func batchURLs(r *http.Request) (addresses []*url.URL) {
	var requests []struct {
		Method string `json:"method"`
		URL    string `json:"relative_url"`
	}
	_ = json.Unmarshal([]byte(r.FormValue("batch")), &requests)
	for _, request := range requests {
		address, _ := url.Parse(request.Method + "://x/" + request.URL)
		addresses = append(addresses, address)
	}
	return addresses
}

// The request: one POST, the token in the form, each post with the version and its own fields.
func TestFacebookBatchRequestFormat(t *testing.T) {
	t.Parallel()
	var calls atomic.Int64
	b := canned(t, func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		if r.Method != http.MethodPost || r.URL.String() != "/facebook/v26.0/" || r.FormValue("access_token") != "Tok3n" {
			w.WriteHeader(http.StatusTeapot)
			return
		}
		var nodes []string
		for _, address := range batchURLs(r) {
			if address.Scheme != "get" || !strings.HasPrefix(address.Path, "/v26.0/100_") ||
				!strings.HasPrefix(address.Query().Get("fields"), "id,shares,reactions.limit(0).summary(total_count)") {
				w.WriteHeader(http.StatusTeapot)
				return
			}
			nodes = append(nodes, fmt.Sprintf(`{"id":%q,"reactions":{"summary":{"total_count":4}}}`, strings.TrimPrefix(address.Path, "/v26.0/")))
		}
		_, _ = w.Write([]byte(batchAnswer(nodes...)))
	})
	snaps := b.client(t, domain.Facebook).metrics(platforms.Target{AccessToken: "Tok3n", ExternalID: "100"}, append(fifty(), platforms.Post{ID: "100_50"}, platforms.Post{ID: "100_51"}))
	require.Len(t, snaps, 52)
	for i, s := range snaps {
		require.Equal(t, fmt.Sprintf("100_%d", i), s.Post.ID)
		require.Equal(t, new(int64(4)), s.Counts.Likes)
	}
	require.Equal(t, int64(2), calls.Load(), "50 per call")
}

// A null entry was not answered in time: it is requested once more and does not affect other posts.
func TestFacebookNullEntryIsRetried(t *testing.T) {
	t.Parallel()
	b := setup(t)
	page := addPage(b, simulator.Traps{BatchTimeouts: 3})
	snaps := b.client(t, domain.Facebook).metrics(target(page), b.posts(domain.Facebook, page.ID, 9, simulator.KindReel))
	require.Len(t, snaps, 9)
	read := 0
	for _, s := range snaps {
		if s.Err == nil {
			read++
			require.NotNil(t, s.Counts.Views)
			continue
		}
		require.Equal(t, domain.StatusRetry, s.Err.Kind())
	}
	require.Equal(t, 8, read, "three of nine entries are null, and one of the three retries")
	require.Len(t, b.ops(), 2)
	require.Equal(t, int64(9+3), b.sim.Stats().Calls["facebook/node"], "each request counts")
}

// Each request of a batch counts as a call. If the quota covers fewer, the batch is shortened.
func TestFacebookBatchFitsQuota(t *testing.T) {
	t.Parallel()
	var requested []platforms.Call
	room := 20
	b := setup(t, func(_ *simulator.Config, c *platforms.Config) {
		c.Admit = func(_ context.Context, call platforms.Call) (int, func(platforms.CallStats), error) {
			requested = append(requested, call)
			if room == 0 {
				return 0, nil, platforms.Refuse(domain.StatusThrottled, platforms.CodeQuota, "no room", time.Hour)
			}
			may := min(call.Requests, room, 15)
			room -= may
			return may, func(platforms.CallStats) {}, nil
		}
	})
	page := addPage(b, simulator.Traps{})
	client := b.client(t, domain.Facebook)
	snaps, err := client.PostMetrics(t.Context(), target(page), b.posts(domain.Facebook, page.ID, 30, simulator.KindReel))
	require.True(t, platforms.Refused(err), "%v", err)
	require.True(t, platforms.Refused(client.postsErr(target(page), "")))
	require.Len(t, snaps, 20, "snapshots already read are kept")
	require.Equal(t, int64(20), b.sim.Stats().Calls["facebook/node"])
	require.Equal(t, []int{30, 15, 10}, []int{requested[0].Requests, requested[1].Requests, requested[2].Requests})
}

// Usage headers and throttling errors are inside a batch's answer; the gate must receive them.
func TestFacebookUsageInsideBatchReachesGate(t *testing.T) {
	t.Parallel()
	const usage = `{"name":"X-Business-Use-Case-Usage","value":"{\"100\":[{\"type\":\"pages\",\"call_count\":%d,\"total_cputime\":1,\"total_time\":1,\"estimated_time_to_regain_access\":%d}]}"}`
	b := canned(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintf(w, `[{"code":200,"headers":[`+usage+`],"body":"{\"id\":\"100_1\"}"},{"code":400,"headers":[`+usage+`],"body":"{\"error\":{\"code\":80001,\"message\":\"too many calls\"}}"},
			{"code":200,"headers":[`+usage+`],"body":"{\"id\":\"100_3\"}"}]`, 96, 0, 100, 12, 97, 0)
	})
	snaps, err := b.client(t, domain.Facebook).PostMetrics(t.Context(), platforms.Target{AccessToken: "Tok3n", ExternalID: "100"},
		[]platforms.Post{{ID: "100_1"}, {ID: "100_2"}, {ID: "100_3"}})
	e := requireKind(t, domain.StatusThrottled, err)
	require.Equal(t, 12*time.Minute, e.RetryAfter)
	require.Len(t, snaps, 2, "the other answers of the batch are kept")
	call := b.lastCall()
	require.Equal(t, domain.StatusThrottled, call.Reason)
	require.Equal(t, 12*time.Minute, call.RetryAfter)
	require.Equal(t, 3, call.Requests)
	require.Len(t, call.Usage, 1)
	require.Equal(t, 100, call.Usage[0].Percent)
}

// If the platform does not accept batches, posts are read one by one, and the refusal is
// remembered.
func TestFacebookReadsPostsSinglyIfBatchIsRefused(t *testing.T) {
	t.Parallel()
	b := canned(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			answer(w, http.StatusInternalServerError, `{"error":{"code":100,"message":"(#100) batch is deprecated"}}`)
			return
		}
		_, _ = fmt.Fprintf(w, `{"id":%q,"reactions":{"summary":{"total_count":4}}}`, r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:])
	})
	client, tgt := b.client(t, domain.Facebook), platforms.Target{AccessToken: "Tok3n", ExternalID: "100"}
	for _, calls := range []int{1 + 3, 3} {
		snaps := client.metrics(tgt, fifty()[:3])
		require.Len(t, snaps, 3)
		for _, s := range snaps {
			require.Equal(t, new(int64(4)), s.Counts.Likes)
		}
		require.Len(t, b.ops(), calls)
	}
	require.Contains(t, b.logs.String(), "posts are read one by one", "logged once")
	require.NotContains(t, b.logs.String(), "batch is deprecated", "logs do not contain the platform's message")
}

// An outage inside a batch with status 200 is a failure of the connection, as for a single read,
// and the breaker counts it.
func TestFacebookOutageInsideBatchFailsConnection(t *testing.T) {
	t.Parallel()
	const down = `{"code":500,"headers":[],"body":"{\"error\":{\"code\":2,\"message\":\"Service temporarily unavailable\"}}"}`
	const gone = `{"code":400,"headers":[],"body":"{\"error\":{\"code\":100,\"error_subcode\":33,\"message\":\"gone\"}}"}`
	for name, c := range map[string]struct {
		entry, last string
		outage      bool
	}{
		"code 2": {down, down, true}, "null twice": {"null", "null", true}, "both": {down, "null", true},
		"one is answered": {down, gone, false}, "one is read": {down, `{"code":200,"body":"{\"id\":\"100_49\"}"}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := canned(t, func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodGet { // a null entry that is requested again on its own
					answer(w, http.StatusInternalServerError, `{"error":{"code":2,"message":"Service temporarily unavailable"}}`)
					return
				}
				entries := make([]string, len(batchURLs(r)))
				for i := range entries {
					entries[i] = c.entry
				}
				entries[len(entries)-1] = c.last
				_, _ = fmt.Fprintf(w, "[%s]", strings.Join(entries, ","))
			})
			snaps, err := b.client(t, domain.Facebook).PostMetrics(t.Context(), platforms.Target{AccessToken: "Tok3n", ExternalID: "100"}, fifty())
			if !c.outage {
				require.NoError(t, err)
				require.Len(t, snaps, 50)
				require.Empty(t, b.lastCall().Reason)
				return
			}
			requireKind(t, domain.StatusRetry, err)
			require.Equal(t, platforms.AboutAccount, platforms.AboutOf(err), "not one post")
			for _, s := range snaps {
				requireKind(t, domain.StatusRetry, s.Err)
			}
			require.Equal(t, domain.StatusRetry, b.lastCall().Reason)
			require.NotEmpty(t, b.lastCall().Code)
		})
	}
}

// The metrics count as refused only if the platform refuses them. A null or a temporary failure
// while they are requested one by one is a temporary failure of the posts; throttling or an invalid
// token affects the connection.
func TestFacebookFailureWhileProbingIsNotMetricRefusal(t *testing.T) {
	t.Parallel()
	const (
		unknown = `{"code":400,"body":"{\"error\":{\"code\":100,\"message\":\"(#100) The value must be a valid insights metric\"}}"}`
		fine    = `{"code":200,"body":"{\"id\":\"100_1\"}"}`
	)
	failing := func(code int) string {
		return fmt.Sprintf(`{"code":400,"body":"{\"error\":{\"code\":%d,\"message\":\"x\"}}"}`, code)
	}
	for name, c := range map[string]struct {
		views, others string // answers to single-metric requests
		want          domain.StatusCode
	}{
		"nulls": {"null", "null", domain.StatusRetry}, "hiccups": {failing(2), fine, domain.StatusRetry},
		"throttled": {failing(4), "null", domain.StatusThrottled}, "dead": {failing(190), fine, domain.StatusRefused},
		"blocked": {failing(368), unknown, domain.StatusBlocked}, "refused": {unknown, fine, ""}, "refused, nulls": {unknown, "null", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := canned(t, func(w http.ResponseWriter, r *http.Request) {
				var entries []string
				for _, address := range batchURLs(r) {
					_, metrics, _ := strings.Cut(address.Query().Get("fields"), "insights.metric(")
					switch {
					case metrics == "post_media_view)":
						entries = append(entries, c.views)
					case !strings.Contains(metrics, ","):
						entries = append(entries, c.others)
					case strings.HasPrefix(metrics, "post_media_view,"):
						entries = append(entries, unknown)
					default:
						entries = append(entries, strings.ReplaceAll(fine, "100_1", address.Path[strings.LastIndex(address.Path, "/")+1:]))
					}
				}
				_, _ = fmt.Fprintf(w, "[%s]", strings.Join(entries, ","))
			})
			client, tgt := b.client(t, domain.Facebook), platforms.Target{AccessToken: "Tok3n", ExternalID: "100"}
			posts := []platforms.Post{{ID: "100_1"}, {ID: "100_2"}, {ID: "100_3"}}
			snaps, err := client.PostMetrics(t.Context(), tgt, posts)
			if c.want != "" {
				requireKind(t, c.want, err)
				for _, s := range snaps {
					requireKind(t, c.want, s.Err)
				}
				return
			}
			require.NoError(t, err)
			require.Len(t, snaps, 3)
			for _, s := range snaps {
				require.Nil(t, s.Err)
				require.Equal(t, domain.StatusUnsupportedMetric, reasons(s.Missing)["views"])
				require.Equal(t, domain.StatusNoData, reasons(s.Missing)["reach"], "not refused")
			}
			b.ops()
			require.Equal(t, snaps, client.metrics(tgt, posts))
			require.Len(t, b.ops(), 1, "remembered")
		})
	}
}

// forbidding serves a page with posts that refuse insights.
func forbidding(posts ...string) (http.HandlerFunc, *atomic.Int64) {
	calls := new(atomic.Int64)
	node := func(id, fields string) string {
		out := fmt.Sprintf(`{"id":%q,"shares":{"count":1}`, id)
		if strings.Contains(fields, "reactions") {
			out += `,"reactions":{"summary":{"total_count":4}},"comments":{"summary":{"total_count":3}}`
		}
		if strings.Contains(fields, "insights") {
			out += `,"insights":{"data":[{"name":"post_media_view","period":"lifetime","values":[{"value":9}]}]}`
		}
		return out + "}"
	}
	return func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		one := func(address *url.URL) string {
			id, fields := path.Base(address.Path), address.Query().Get("fields")
			if strings.Contains(fields, "insights") && slices.Contains(posts, id) {
				return `{"error":{"code":10,"message":"(#10) not permitted"}}`
			}
			return node(id, fields)
		}
		if r.Method == http.MethodGet {
			_, _ = w.Write([]byte(one(r.URL)))
			return
		}
		var all []string
		for _, address := range batchURLs(r) {
			all = append(all, one(address))
		}
		_, _ = w.Write([]byte(batchAnswer(all...)))
	}, calls
}

func fifty() (posts []platforms.Post) {
	for i := range 50 {
		posts = append(posts, platforms.Post{ID: fmt.Sprintf("100_%d", i)})
	}
	return posts
}

// A post that refuses insights affects only itself: neither the posts of its batch nor later ones.
func TestFacebookPostWithoutInsightsDoesNotAffectOthers(t *testing.T) {
	t.Parallel()
	handler, calls := forbidding("100_17")
	client := canned(t, handler).client(t, domain.Facebook)
	tgt := platforms.Target{AccessToken: "x", ExternalID: "100"}
	for _, posts := range [][]platforms.Post{{{ID: "100_17"}}, fifty(), {{ID: "100_17"}}, fifty()} {
		snaps := client.metrics(tgt, posts)
		require.Len(t, snaps, len(posts))
		for _, s := range snaps {
			require.Nil(t, s.Err)
			require.Equal(t, new(int64(4)), s.Counts.Likes, "the summaries are allowed")
			if s.Post.ID == "100_17" {
				require.Nil(t, s.Counts.Views)
				require.Equal(t, domain.StatusPermission, reasons(s.Missing)["views"])
				continue
			}
			require.Equal(t, new(int64(9)), s.Counts.Views, s.Post.ID)
		}
	}
	require.LessOrEqual(t, calls.Load(), int64(4*3), "not one by one")
}

// If all of several posts are refused a part, the token lacks it: it is not requested with the
// token for an hour.
func TestFacebookPartRefusedForTwoPostsIsSkippedForHour(t *testing.T) {
	t.Parallel()
	handler, calls := forbidding("100_1", "100_2", "100_3")
	client := canned(t, handler).client(t, domain.Facebook)
	tgt := platforms.Target{AccessToken: "x", ExternalID: "100"}
	read := func(calling int, posts ...platforms.Post) {
		t.Helper()
		calls.Store(0)
		snaps := client.metrics(tgt, posts)
		require.Equal(t, new(int64(4)), snaps[0].Counts.Likes)
		require.Equal(t, int64(calling), calls.Load())
	}
	one, two, three := platforms.Post{ID: "100_1"}, platforms.Post{ID: "100_2"}, platforms.Post{ID: "100_3"}
	read(3, one)
	read(3, two) // each may be forbidden on its own
	read(3, three)
	read(3, one, two)
	read(1, three)
	tgt.AccessToken = "of the next sign-in" // which may have the permission
	read(3, three)
}
