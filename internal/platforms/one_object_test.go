package platforms_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

// An error belongs to what it is about: these tests let one object, one part of an account or one
// page of a list fail, and require everything else.

const alwaysFails = `{"error":{"message":"An unexpected error has occurred.","type":"OAuthException","is_transient":true,"code":2}}`

func accountOf(id string) platforms.Target {
	return platforms.Target{AccessToken: "Tok3n", ExternalID: id}
}

// nodeOf returns the path of a Graph call below the version.
func nodeOf(r *http.Request) string { return r.URL.Path[strings.LastIndex(r.URL.Path, "v26.0/")+6:] }

// batched answers each request of a batch, and single requests, with one.
func batched(one func(id, fields string) (int, string)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			code, body := one(nodeOf(r), r.URL.Query().Get("fields"))
			answer(w, code, body)
			return
		}
		var all []map[string]any
		for _, u := range batchURLs(r) {
			code, body := one(strings.TrimPrefix(u.Path, "/v26.0/"), u.Query().Get("fields"))
			all = append(all, map[string]any{"code": code, "headers": []any{}, "body": body})
		}
		raw, _ := json.Marshal(all)
		answer(w, http.StatusOK, string(raw))
	}
}

func withViews(all []platforms.PostSnapshot) (n int) {
	for _, s := range all {
		if s.Counts.Views != nil {
			n++
		}
	}
	return n
}

func postsOf(ids ...string) (posts []platforms.Post) {
	for _, id := range ids {
		posts = append(posts, platforms.Post{ID: id})
	}
	return posts
}

// manyPosts returns n posts whose IDs have a format such as "urn:li:share:%d".
func manyPosts(format string, n int) []platforms.Post {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprintf(format, 100+i)
	}
	return postsOf(ids...)
}

// failed returns the IDs of the posts that failed.
func failed(snaps []platforms.PostSnapshot) (ids []string) {
	for _, s := range snaps {
		if s.Err != nil {
			ids = append(ids, s.Post.ID)
		}
	}
	return ids
}

// One post that the platform always fails to answer is a failed post, whatever the platform and
// however many posts a call requests.
func TestPostThatAlwaysFailsDoesNotAffectOthers(t *testing.T) {
	t.Parallel()
	linkedInElements := func(list string) string {
		var all []string
		for urn := range strings.SplitSeq(list, ",") {
			all = append(all, `{"share":"`+urn+`","totalShareStatistics":{"impressionCount":5}}`)
		}
		return `{"elements":[` + strings.Join(all, ",") + `]}`
	}
	for name, tc := range map[string]struct {
		platform domain.Platform
		target   platforms.Target
		posts    []platforms.Post
		bad      string
		handler  func(bad string) http.HandlerFunc
		calls    int // at most
	}{
		"instagram": {domain.Instagram, accountOf("1"), manyPosts("%d", 8), "102", func(bad string) http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) {
				switch id, edge, _ := strings.Cut(nodeOf(r), "/"); {
				case id == bad && edge == "insights":
					answer(w, 500, alwaysFails)
				case edge == "":
					answer(w, 200, `{"id":"`+id+`","media_type":"IMAGE","media_product_type":"FEED","like_count":8,"comments_count":1}`)
				default:
					answer(w, 200, `{"data":[{"name":"views","period":"lifetime","values":[{"value":7}]}]}`)
				}
			}
		}, 16},
		"facebook, in a batch": {domain.Facebook, accountOf("1"), manyPosts("1_%d", 50), "1_120", func(bad string) http.HandlerFunc {
			return batched(func(id, _ string) (int, string) {
				if id == bad {
					return 500, alwaysFails
				}
				return 200, `{"id":"` + id + `"}`
			})
		}, 1},
		"facebook, the whole batch": {domain.Facebook, accountOf("1"), manyPosts("1_%d", 50), "1_120", func(bad string) http.HandlerFunc {
			ok := batched(func(id, _ string) (int, string) { return 200, `{"id":"` + id + `"}` })
			return func(w http.ResponseWriter, r *http.Request) {
				if strings.Contains(r.FormValue("batch")+r.URL.Path, bad) {
					answer(w, 500, alwaysFails)
					return
				}
				ok(w, r)
			}
		}, 20},
		"linkedin page": {domain.LinkedIn, companyPage("9"), manyPosts("urn:li:share:%d", 40), "urn:li:share:117", func(bad string) http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) {
				list := strings.TrimSuffix(strings.TrimPrefix(r.URL.Query().Get("shares"), "List("), ")")
				if strings.Contains(list, bad) {
					answer(w, http.StatusForbidden, `{"status":403,"code":"ACCESS_DENIED","message":"m"}`)
					return
				}
				answer(w, 200, linkedInElements(list))
			}
		}, 20},
		"linkedin profile": {domain.LinkedIn, platforms.Target{AccessToken: "Tok3n", ExternalID: "p", AccountType: domain.LinkedInProfile}, manyPosts("urn:li:share:%d", 6), "urn:li:share:101", func(bad string) http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) {
				if strings.Contains(r.URL.Query().Get("entity"), bad) {
					answer(w, 500, `{"status":500,"message":"m"}`)
					return
				}
				answer(w, 200, `{"elements":[{"count":5}]}`)
			}
		}, 5*7 + 2},
		"tiktok": {domain.TikTok, accountOf("u"), manyPosts("%d", 20), "103", func(bad string) http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) {
				var body struct {
					Filters struct {
						IDs []string `json:"video_ids"`
					} `json:"filters"`
				}
				_ = json.NewDecoder(r.Body).Decode(&body)
				if slices.Contains(body.Filters.IDs, bad) {
					answer(w, 500, `{"error":{"code":"internal_error","message":"m"}}`)
					return
				}
				var all []string
				for _, id := range body.Filters.IDs {
					all = append(all, `{"id":"`+id+`","view_count":5}`)
				}
				answer(w, 200, `{"data":{"videos":[`+strings.Join(all, ",")+`]},"error":{"code":"ok"}}`)
			}
		}, 15},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := canned(t, tc.handler(tc.bad))
			snaps := b.client(t, tc.platform).metrics(tc.target, tc.posts)
			require.Len(t, snaps, len(tc.posts))
			require.Equal(t, []string{tc.bad}, failed(snaps))
			require.LessOrEqual(t, len(b.ops()), tc.calls)
		})
	}
}

