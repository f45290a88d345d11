package platforms_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

// An answer without an account ID is a temporary failure. Only another account's ID means that the
// token belongs to another account.
func TestResponseWithoutAccountIDIsTemporaryFailure(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		platform domain.Platform
		body     string
		want     domain.StatusCode
	}{
		{domain.Facebook, `{}`, domain.StatusRetry},
		{domain.Facebook, `null`, domain.StatusRetry},
		{domain.Facebook, `{"id":null}`, domain.StatusRetry},
		{domain.Facebook, `{"id":"999","followers_count":5}`, domain.StatusRefused},
		{domain.Instagram, `{}`, domain.StatusRetry},
		{domain.Instagram, `{"id":null,"user_id":[]}`, domain.StatusRetry},
		{domain.Instagram, `{"id":"999"}`, domain.StatusRefused},
		{domain.TikTok, `{"data":{},"error":{"code":"ok"}}`, domain.StatusRetry},
		{domain.TikTok, `{"data":{"user":{"open_id":"999"}},"error":{"code":"ok"}}`, domain.StatusRefused},
	} {
		err := canned(t, always(http.StatusOK, tc.body)).client(t, tc.platform).accountErr(platforms.Target{AccessToken: "x", ExternalID: "100"})
		require.Equal(t, tc.want, platforms.KindOf(err), "%s %s: %v", tc.platform, tc.body, err)
		require.Equal(t, tc.want == domain.StatusRefused, platforms.WrongAccount(err))
	}
}

// LinkedIn omits posts without activity, so a missing post is 0, but only in a complete answer: any
// irregularity in it makes the post unknown.
func TestLinkedInZeroOnlyInCompleteAnswer(t *testing.T) {
	t.Parallel()
	const mine = `{"organizationalEntity":"urn:li:organization:9","share":"urn:li:share:72","totalShareStatistics":{"likeCount":3}}`
	zero := int64(0)
	for body, want := range map[string]*int64{
		`{"elements":[]}`:               &zero,
		`{"elements":[` + mine + `]}`:   &zero,
		`{}`:                            nil,
		`null`:                          nil,
		`{"elements":null}`:             nil,
		`{"elements":"oops"}`:           nil,
		`{"elements":[` + mine + `,7]}`: nil,
		`{"elements":[` + mine + `],"paging":{"total":2}}`:                nil,
		`{"elements":[],"paging":{"total":12}}`:                           nil,
		`{"elements":[],"paging":{"links":[{"rel":"next","href":"/x"}]}}`: nil,
		`{"elements":[{"share":"urn:li:share:71"}]}`:                      nil,
		`{"elements":[{"totalShareStatistics":{"likeCount":30}}]}`:        nil,
		`{"elements":[{"organizationalEntity":"urn:li:organization:10","share":"urn:li:share:71","totalShareStatistics":{"likeCount":30}}]}`:               nil,
		`{"elements":[{"organizationalEntity":"urn:li:organizationBrand:9","share":"urn:li:share:71","totalShareStatistics":{"likeCount":30}}]}`:           new(int64(30)),
		`{"elements":[{"organizationalEntity":"urn:li:organization:9","share":"urn:li:share:71","totalShareStatistics":null}]}`:                            nil,
		`{"elements":[{"organizationalEntity":"urn:li:organization:9","share":"urn:li:share:71","timeRange":"","totalShareStatistics":{"likeCount":30}}]}`: new(int64(30)),
	} {
		client := canned(t, always(http.StatusOK, body)).client(t, domain.LinkedIn)
		got := client.metrics(companyPage("9"), []platforms.Post{{ID: "urn:li:share:71", PublishedAt: testNow.Add(-time.Hour)}})
		require.Len(t, got, 1, body)
		require.Equal(t, want, got[0].Counts.Likes, body)
		if want == nil {
			require.Nil(t, got[0].Counts.Impressions, body)
			require.NotEmpty(t, got[0].Missing, "%s: the reason is recorded", body)
		}
	}
}

