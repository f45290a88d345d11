package simulator_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/leaks"
	"github.com/ledgerboard/ledgerboard/internal/dev/simulator"
)

func TestMain(m *testing.M) { leaks.Main(m) }

var testNow = time.Date(2026, 11, 19, 12, 0, 0, 0, time.UTC)

// The limits are the platforms': a sliding window forgets, a refused call uses nothing up.
func TestSlidingWindow(t *testing.T) {
	t.Parallel()
	now := testNow
	s := simulator.New(simulator.Config{Seed: 1, Clock: func() time.Time { return now }, TikTokPerMinute: 3})
	a := s.AddTikTokUser(simulator.Account{ID: "9"})
	status := func() int {
		w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/tiktok/v2/user/info/?fields=open_id", nil)
		r.Header.Set("Authorization", "Bearer "+a.AccessToken)
		s.ServeHTTP(w, r)
		return w.Code
	}
	for _, want := range []int{200, 200, 200, 429, 429} {
		require.Equal(t, want, status())
		now = now.Add(10 * time.Second)
	}
	now = now.Add(12 * time.Second) // the first is a minute old
	require.Equal(t, []int{200, 429}, []int{status(), status()})
	now = now.Add(100 * time.Hour)
	require.Equal(t, 200, status())
}

// A later listing has the posts of an earlier one and more; a range is the same however it is cut.
func TestPostsAreStable(t *testing.T) {
	t.Parallel()
	from := testNow.AddDate(0, 0, -90)
	for _, p := range domain.Platforms() {
		early := simulator.PostsOf(3, p, "9", 18*time.Hour, from, testNow)
		late := simulator.PostsOf(3, p, "9", 18*time.Hour, from, testNow.AddDate(0, 0, 5))
		require.Greater(t, len(late), len(early))
		require.Equal(t, early, late[:len(early)])
		require.InDelta(t, 120, len(early), 2)
		parts := append(simulator.PostsOf(3, p, "9", 18*time.Hour, from, from.AddDate(0, 0, 31)),
			simulator.PostsOf(3, p, "9", 18*time.Hour, from.AddDate(0, 0, 31), testNow)...)
		require.Equal(t, early, parts)
		ids := map[string]bool{}
		for _, post := range late {
			require.False(t, ids[post.ID], post.ID)
			ids[post.ID] = true
		}
	}
	require.Empty(t, simulator.PostsOf(3, domain.Facebook, "9", 0, from, testNow))
}

// FuzzServe: no request makes the server panic or answer nothing.
func FuzzServe(f *testing.F) {
	for _, seed := range []string{
		"/facebook/v26.0/5/insights?metric=page_media_view&since=1&until=2", "/facebook/v26.0/?ids=5_1,5_2&fields=insights.metric(post_clicks),shares",
		"/facebook/v26.0/?batch=%5B%7B%22method%22%3A%22GET%22%2C%22relative_url%22%3A%22v26.0%2F5_1%22%7D%5D",
		"/facebook/v26.0/5/posts?limit=3&after=YWZ0ZXI6NV8x", "/facebook/v26.0/6/insights?metric=reach&period=day", "/facebook/v26.0/6/media?limit=0",
		"/linkedin/rest/organizationalEntityShareStatistics?q=organizationalEntity&organizationalEntity=urn%3Ali%3Aorganization%3A7&shares=List(urn%3Ali%3Ashare%3A1)",
		"/linkedin/rest/organizationalEntityShareStatistics?organizationalEntity=urn:li:organization:7&shares=List%28urn%253Ali%253Ashare%253A1%29",
		"/linkedin/rest/memberCreatorPostAnalytics?q=me&queryType=IMPRESSION&aggregation=DAILY&dateRange=(start:(day:1,month:11,year:1),end:(day:8,month:11,year:2026))",
		"/linkedin/rest/memberCreatorPostAnalytics?q=entity&entity=(share:x)&queryType=REACTION", "/tiktok/v2/video/list/?fields=id", "/linkedin/rest/posts?q=author&author=urn:li:organization:7&start=-9&count=100",
		"/facebook/v26.0/dialog/oauth?client_id=1&redirect_uri=http%3A%2F%2Fa%2Fb&response_type=code&scope=read_insights&as=7001", "/facebook/settings/apps",
		"/tiktok/v2/auth/authorize/?client_key=1&redirect_uri=http%3A%2F%2F%25zz&response_type=code&scope=video.list&as=7001",
		"/facebook/v26.0/me/accounts?after=%25&limit=-1", "/linkedin/rest/organizationAcls?q=roleAssignee&start=-5&count=1000",
	} {
		f.Add(seed, `{"max_count":3,"cursor":1,"filters":{"video_ids":["1"]}}`)
	}
	s := simulator.New(simulator.Config{Seed: 1, Clock: func() time.Time { return testNow }})
	from := testNow.AddDate(0, 0, -9)
	account := func(id string) simulator.Account {
		return simulator.Account{ID: id, PostsFrom: from, PostEvery: 9 * time.Hour}
	}
	s.AddPeople(from)
	tokens := []string{
		s.AddPage(account("5")).AccessToken, s.AddInstagram(account("6")).AccessToken, s.AddCompanyPage(account("7")).AccessToken,
		s.AddLinkedInProfile(account("8")).AccessToken, s.AddTikTokUser(account("9")).AccessToken, "unknown",
	}
	f.Fuzz(func(t *testing.T, target, body string) {
		if _, err := url.ParseRequestURI(target); err != nil || !strings.HasPrefix(target, "/") || strings.ContainsAny(target, " \r\n\t") {
			t.Skip()
		}
		for _, token := range tokens {
			for _, method := range []string{"GET", "POST"} {
				r := httptest.NewRequest(method, target, strings.NewReader(body))
				r.Header.Set("Authorization", "Bearer "+token)
				r.Header.Set("LinkedIn-Version", "202608")
				r.Header.Set("X-Restli-Protocol-Version", "2.0.0")
				w := httptest.NewRecorder()
				s.ServeHTTP(w, r)
				require.NotZero(t, w.Code)
			}
		}
	})
}