// If several posts fail and none is answered, the account or the platform fails. The caller learns
// which posts were tried.
func TestFailureOfAllPostsFailsAccountOrPlatform(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		platform domain.Platform
		target   platforms.Target
		posts    []platforms.Post
		calls    int
	}{
		{domain.Instagram, accountOf("1"), []platforms.Post{{ID: "1", Type: "photo"}, {ID: "2", Type: "photo"}, {ID: "3", Type: "photo"}, {ID: "4", Type: "photo"}}, 3},
		{domain.Facebook, accountOf("1"), manyPosts("1_%d", 50), 1 + 3},
		{domain.LinkedIn, companyPage("9"), manyPosts("urn:li:share:%d", 40), 1 + 3},
		{domain.TikTok, accountOf("u"), manyPosts("%d", 20), 1 + 3},
	} {
		b := canned(t, always(http.StatusInternalServerError, alwaysFails))
		snaps, err := b.client(t, tc.platform).PostMetrics(t.Context(), tc.target, tc.posts)
		requireKind(t, domain.StatusRetry, err)
		require.Equal(t, platforms.AboutAccount, platforms.AboutOf(err))
		require.Len(t, failed(snaps), 3, tc.platform)
		require.Len(t, b.ops(), tc.calls, tc.platform)
	}
}

// A node without insights says nothing about other posts, and nothing about other accounts.
func TestPostWithoutInsightsDoesNotAffectOthers(t *testing.T) {
	t.Parallel()
	c := canned(t, batched(func(id, fields string) (int, string) {
		if strings.Contains(id, "/") || strings.HasSuffix(id, "_13") && strings.Contains(fields, "insights") {
			return 400, `{"error":{"message":"(#100) Tried accessing nonexisting field (insights) on node type (Post)","code":100}}`
		}
		insights := ""
		if strings.Contains(fields, "insights") {
			insights = `,"insights":{"data":[{"name":"post_media_view","period":"lifetime","values":[{"value":900}]}]}`
		}
		return 200, `{"id":"` + id + `","shares":{"count":2}` + insights + `}`
	})).client(t, domain.Facebook)
	for _, page := range []string{"1", "2", "3"} { // three pages with one such post each
		snaps := c.metrics(accountOf(page), postsOf(page+"_11", page+"_13"))
		require.Equal(t, 1, withViews(snaps))
		require.Equal(t, new(int64(2)), byID(snaps)[page+"_13"].Counts.Shares, "it lacks only insights")
	}
	require.Equal(t, 2, withViews(c.metrics(accountOf("1"), postsOf("1_11", "1_12"))))
	require.Equal(t, 2, withViews(c.metrics(accountOf("4"), postsOf("4_11", "4_12"))))
}

