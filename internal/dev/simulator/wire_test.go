package simulator_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/dev/simulator"
)

// §6.2: what is asked for in the wrong way is empty, not an error; a range over 30 days is one.
func TestInstagramInsightsRules(t *testing.T) {
	t.Parallel()
	s := simulator.New(simulator.Config{Seed: 1, Clock: clockAt(testNow)})
	a := s.AddInstagram(simulator.Account{ID: "6", Posts: []simulator.Post{{ID: "1", Kind: simulator.KindStory, Created: testNow.Add(-time.Hour)}}})
	const insights = "/facebook/v26.0/6/insights?period=day&metric="
	for query, points := range map[string]int{
		"views": 0, "views&metric_type=total_value": 1, "follower_count&metric_type=total_value": 0, "follower_count": 1,
		"reach": 1, "reach&metric_type=total_value": 1, "likes,reach": 1,
	} {
		status, body := get(t, s, a.AccessToken, insights+query)
		require.Equal(t, http.StatusOK, status)
		require.Len(t, body["data"], points, query)
	}
	for _, path := range []string{
		insights + "reach&since=2026-10-01&until=2026-11-05", insights + "impressions", "/facebook/v26.0/6/insights?metric=reach",
		"/facebook/v26.0/1/insights?metric=views,saved",
	} {
		status, body := get(t, s, a.AccessToken, path)
		code, _ := errorOf(body)
		require.Equal(t, http.StatusBadRequest, status, path)
		require.InDelta(t, 100, code, 0, path)
	}
	// A token of Facebook login is none on Instagram's own host.
	_, body := get(t, s, a.AccessToken, "/instagram/v26.0/6?fields=id")
	code, _ := errorOf(body)
	require.InDelta(t, 190, code, 0)
}

// §6.4: versions, and both encodings of List().
func TestLinkedInRules(t *testing.T) {
	t.Parallel()
	s := simulator.New(simulator.Config{Seed: 1, Clock: clockAt(testNow)})
	a := s.AddCompanyPage(simulator.Account{ID: "7", Posts: []simulator.Post{
		{ID: "urn:li:share:1", Created: testNow.AddDate(0, 0, -4)},
		{ID: "urn:li:ugcPost:2", Created: testNow.AddDate(0, 0, -4)},
		{ID: "urn:li:share:3", Created: testNow}, // no activity yet
	}})
	ask := func(version, path string) (int, map[string]any) {
		return linkedInAs(t, s, version, a.AccessToken, path)
	}
	const size = "networkSizes/urn%3Ali%3Aorganization%3A7?edgeType="
	status, body := ask("", size+"COMPANY_FOLLOWED_BY_MEMBER")
	require.Equal(t, 400, status)
	require.Equal(t, "VERSION_MISSING", body["code"])
	status, _ = ask("202511", size+"COMPANY_FOLLOWED_BY_MEMBER")
	require.Equal(t, 426, status)
	for _, spelling := range []string{"COMPANY_FOLLOWED_BY_MEMBER", "CompanyFollowedByMember"} {
		status, body = ask("202608", size+spelling)
		require.Equal(t, 200, status)
		require.NotZero(t, body["firstDegreeSize"])
	}
	const shares = "organizationalEntityShareStatistics?q=organizationalEntity&organizationalEntity=urn%3Ali%3Aorganization%3A7&"
	for _, lists := range []string{
		"shares=List(urn%3Ali%3Ashare%3A1,urn%3Ali%3Ashare%3A3)&ugcPosts=List(urn%3Ali%3AugcPost%3A2)",
		"shares=List%28urn%253Ali%253Ashare%253A1%2Curn%253Ali%253Ashare%253A3%29&ugcPosts=List%28urn%3Ali%3AugcPost%3A2%29",
	} {
		_, body = ask("202608", shares+lists)
		require.Len(t, body["elements"], 2, "the quiet one is left out")
	}
	status, _ = ask("202608", shares+"shares=List(urn%3Ali%3Ashare%3A1)&timeIntervals=(timeRange:(start:1,end:2),timeGranularityType:DAY)")
	require.Equal(t, 400, status, "days and posts exclude each other")
	status, body = ask("202608", "organizationalEntityShareStatistics?q=organizationalEntity&organizationalEntity=urn%3Ali%3Aorganization%3A8")
	require.Equal(t, 403, status)
	require.Equal(t, "ACCESS_DENIED", body["code"])
}

// The limits are the platforms': a sliding window forgets, a refused call uses nothing up.
func TestSlidingWindow(t *testing.T) {
	t.Parallel()
	now := testNow
	s := simulator.New(simulator.Config{Seed: 1, Clock: func() time.Time { return now }, TikTokPerMinute: 3})
	a := s.AddTikTokUser(simulator.Account{ID: "9"})
	status := func() int {
		code, _ := get(t, s, a.AccessToken, "/tiktok/v2/user/info/?fields=open_id")
		return code
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

func linkedInAs(t *testing.T, s *simulator.Server, version, token, path string) (int, map[string]any) {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, "/linkedin/rest/"+path, nil)
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("X-Restli-Protocol-Version", "2.0.0")
	if version != "" {
		r.Header.Set("LinkedIn-Version", version)
	}
	return do(t, s, r)
}
