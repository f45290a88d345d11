package platforms_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

// An answer that names nobody is a hiccup; only another account's id means that the token is another's.
func TestAnswerThatNamesNobodyKillsNoConnection(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		platform domain.Platform
		body     string
		want     platforms.Class
	}{
		{domain.Facebook, `{}`, platforms.ClassRetry},
		{domain.Facebook, `null`, platforms.ClassRetry},
		{domain.Facebook, `{"id":null}`, platforms.ClassRetry},
		{domain.Facebook, `{"id":"999","followers_count":5}`, platforms.ClassReconnect},
		{domain.Instagram, `{}`, platforms.ClassRetry},
		{domain.Instagram, `{"id":null,"user_id":[]}`, platforms.ClassRetry},
		{domain.Instagram, `{"id":"999"}`, platforms.ClassReconnect},
		{domain.TikTok, `{"data":{},"error":{"code":"ok"}}`, platforms.ClassRetry},
		{domain.TikTok, `{"data":{"user":{"open_id":"999"}},"error":{"code":"ok"}}`, platforms.ClassReconnect},
	} {
		_, err := canned(t, always(http.StatusOK, tc.body)).client(t, tc.platform).
			Account(t.Context(), platforms.Target{AccessToken: "x", ExternalID: "100"}, platforms.AccountRequest{})
		require.Equal(t, tc.want, platforms.ClassOf(err), "%s %s: %v", tc.platform, tc.body, err)
		require.Equal(t, tc.want == platforms.ClassReconnect, platforms.WrongAccount(err))
	}
}

// LinkedIn leaves posts without activity out of its answer, so that what is missing is 0, but only in an
// answer that is whole: anything odd in it leaves them unknown.
func TestLinkedInPostIsZeroOnlyInAWholeAnswer(t *testing.T) {
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
		`{"elements":[{"organizationalEntity":"urn:li:organizationBrand:9","share":"urn:li:share:71","totalShareStatistics":{"likeCount":30}}]}`:           nil,
		`{"elements":[{"organizationalEntity":"urn:li:organization:9","share":"urn:li:share:71","totalShareStatistics":null}]}`:                            nil,
		`{"elements":[{"organizationalEntity":"urn:li:organization:9","share":"urn:li:share:71","timeRange":"","totalShareStatistics":{"likeCount":30}}]}`: new(int64(30)),
	} {
		got, err := canned(t, always(http.StatusOK, body)).client(t, domain.LinkedIn).PostMetrics(t.Context(),
			platforms.Target{AccessToken: "x", ExternalID: "9", AccountType: domain.LinkedInCompanyPage}, []platforms.Post{{ID: "urn:li:share:71"}})
		require.NoError(t, err, body)
		require.Len(t, got, 1, body)
		require.Equal(t, want, got[0].Counts.Likes, body)
		if want == nil {
			require.Nil(t, got[0].Counts.Impressions, body)
			require.NotEmpty(t, got[0].Missing, "%s: there is a reason", body)
		}
	}
}

// A gateway's success around LinkedIn's error is an error.
func TestLinkedInErrorInsideOfASuccess(t *testing.T) {
	t.Parallel()
	_, err := canned(t, always(http.StatusOK, `{"status":401,"code":"EXPIRED_ACCESS_TOKEN","message":"expired"}`)).client(t, domain.LinkedIn).PostMetrics(t.Context(),
		platforms.Target{AccessToken: "x", ExternalID: "9", AccountType: domain.LinkedInCompanyPage}, []platforms.Post{{ID: "urn:li:share:71"}})
	require.Equal(t, platforms.ClassReconnect, platforms.ClassOf(err))
}

// Whose quota a 429 of LinkedIn's is, and until when.
func TestLinkedInThrottlesAreOfWhatTheySay(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]struct {
		scope platforms.Scope
		short bool
	}{
		`{"status":429,"message":"Resource level throttle APPLICATION DAY limit for calls to this resource is reached."}`: {platforms.ScopeOperation, false},
		`{"status":429,"message":"Resource level throttle MEMBER DAY limit for calls to this resource is reached."}`:      {platforms.ScopeAccount, false},
		`{"status":429,"message":"Application DAY limit is reached."}`:                                                    {platforms.ScopeApp, false},
		`<html>slow down</html>`: {platforms.ScopeApp, true},
	} {
		b := canned(t, always(http.StatusTooManyRequests, body))
		_, err := b.client(t, domain.LinkedIn).PostMetrics(t.Context(),
			platforms.Target{AccessToken: "x", ExternalID: "9", AccountType: domain.LinkedInCompanyPage}, []platforms.Post{{ID: "urn:li:share:71"}})
		seen := b.lastCall()
		require.Equal(t, platforms.ClassThrottled, platforms.ClassOf(err), body)
		require.Equal(t, want.scope, seen.Scope, body)
		require.Positive(t, seen.RetryAfter, body)
		if want.short {
			require.LessOrEqual(t, seen.RetryAfter, 5*time.Minute, "a proxy's word is not about the day's quota")
		}
	}
}

// A post that Facebook answers with nothing, or with another post, has no figures, least of all zeros.
func TestFacebookPostIsReadOnlyUnderItsOwnID(t *testing.T) {
	t.Parallel()
	for _, body := range []string{batchAnswer("null", "null"), batchAnswer("{}", `{"id":"999_9","shares":{"count":5}}`), "[null,null]"} {
		got, err := canned(t, always(http.StatusOK, body)).client(t, domain.Facebook).PostMetrics(t.Context(),
			platforms.Target{AccessToken: "x", ExternalID: "100"}, []platforms.Post{{ID: "100_1"}, {ID: "100_2"}})
		requireClass(t, platforms.ClassRetry, err)
		require.Empty(t, got, body)
	}
}

// Instagram's list of what it knows may be longer than the words that are kept of an error.
func TestLongListOfAllowedMetricsIsReadWhole(t *testing.T) {
	t.Parallel()
	known := "impressions, reach, replies, saved, video_views, plays, total_interactions, follows, profile_visits, profile_activity, navigation, " +
		"ig_reels_video_view_total_time, ig_reels_avg_watch_time, clips_replays_count, ig_reels_aggregated_all_plays_count, reels_skip_rate, " +
		"reposts, facebook_views, crossposted_views, likes, comments, views"
	var asked []string
	client := canned(t, refusingShares("metric[4] must be one of the following values: "+known, &asked)).client(t, domain.Instagram)
	for _, account := range []string{"1000", "1001", "1002", "1003"} { // after three accounts a refusal counts for all
		got := client.metrics(platforms.Target{AccessToken: "x", ExternalID: account}, []platforms.Post{{ID: "1", Type: "photo"}})
		require.Len(t, got, 1)
		require.Equal(t, new(int64(7)), got[0].Counts.Views, "views are known, and stay")
		require.Nil(t, got[0].Counts.Shares)
	}
}