// A photo that is registered under its own ID has no video insights. This costs other accounts no
// call.
func TestFacebookPhotoRegisteredByOwnID(t *testing.T) {
	t.Parallel()
	b := canned(t, batched(func(id, fields string) (int, string) {
		if strings.HasPrefix(id, "813") && (strings.Contains(id, "/") || strings.Contains(fields, "video_insights")) {
			return 400, `{"error":{"message":"(#100) Tried accessing nonexisting field (video_insights) on node type (Photo)","code":100}}`
		}
		insights := ""
		if strings.Contains(fields, "video_insights") {
			insights = `,"video_insights":{"data":[{"name":"total_video_views","period":"lifetime","values":[{"value":900}]}]}`
		}
		return 200, `{"id":"` + id + `","likes":{"summary":{"total_count":14}}` + insights + `}`
	}))
	c := b.client(t, domain.Facebook)
	for _, page := range []string{"1", "2", "3"} {
		snaps := c.metrics(accountOf(page), postsOf("812", "813"))
		require.Equal(t, new(int64(14)), byID(snaps)["813"].Counts.Likes)
		require.Equal(t, 1, withViews(snaps))
	}
	b.ops()
	require.Equal(t, 3, withViews(c.metrics(accountOf("4"), postsOf("811", "812", "814"))))
	require.Len(t, b.ops(), 1)
}

// A field that a node does not have is left out for that node alone, and is not 0.
func TestMissingFieldOfOnePostIsNotZero(t *testing.T) {
	t.Parallel()
	c := canned(t, batched(func(id, fields string) (int, string) {
		if id == "1_12" && strings.Contains(fields, "shares") {
			return 400, `{"error":{"message":"(#100) Tried accessing nonexisting field (shares) on node type (Story)","code":100}}`
		}
		return 200, `{"id":"` + id + `","insights":{"data":[{"name":"post_media_view","period":"lifetime","values":[{"value":900}]}]}}`
	})).client(t, domain.Facebook)
	snaps := byID(c.metrics(accountOf("1"), postsOf("1_11", "1_12")))
	require.Equal(t, new(int64(900)), snaps["1_12"].Counts.Views)
	require.Nil(t, snaps["1_12"].Counts.Shares)
	require.Equal(t, new(int64(0)), snaps["1_11"].Counts.Shares)
}

// A retired metric is found by the code, whatever the words are. It must be refused for two posts
// of the account before it is no longer requested.
func TestRetiredPostMetricIsFoundByCode(t *testing.T) {
	t.Parallel()
	for _, words := range []string{"The value must be a valid insights metric", "El valor debe ser una métrica válida"} {
		b := canned(t, batched(func(id, fields string) (int, string) {
			if strings.Contains(fields, "post_clicks") {
				return 400, `{"error":{"message":"(#100) ` + words + `","type":"OAuthException","code":100}}`
			}
			return 200, `{"id":"` + id + `","insights":{"data":[{"name":"post_media_view","period":"lifetime","values":[{"value":900}]}]}}`
		}))
		c := b.client(t, domain.Facebook)
		require.Equal(t, 1, withViews(c.metrics(accountOf("1"), postsOf("1_1"))), words)
		b.ops()
		require.Equal(t, 2, withViews(c.metrics(accountOf("1"), postsOf("1_1", "1_2"))), words)
		require.Len(t, b.ops(), 3, "one post does not speak for others")
		require.Equal(t, 2, withViews(c.metrics(accountOf("1"), postsOf("1_1", "1_2"))), words)
		require.Len(t, b.ops(), 1, "remembered")
	}
}