// The quota that a LinkedIn 429 belongs to, and when it ends.
func TestLinkedIn429NamesQuotaAndEnd(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]struct {
		scope domain.QuotaScope
		short bool
	}{
		`{"status":429,"message":"Resource level throttle APPLICATION DAY limit for calls to this resource is reached."}`: {domain.QuotaPerOperation, false},
		`{"status":429,"message":"Resource level throttle MEMBER DAY limit for calls to this resource is reached."}`:      {domain.QuotaPerAccount, false},
		`{"status":429,"message":"Application DAY limit is reached."}`:                                                    {domain.QuotaPerApp, false},
		`<html>slow down</html>`: {domain.QuotaPerApp, true},
	} {
		b := canned(t, always(http.StatusTooManyRequests, body))
		err := b.client(t, domain.LinkedIn).metricsErr(companyPage("9"), []platforms.Post{{ID: "urn:li:share:71"}})
		stats := b.lastCall()
		require.Equal(t, domain.StatusThrottled, platforms.KindOf(err), body)
		require.Equal(t, want.scope, stats.Scope, body)
		require.Positive(t, stats.RetryAfter, body)
		if want.short {
			require.LessOrEqual(t, stats.RetryAfter, 5*time.Minute, "a proxy's 429 is not about the daily quota")
		}
	}
}

// If Facebook answers with nothing or with another post, the post has no figures, and certainly no
// zeros.
func TestFacebookResponseForWrongPostHasNoFigures(t *testing.T) {
	t.Parallel()
	for _, body := range []string{batchAnswer("null", "null", "null"), batchAnswer("{}", `{"id":"999_9","shares":{"count":5}}`, "{}"), "[null,null,null]"} {
		got, err := canned(t, always(http.StatusOK, body)).client(t, domain.Facebook).PostMetrics(t.Context(),
			platforms.Target{AccessToken: "x", ExternalID: "100"}, []platforms.Post{{ID: "100_1"}, {ID: "100_2"}, {ID: "100_3"}})
		requireKind(t, domain.StatusRetry, err)
		for _, s := range got {
			requireKind(t, domain.StatusRetry, s.Err)
		}
	}
}

// Instagram's list of known metrics may be longer than the part of an error message that is kept.
func TestInstagramLongMetricListIsParsed(t *testing.T) {
	t.Parallel()
	known := "impressions, reach, replies, saved, video_views, plays, total_interactions, follows, profile_visits, profile_activity, navigation, " +
		"ig_reels_video_view_total_time, ig_reels_avg_watch_time, clips_replays_count, ig_reels_aggregated_all_plays_count, reels_skip_rate, " +
		"reposts, facebook_views, crossposted_views, likes, comments, views"
	var requested []string
	client := canned(t, refusingShares("metric[4] must be one of the following values: "+known, &requested)).client(t, domain.Instagram)
	for _, account := range []string{"1000", "1001", "1002", "1003"} { // another account's refusals do not count
		got := client.metrics(platforms.Target{AccessToken: "x", ExternalID: account}, []platforms.Post{{ID: "1", Type: "photo"}})
		require.Len(t, got, 1)
		require.Equal(t, new(int64(7)), got[0].Counts.Views, "views are still read")
		require.Nil(t, got[0].Counts.Shares)
	}
}

