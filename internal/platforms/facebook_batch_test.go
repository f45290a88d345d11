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
func TestFacebookBatchRequest(t *testing.T) {
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
		require.Equal(t, platforms.ClassRetry, s.Err.Class)
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
				return 0, nil, platforms.Refuse(platforms.ClassThrottled, platforms.CodeQuota, "no room", time.Hour)
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
func TestFacebookQuotaInsideBatch(t *testing.T) {
	t.Parallel()
	const usage = `{"name":"X-Business-Use-Case-Usage","value":"{\"100\":[{\"type\":\"pages\",\"call_count\":%d,\"total_cputime\":1,\"total_time\":1,\"estimated_time_to_regain_access\":%d}]}"}`
	b := canned(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintf(w, `[{"code":200,"headers":[`+usage+`],"body":"{\"id\":\"100_1\"}"},{"code":400,"headers":[`+usage+`],"body":"{\"error\":{\"code\":80001,\"message\":\"too many calls\"}}"},
			{"code":200,"headers":[`+usage+`],"body":"{\"id\":\"100_3\"}"}]`, 96, 0, 100, 12, 97, 0)
	})
	snaps, err := b.client(t, domain.Facebook).PostMetrics(t.Context(), platforms.Target{AccessToken: "Tok3n", ExternalID: "100"},
		[]platforms.Post{{ID: "100_1"}, {ID: "100_2"}, {ID: "100_3"}})
	e := requireClass(t, platforms.ClassThrottled, err)
	require.Equal(t, 12*time.Minute, e.RetryAfter)
	require.Len(t, snaps, 2, "the other answers of the batch are kept")
	call := b.lastCall()
	require.Equal(t, platforms.ClassThrottled, call.Class)
	require.Equal(t, 12*time.Minute, call.RetryAfter)
	require.Equal(t, 3, call.Requests)
	require.Len(t, call.Usage, 1)
	require.Equal(t, 100, call.Usage[0].Percent)
}

// If the platform does not accept batches, posts are read one by one, and the refusal is
// remembered.
func TestFacebookBatchesRefused(t *testing.T) {
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
func TestFacebookOutageInsideBatch(t *testing.T) {
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
				require.Empty(t, b.lastCall().Class)
				return
			}
			requireClass(t, platforms.ClassRetry, err)
			require.Empty(t, snaps)
			require.Equal(t, platforms.ClassRetry, b.lastCall().Class)
			require.NotEmpty(t, b.lastCall().Code)
		})
	}
}

// The metrics count as refused only if the platform refuses them. A null or a temporary failure
// while they are requested one by one is a temporary failure of the posts; throttling or an invalid
// token affects the connection.
func TestFacebookFailureWhileProbingMetrics(t *testing.T) {
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
		want          platforms.Class
	}{
		"nulls": {"null", "null", platforms.ClassRetry}, "hiccups": {failing(2), fine, platforms.ClassRetry},
		"throttled": {failing(4), "null", platforms.ClassThrottled}, "dead": {failing(190), fine, platforms.ClassReconnect},
		"blocked": {failing(368), unknown, platforms.ClassBlocked}, "refused": {unknown, fine, ""}, "refused, nulls": {unknown, "null", ""},
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
			posts := []platforms.Post{{ID: "100_1"}, {ID: "100_2"}}
			snaps, err := client.PostMetrics(t.Context(), tgt, posts)
			if c.want != "" {
				requireClass(t, c.want, err)
				require.Empty(t, snaps)
				return
			}
			require.NoError(t, err)
			require.Len(t, snaps, 2)
			for _, s := range snaps {
				require.Nil(t, s.Err)
				require.Equal(t, "unsupported", reasons(s.Missing)["views"])
				require.Equal(t, "empty", reasons(s.Missing)["reach"], "not refused")
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
func TestFacebookPostForbidsInsights(t *testing.T) {
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
				require.Equal(t, "permission", reasons(s.Missing)["views"])
				continue
			}
			require.Equal(t, new(int64(9)), s.Counts.Views, s.Post.ID)
		}
	}
	require.LessOrEqual(t, calls.Load(), int64(4*3), "not one by one")
}

// If two posts are refused a part separately, the token lacks it: it is not requested for an hour.
func TestFacebookPartRefusedForTwoPosts(t *testing.T) {
	t.Parallel()
	handler, calls := forbidding("100_1", "100_2", "100_3")
	client := canned(t, handler).client(t, domain.Facebook)
	tgt := platforms.Target{AccessToken: "x", ExternalID: "100"}
	for _, id := range []string{"100_1", "100_1", "100_2", "100_3"} {
		calls.Store(0)
		snaps := client.metrics(tgt, []platforms.Post{{ID: id}})
		require.Equal(t, new(int64(4)), snaps[0].Counts.Likes)
		if id == "100_3" {
			require.Equal(t, int64(1), calls.Load(), "remembered")
		} else {
			require.Equal(t, int64(3), calls.Load())
		}
	}
}