// One refused metric of one Instagram post is not a metric that the account's posts lack.
func TestInstagramMetricRefusedForOneMediaStaysRequested(t *testing.T) {
	t.Parallel()
	var requested []string
	c := canned(t, func(w http.ResponseWriter, r *http.Request) {
		id, _, _ := strings.Cut(nodeOf(r), "/")
		metrics := r.URL.Query().Get("metric")
		if id == "11" && strings.Contains(metrics, "shares") {
			answer(w, 400, `{"error":{"message":"(#100) metric[4] must be one of the following values: views","code":100}}`)
			return
		}
		requested = append(requested, id+" "+metrics)
		answer(w, 200, `{"data":[{"name":"views","period":"lifetime","values":[{"value":7}]},{"name":"likes","period":"lifetime","values":[{"value":7}]},
			{"name":"comments","period":"lifetime","values":[{"value":7}]}]}`)
	}).client(t, domain.Instagram)
	posts := []platforms.Post{{ID: "11", Type: "photo"}, {ID: "12", Type: "photo"}}
	require.Equal(t, 2, withViews(c.metrics(accountOf("1"), posts)))
	require.Contains(t, requested, "12 views,reach,likes,comments,shares,saved")
}

// A part of an account that is refused does not affect the others, whichever it is.
func TestRefusedAccountPartDoesNotAffectOthers(t *testing.T) {
	t.Parallel()
	profile := platforms.Target{AccessToken: "Tok3n", ExternalID: "p1", AccountType: domain.LinkedInProfile}
	for _, tc := range []struct {
		platform domain.Platform
		target   platforms.Target
		part     string // of the address that is refused
		has      string
		missing  string
	}{
		{domain.LinkedIn, profile, "memberFollowersCount", "impressions", "followers"},
		{domain.LinkedIn, profile, "queryType=IMPRESSION", "likes", "impressions"},
		{domain.LinkedIn, companyPage("9"), "networkSizes", "impressions", "followers"},
		{domain.LinkedIn, companyPage("9"), "ShareStatistics", "followers", "impressions"},
		{domain.Facebook, accountOf("9"), "followers_count", "views", "followers"},
		{domain.Facebook, accountOf("9"), "/insights", "followers", "views"},
		{domain.Instagram, accountOf("9"), "followers_count", "views", "followers"},
		{domain.Instagram, accountOf("9"), "/insights", "followers", "views"},
	} {
		for _, status := range []int{http.StatusForbidden, http.StatusInternalServerError} {
			c := canned(t, func(w http.ResponseWriter, r *http.Request) {
				switch {
				case strings.Contains(r.URL.String(), tc.part) && tc.platform == domain.LinkedIn:
					answer(w, status, `{"status":`+strconv.Itoa(status)+`,"serviceErrorCode":100,"message":"m"}`)
				case strings.Contains(r.URL.String(), tc.part):
					answer(w, status, `{"error":{"code":`+map[int]string{403: "10", 500: "2"}[status]+`,"message":"m"}}`)
				case tc.platform == domain.LinkedIn:
					answer(w, 200, `{"firstDegreeSize":41,"elements":[{"count":42,"memberFollowersCount":41,"organizationalEntity":"urn:li:organization:9",
						"dateRange":{"start":{"year":2026,"month":11,"day":18}},"totalShareStatistics":{"impressionCount":50}},{"memberFollowersCount":41}]}`)
				default:
					answer(w, 200, `{"id":"9","followers_count":41,"media_count":2,"data":[{"name":"page_media_view","period":"day","values":[{"value":5,"end_time":"2026-11-18T08:00:00+0000"}]},
						{"name":"views","period":"day","total_value":{"value":5}}]}`)
				}
			}).client(t, tc.platform)
			snap, err := c.Account(t.Context(), tc.target, platforms.AccountRequest{})
			require.NoError(t, err, tc.part)
			require.True(t, hasFigure(snap, tc.has), "%s: %v", tc.part, snap)
			want := map[int]domain.StatusCode{403: domain.StatusPermission, 500: domain.StatusRetry}[status]
			require.Equal(t, want, reasons(snap.Missing)[tc.missing], tc.part)
		}
	}
}