// Meta's errors are classified by code and subcode first, then by what was asked. Words decide only
// where Meta has no code.
func TestMetaErrorsAreClassifiedByCode(t *testing.T) {
	t.Parallel()
	type verdict struct {
		class   domain.StatusCode
		about   platforms.About
		problem domain.StatusCode
	}
	reconnect := verdict{domain.StatusRefused, platforms.AboutGrant, domain.StatusRefused}
	permission := verdict{domain.StatusPermission, platforms.AboutAccount, "permission"}
	throttled := verdict{domain.StatusThrottled, platforms.AboutAccount, "throttled"}
	retry := verdict{domain.StatusRetry, platforms.AboutAccount, "retry"}
	invalid := verdict{domain.StatusInvalid, platforms.AboutAccount, "invalid"}
	notFound := verdict{domain.StatusNotFound, platforms.AboutAccount, "not_found"}
	moved := verdict{domain.StatusNotFound, platforms.AboutAccount, domain.StatusMoved}
	noData := verdict{domain.StatusNoData, platforms.AboutAccount, "no_data"}
	unsupported := verdict{domain.StatusUnsupportedMetric, platforms.AboutAccount, "unsupported_metric"}
	twoFactor := verdict{domain.StatusPermission, platforms.AboutGrant, domain.StatusTwoFactor}
	for body, want := range map[string]verdict{
		`"message":"m","code":190,"error_subcode":463`: reconnect,
		`"message":"m","code":"190"`:                   reconnect,
		`"message":"m","code":102`:                     reconnect,
		`"message":"m","code":463`:                     reconnect, // a subcode of 190 that came as the code
		`"message":"(#190) The user must be an administrator of the page","code":190`: {domain.StatusRefused, platforms.AboutGrant, domain.StatusRoleLost},
		`"message":"m","code":415,"error_subcode":1404120`:                            twoFactor,
		`"message":"m","code":415,"error_subcode":2859009`:                            twoFactor,
		`"message":"Invalid appsecret_proof provided in the API argument","code":100`: {domain.StatusPermission, platforms.AboutGrant, domain.StatusOtherApp},

		`"message":"m","code":10`:  permission,
		`"message":"m","code":200`: permission,
		`"message":"m","code":299`: permission,
		`"message":"m","code":3`:   permission,
		`"message":"(#10) Not enough viewers for the media to show insights","code":10`: noData,
		`"message":"m","code":4,"error_subcode":2108006`:                                noData,

		`"message":"m","code":4`:                                                  {domain.StatusThrottled, platforms.AboutApp, "throttled"},
		`"message":"m","code":341`:                                                throttled,
		`"message":"m","code":80000`:                                              throttled,
		`"message":"m","code":80014`:                                              throttled,
		`"message":"m","code":80099`:                                              throttled,
		`"message":"m","code":1`:                                                  retry,
		`"message":"m","code":1,"error_subcode":99`:                               retry,
		`"message":"m","code":2`:                                                  retry,
		`"message":"m","code":999,"is_transient":true`:                            retry,
		`"message":"m","code":21`:                                                 moved,
		`"message":"m","code":100,"error_subcode":21`:                             moved,
		`"message":"m","code":100,"error_subcode":33`:                             notFound,
		`"message":"m","code":803`:                                                notFound,
		`"message":"Object does not exist","code":100`:                            notFound, // the account itself, without a subcode
		`"message":"m","code":100,"error_subcode":4242`:                           invalid,
		`"message":"(#100) The value must be a valid insights metric","code":100`: unsupported,
		`"message":"(#100) metric[0] must be one of the following values: reach, views","code":100`: unsupported,
		`"message":"(#100) Tried accessing nonexisting field (x)","code":100`:                       invalid,
		`"message":"m","code":3001,"error_subcode":1504028`:                                         invalid,
		`"message":"API access blocked.","code":200`:                                                {domain.StatusBlocked, platforms.AboutApp, domain.StatusAppBlocked},
		`"message":"(#200) Access to this data is temporarily disabled for non-active apps or apps that have not recently accessed this data due to changes we are making to the Facebook Platform.","code":200`: {
			domain.StatusBlocked, platforms.AboutApp, domain.StatusAppBlocked,
		},
		`"message":"m","code":368`: {domain.StatusBlocked, platforms.AboutAccount, "blocked"},
		`"message":"(#2635) You are calling a deprecated version","code":2635`:             {domain.StatusInvalid, platforms.AboutPlatform, domain.StatusVersion},
		`"message":"Unknown path components: /v26.0/1","code":2500`:                        {domain.StatusInvalid, platforms.AboutPlatform, domain.StatusVersion},
		`"message":"An active access token must be used to query information","code":2500`: {domain.StatusUnknown, platforms.AboutAccount, "unknown"},
		`"message":"(#12) deprecated for versions v26.0 and higher","code":12`:             {domain.StatusInvalid, platforms.AboutAccount, domain.StatusVersion},
		`"message":"m","code":9876`: {domain.StatusUnknown, platforms.AboutAccount, "unknown"},
	} {
		client := canned(t, always(http.StatusBadRequest, `{"error":{`+body+`}}`)).client(t, domain.Facebook)
		err := client.accountErr(platforms.Target{AccessToken: "Tok3n", ExternalID: "1"})
		got := verdict{platforms.KindOf(err), platforms.AboutOf(err), platforms.StatusCodeOf(err)}
		require.Equal(t, want, got, body)
	}
	for body, status := range map[string]int{
		// Since 2026-10-27 `GET /?ids=` is refused with code 100 and HTTP 500: an invalid request,
		// which must never count as an outage.
		`{"error":{"message":"(#100) deprecated","code":100,"is_transient":true}}`: http.StatusInternalServerError,
	} {
		client := canned(t, always(status, body)).client(t, domain.Facebook)
		requireKind(t, domain.StatusInvalid, client.accountErr(platforms.Target{AccessToken: "Tok3n", ExternalID: "1"}))
	}
	// A list that a version no longer has says nothing about the others.
	for _, code := range []string{"12", "2500"} {
		client := canned(t, always(http.StatusBadRequest, `{"error":{"message":"m","code":`+code+`}}`)).client(t, domain.Facebook)
		err := client.postsErr(platforms.Target{AccessToken: "Tok3n", ExternalID: "1"}, "posts:50:A")
		require.Equal(t, domain.StatusVersion, platforms.StatusCodeOf(err))
		require.Equal(t, platforms.AboutObject, platforms.AboutOf(err))
	}
	client := canned(t, always(http.StatusBadRequest, `{"error":"surprise"}`)).client(t, domain.Facebook)
	requireKind(t, domain.StatusRetry, client.accountErr(platforms.Target{AccessToken: "Tok3n", ExternalID: "1"}))
}

