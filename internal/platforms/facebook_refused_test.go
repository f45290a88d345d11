package platforms_test

import (
	"fmt"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

// forbidding is a page some posts of which may not be asked for insights.
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
		for _, address := range batched(r) {
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

// One post that forbids its insights costs only itself: neither the posts of its batch nor later ones.
func TestFacebookPostThatForbidsInsightsCostsNoOther(t *testing.T) {
	t.Parallel()
	handler, calls := forbidding("100_17")
	client := canned(t, handler).client(t, domain.Facebook)
	at := platforms.Target{AccessToken: "x", ExternalID: "100"}
	for _, posts := range [][]platforms.Post{{{ID: "100_17"}}, fifty(), {{ID: "100_17"}}, fifty()} {
		snaps := client.metrics(at, posts)
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

// What two posts are refused each by itself is the token's lack: it is not asked for again for an hour.
func TestFacebookPartRefusedToTwoPostsIsRemembered(t *testing.T) {
	t.Parallel()
	handler, calls := forbidding("100_1", "100_2", "100_3")
	client := canned(t, handler).client(t, domain.Facebook)
	at := platforms.Target{AccessToken: "x", ExternalID: "100"}
	for _, id := range []string{"100_1", "100_1", "100_2", "100_3"} {
		calls.Store(0)
		snaps := client.metrics(at, []platforms.Post{{ID: id}})
		require.Equal(t, new(int64(4)), snaps[0].Counts.Likes)
		if id == "100_3" {
			require.Equal(t, int64(1), calls.Load(), "remembered")
		} else {
			require.Equal(t, int64(3), calls.Load())
		}
	}
}