// One day that always fails does not hide the other days.
func TestFailingDayDoesNotAffectOtherDays(t *testing.T) {
	t.Parallel()
	var bad string
	c := canned(t, func(w http.ResponseWriter, r *http.Request) {
		if q := r.URL.Query(); strings.Contains(q.Get("metric"), "views") && q.Get("since") == bad {
			answer(w, 500, alwaysFails)
			return
		}
		answer(w, 200, `{"id":"9","followers_count":41,"media_count":2,"data":[{"name":"views","period":"day","total_value":{"value":5}}]}`)
	}).client(t, domain.Instagram)
	bad = strconv.FormatInt(time.Date(2026, 11, 17, 8, 0, 0, 0, time.UTC).Unix(), 10)
	snap := c.account(accountOf("9"), platforms.AccountRequest{Since: testNow.AddDate(0, 0, -5)})
	var days []string
	for _, f := range snap.Figures {
		if f.Name == "views" {
			days = append(days, f.Day)
		}
	}
	require.ElementsMatch(t, []string{"2026-11-14", "2026-11-15", "2026-11-16", "2026-11-18", "2026-11-19"}, days)
	require.Equal(t, domain.StatusRetry, snap.Incomplete.Kind())
}

// Pages of LinkedIn's list come short in the middle, with and without a `next` link.
func TestLinkedInShortPagesDoNotEndListing(t *testing.T) {
	t.Parallel()
	for _, linked := range []bool{true, false} {
		c := canned(t, func(w http.ResponseWriter, r *http.Request) { // four of the first hundred are withheld
			start, _ := strconv.Atoi(r.URL.Query().Get("start"))
			var all []string
			for n := max(start, 4); n < min(start+100, 230); n++ {
				all = append(all, fmt.Sprintf(`{"id":"urn:li:share:%d","publishedAt":1795000000000,"lifecycleState":"PUBLISHED"}`, 7000+n))
			}
			next := ""
			if linked && start+100 < 230 {
				next = fmt.Sprintf(`{"rel":"next","href":"/rest/posts?start=%d"}`, start+100)
			}
			answer(w, 200, fmt.Sprintf(`{"paging":{"start":%d,"count":100,"links":[%s]},"elements":[%s]}`, start, next, strings.Join(all, ",")))
		}).client(t, domain.LinkedIn)
		posts, _ := allPosts(t, c, companyPage("9"))
		require.Len(t, posts, 226)
	}
}

// A list that may be too large is requested in halves, whatever the code and the words are. A
// section that still fails does not hide the next one.
func TestTooLargeListIsRequestedInHalves(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		`{"error":{"code":1,"message":"Please reduce the amount of data you're asking for, then retry your request"}}`,
		`{"error":{"code":1,"error_subcode":99,"message":"An unknown error occurred"}}`, `{"error":{"code":1,"message":"m"}}`,
		`{"error":{"code":2,"error_subcode":1504018,"message":"m"}}`, `{"error":{"code":960,"message":"m"}}`,
	} {
		c := canned(t, func(w http.ResponseWriter, r *http.Request) {
			if limit, _ := strconv.Atoi(r.URL.Query().Get("limit")); limit > 10 {
				answer(w, 500, body)
				return
			}
			answer(w, 200, `{"data":[{"id":"1_1"}]}`)
		}).client(t, domain.Facebook)
		posts, _ := allPosts(t, c, accountOf("1"))
		require.Equal(t, "1_1", posts[0].ID, body)
	}
	page, err := canned(t, always(500, alwaysFails)).client(t, domain.Facebook).Posts(t.Context(), accountOf("1"), "")
	requireKind(t, domain.StatusRetry, err)
	require.Equal(t, "video_reels:50:", page.Skip)
}