// A wait may be given in seconds or as a time of the server's clock.
func TestRetryAfterMayBeATime(t *testing.T) {
	t.Parallel()
	for p, body := range map[domain.Platform]string{
		domain.Facebook: `{"error":{"message":"m","code":4}}`,
		domain.LinkedIn: `{"status":429,"code":"TOO_MANY_REQUESTS","message":"m"}`,
		domain.TikTok:   `{"error":{"code":"rate_limit_exceeded","message":"m"}}`,
	} {
		for asked, want := range map[string]time.Duration{
			"1200": 20 * time.Minute, "Fri, 20 Nov 2026 12:20:00 GMT": 20 * time.Minute,
			"Friday, 20-Nov-26 12:20:00 GMT": 20 * time.Minute, "Sat, 20 Nov 2027 12:20:00 GMT": 24 * time.Hour,
		} {
			client := canned(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Date", "Fri, 20 Nov 2026 12:00:00 GMT")
				w.Header().Set("Retry-After", asked)
				answer(w, http.StatusTooManyRequests, body)
			}).client(t, p)
			err := client.accountErr(platforms.Target{AccessToken: "Tok3n", ExternalID: "1", AccountType: domain.LinkedInCompanyPage})
			require.Equal(t, want, platforms.RetryAfter(err), "%s %s", p, asked)
		}
	}
}

// A post that is refused is about that post. An expired version or an exhausted quota is not.
func TestErrorsAreAttributedToPostOrCall(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		status int
		body   string
		post   platforms.About
	}{
		{http.StatusForbidden, `{"status":403,"code":"ACCESS_DENIED","message":"m"}`, platforms.AboutObject},
		{http.StatusNotFound, `{"status":404,"message":"m"}`, platforms.AboutObject},
		{http.StatusInternalServerError, `{"status":500,"message":"m"}`, platforms.AboutObject},
		{http.StatusUpgradeRequired, `{"status":426,"code":"NONEXISTENT_VERSION","message":"m"}`, platforms.AboutPlatform},
		{http.StatusUnauthorized, `{"status":401,"code":"REVOKED_ACCESS_TOKEN","message":"m"}`, platforms.AboutGrant},
		{http.StatusTooManyRequests, `{"status":429,"message":"Application DAY limit is reached."}`, platforms.AboutApp},
	} {
		b := canned(t, always(tc.status, tc.body))
		client := b.client(t, domain.LinkedIn)
		snaps, err := client.PostMetrics(t.Context(), companyPage("9"), []platforms.Post{{ID: "urn:li:share:71"}})
		if tc.post == platforms.AboutObject && err == nil {
			err = snaps[0].Err
		}
		require.Equal(t, tc.post, platforms.AboutOf(err), tc.body)
	}
}

// One bad entry in a good batch answer affects that post only.
func TestBatchEntryErrorAffectsOnlyItsPost(t *testing.T) {
	t.Parallel()
	b := canned(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(batchAnswer(`{"error":{"code":100,"error_subcode":33,"message":"gone Tok3n"}}`,
			`{"id":"1_2","shares":{"count":"4"},"reactions":{"summary":{"total_count":"7"}},"comments":[],"insights":{"data":{}}}`, `[1]`,
			`{"error":{"code":"1","message":"An unknown error occurred"}}`)))
	})
	posts := []platforms.Post{{ID: "1_1"}, {ID: "1_2"}, {ID: "1_3"}, {ID: "1_4"}}
	snaps := b.client(t, domain.Facebook).metrics(platforms.Target{AccessToken: "Tok3n", ExternalID: "1"}, posts)
	require.Equal(t, domain.StatusNotFound, snaps[0].Err.Kind())
	require.NotContains(t, snaps[0].Err.Error(), "Tok3n")
	require.Nil(t, snaps[1].Err, "an invalid field affects only itself")
	require.Equal(t, new(int64(7)), snaps[1].Counts.Likes)
	require.Equal(t, new(int64(4)), snaps[1].Counts.Shares)
	require.Nil(t, snaps[1].Counts.Comments)
	require.Equal(t, domain.StatusRetry, snaps[3].Err.Kind())
	require.Equal(t, domain.StatusRetry, snaps[2].Err.Kind())
}

