package platforms_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

// A number that nobody counts to is absent, and so is a time that nothing is of: the log would refuse the
// whole reading, or post, for it.
func TestNumbersBeyondAnyPlatformAreAbsent(t *testing.T) {
	t.Parallel()
	client := canned(t, always(http.StatusOK, `{"data":{"videos":[
		{"id":"1","like_count":1152921504606846977,"comment_count":1e18,"share_count":-1152921504606846977,"view_count":1000000000000000},
		{"id":"2","like_count":5}]},"error":{"code":"ok"}}`)).client(t, domain.TikTok)
	got := client.metrics(platforms.Target{AccessToken: "x", ExternalID: "u"}, []platforms.Post{{ID: "1"}, {ID: "2"}})
	counts := byID(got)["1"].Counts
	require.Nil(t, counts.Likes)
	require.Nil(t, counts.Comments)
	require.Nil(t, counts.Shares)
	require.Equal(t, int64(1e15), *counts.Views)
	require.Equal(t, int64(5), *byID(got)["2"].Counts.Likes)
}

func TestSumsBeyondAnyPlatformAreAbsent(t *testing.T) {
	t.Parallel()
	client := canned(t, always(http.StatusOK, `{"id":"100_1","shares":{"count":1},"insights":{"data":[
		{"name":"post_media_view","period":"lifetime","values":[{"value":{"0":900000000000000,"1":900000000000000}}]},
		{"name":"post_clicks","period":"lifetime","values":[{"value":{"0":4,"1":3}}]}]}}`)).client(t, domain.Facebook)
	got := client.metrics(platforms.Target{AccessToken: "x", ExternalID: "100"}, []platforms.Post{{ID: "100_1"}})
	require.Nil(t, got[0].Counts.Views)
	require.Equal(t, int64(7), *got[0].Counts.Clicks)
}

func TestTimesBeyondThisAgeAreAbsent(t *testing.T) {
	t.Parallel()
	client := canned(t, always(http.StatusOK, `{"data":[
		{"id":"100_1","created_time":"9999-12-31T23:59:59-0500"},{"id":"100_2","created_time":"2107-01-01T00:00:00+0000"},
		{"id":"100_3","created_time":"0000-01-01T00:00:00+0000"},{"id":"100_4","created_time":"1905-03-04T00:00:00+0000"}]}`)).client(t, domain.Facebook)
	page := client.posts(platforms.Target{AccessToken: "x", ExternalID: "100"}, "")
	for _, p := range page.Posts[:3] {
		require.True(t, p.PublishedAt.IsZero(), "%s", p.ID)
	}
	require.Equal(t, time.Date(1905, 3, 4, 0, 0, 0, 0, time.UTC), page.Posts[3].PublishedAt, "dated back by its page")
}