// Meta changes the figures of a day for two days after its end. The days that became final since
// the last time are requested once more.
func TestFinalDaysAreRequestedAgain(t *testing.T) {
	t.Parallel()
	viewDays := func(p domain.Platform, since time.Time) (days []string, calls int) {
		b := canned(t, func(w http.ResponseWriter, r *http.Request) {
			start, _ := strconv.ParseInt(r.URL.Query().Get("since"), 10, 64)
			end := time.Unix(start, 0).AddDate(0, 0, 1).UTC().Format("2006-01-02T15:04:05-0700")
			if start == 0 { // Facebook's default range
				end = "2026-11-19T08:00:00+0000"
			}
			answer(w, 200, `{"id":"9","followers_count":41,"media_count":2,"data":[{"name":"page_media_view","period":"day","values":[{"value":5,"end_time":"`+end+`"}]},
				{"name":"page_total_media_view_unique","period":"week","values":[{"value":5,"end_time":"`+end+`"}]},{"name":"views","period":"day","total_value":{"value":5}}]}`)
		})
		snap := b.client(t, p).account(accountOf("9"), platforms.AccountRequest{SettledSince: since})
		for _, f := range snap.Figures {
			if f.Name == "views" {
				days = append(days, f.Day)
			}
			if f.Window == "week" {
				require.Equal(t, "2026-11-18", f.Day, "not the windows that end on an earlier day")
			}
		}
		slices.Sort(days)
		return days, len(b.ops())
	}
	for p, recent := range map[domain.Platform][]string{domain.Facebook: {"2026-11-18"}, domain.Instagram: {"2026-11-18", "2026-11-19"}} {
		_, usual := viewDays(p, time.Time{})
		days, calls := viewDays(p, testNow.AddDate(0, 0, -1)) // the 16th ended 52 hours ago
		require.Equal(t, append([]string{"2026-11-16"}, recent...), days)
		require.Equal(t, usual+1, calls, "one further call")
		days, _ = viewDays(p, testNow.Add(-time.Hour))
		require.Equal(t, recent, days, "it was requested before")
	}
	days, _ := viewDays(domain.Instagram, testNow.AddDate(0, -1, 0))
	require.Len(t, days, 7+2, "bounded")
}

// LinkedIn may treat a new token like the previous one for five minutes. A refusal in this time is
// temporary, and is not remembered.
func TestLinkedInRefusalOfNewTokenIsTemporary(t *testing.T) {
	t.Parallel()
	slow := true
	b := canned(t, func(w http.ResponseWriter, _ *http.Request) {
		if slow {
			answer(w, http.StatusForbidden, `{"status":403,"serviceErrorCode":100,"code":"ACCESS_DENIED","message":"no"}`)
			return
		}
		answer(w, 200, `{"elements":[{"count":42,"memberFollowersCount":41}]}`)
	})
	client := b.client(t, domain.LinkedIn)
	tgt := platforms.Target{AccessToken: "Tok3nNew", ExternalID: "p1", AccountType: domain.LinkedInProfile, SignedInAt: testNow.Add(-time.Minute)}
	e := requireKind(t, domain.StatusRetry, client.accountErr(tgt))
	require.Equal(t, 4*time.Minute, e.RetryAfter)
	require.Equal(t, domain.StatusNewToken, e.Reason, "no one is advised to report it")
	slow = false
	b.Advance(4 * time.Minute)
	assert.True(t, hasFigure(client.account(tgt), "reach"))
	slow = true
	b.Advance(time.Minute)
	requireKind(t, domain.StatusPermission, client.accountErr(tgt))
}

// A post of one photo names the photo, which is what publishing it returned. If the page may not read
// this, its posts are listed nevertheless.
func TestPostNamesItsPhoto(t *testing.T) {
	t.Parallel()
	for _, permitted := range []bool{true, false} {
		c := canned(t, func(w http.ResponseWriter, r *http.Request) {
			asks := strings.Contains(r.URL.Query().Get("fields"), "attachments{media_type,target{id}}")
			switch {
			case asks && !permitted:
				answer(w, 400, `{"error":{"code":10,"message":"m"}}`)
			case asks:
				answer(w, 200, `{"data":[{"id":"1_11","status_type":"added_photos","attachments":{"data":[{"media_type":"photo","target":{"id":"811"}}]}},
					{"id":"1_12","attachments":{"data":[{"media_type":"album","target":{"id":"900"}}]}},{"id":"1_13","attachments":[]}]}`)
			default:
				answer(w, 200, `{"data":[{"id":"1_11","status_type":"added_photos"},{"id":"1_12"},{"id":"1_13"}]}`)
			}
		}).client(t, domain.Facebook)
		page := c.posts(accountOf("1"), "posts:50:")
		require.Len(t, page.Posts, 3)
		same := map[bool]string{true: "811", false: ""}[permitted]
		require.Equal(t, platforms.Post{ID: "1_11", Type: platforms.TypePhoto, SameAs: same}, page.Posts[0])
		require.Empty(t, page.Posts[1].SameAs+page.Posts[2].SameAs)
	}
}