// An impossible number, sum or time is absent: the log would refuse the whole reading, or post.
func TestImpossibleValuesAreAbsent(t *testing.T) {
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

	client = canned(t, always(http.StatusOK, `{"id":"100_1","shares":{"count":1},"insights":{"data":[
		{"name":"post_media_view","period":"lifetime","values":[{"value":{"0":900000000000000,"1":900000000000000}}]},
		{"name":"post_clicks","period":"lifetime","values":[{"value":{"0":4,"1":3}}]}]}}`)).client(t, domain.Facebook)
	got = client.metrics(platforms.Target{AccessToken: "x", ExternalID: "100"}, []platforms.Post{{ID: "100_1"}})
	require.Nil(t, got[0].Counts.Views)
	require.Equal(t, int64(7), *got[0].Counts.Clicks)

	client = canned(t, always(http.StatusOK, `{"data":[
		{"id":"100_1","created_time":"9999-12-31T23:59:59-0500"},{"id":"100_2","created_time":"2107-01-01T00:00:00+0000"},
		{"id":"100_3","created_time":"0000-01-01T00:00:00+0000"},{"id":"100_4","created_time":"1905-03-04T00:00:00+0000"}]}`)).client(t, domain.Facebook)
	page := client.posts(platforms.Target{AccessToken: "x", ExternalID: "100"}, "")
	for _, p := range page.Posts[:3] {
		require.True(t, p.PublishedAt.IsZero(), "%s", p.ID)
	}
	require.Equal(t, time.Date(1905, 3, 4, 0, 0, 0, 0, time.UTC), page.Posts[3].PublishedAt, "backdated by its page")
}

// Nobody has -1 followers: the number is unknown, and would count as a loss of all of them. LinkedIn
// documents negative likes and clicks.
func TestNegativeNumbersAreUnknown(t *testing.T) {
	t.Parallel()
	at := platforms.Target{AccessToken: "x", ExternalID: "100"}
	client := canned(t, always(http.StatusOK, `{"data":{"user":{"open_id":"100","follower_count":-1,"likes_count":"-1","video_count":7}},
		"error":{"code":"ok"}}`)).client(t, domain.TikTok)
	snap := client.account(at)
	require.Equal(t, []domain.Figure{{Name: domain.MetricPosts, Kind: domain.Stock, Source: "video_count", Value: 7}}, snap.Figures)
	for _, name := range []string{domain.MetricFollowers, domain.MetricLikes, domain.MetricEngagement} {
		require.Contains(t, snap.Missing, domain.MissingFigure{Name: name, Code: domain.StatusNoData})
	}

	client = canned(t, always(http.StatusOK, `{"id":"100","followers_count":-1,"data":[
		{"name":"page_media_view","period":"day","values":[{"value":-5,"end_time":"2026-01-03T08:00:00+0000"}]},
		{"name":"page_total_media_view_unique","period":"day","values":[{"value":-1,"end_time":"2026-01-03T08:00:00+0000"}]},
		{"name":"page_actions_post_reactions_total","period":"day","values":[{"value":{"like":-2},"end_time":"2026-01-03T08:00:00+0000"}]}]}`)).
		client(t, domain.Facebook)
	snap = client.account(at)
	require.Len(t, snap.Figures, 1)
	require.Equal(t, int64(-2), snap.Figures[0].Value, "withdrawn reactions of a day")
	for _, name := range []string{domain.MetricFollowers, domain.MetricViews, domain.MetricImpressions, domain.MetricReach} {
		require.Contains(t, snap.Missing, domain.MissingFigure{Name: name, Code: domain.StatusNoData})
	}

	client = canned(t, always(http.StatusOK, `{"data":{"videos":[{"id":"1","like_count":-1,"view_count":3}]},"error":{"code":"ok"}}`)).
		client(t, domain.TikTok)
	post := client.metrics(at, []platforms.Post{{ID: "1"}})[0]
	require.Nil(t, post.Counts.Likes)
	require.Equal(t, int64(3), *post.Counts.Views)
	require.Contains(t, post.Missing, domain.MissingFigure{Name: domain.MetricLikes, Code: domain.StatusNoData})

	client = canned(t, always(http.StatusOK, `{"elements":[{"organizationalEntity":"urn:li:organization:9","share":"urn:li:share:71",
		"totalShareStatistics":{"likeCount":-3}}]}`)).client(t, domain.LinkedIn)
	require.Equal(t, int64(-3), *client.metrics(companyPage("9"), []platforms.Post{{ID: "urn:li:share:71"}})[0].Counts.Likes)
}
