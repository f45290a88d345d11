package platforms_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/simulator"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

// Meta's throttling, §6.3: every code, with the minutes in the header, with HTTP 400 and 200.
func TestMetaThrottlingCodes(t *testing.T) {
	t.Parallel()
	for _, code := range []int{4, 17, 32, 613, 80001, 80002} {
		for _, status := range []int{400, 200} {
			for minutes, wait := range map[int]time.Duration{7: 7 * time.Minute, 0: 15 * time.Minute} {
				b := setup(t)
				page := addPage(b, simulator.Traps{Throttle: &simulator.Throttle{Code: code, Status: status, Minutes: minutes}, CodeAsText: status == 200})
				e := requireKind(t, domain.StatusThrottled, b.client(t, domain.Facebook).accountErr(target(page)))
				require.Equal(t, wait, e.RetryAfter)
				require.Equal(t, status, e.Status)
				if minutes > 0 {
					call := b.lastCall()
					require.Equal(t, []platforms.Usage{
						{Scope: "app", Percent: 28},
						{Scope: "business", ID: page.ID, Type: "pages", Percent: 100, Regain: wait},
					}, call.Usage)
					require.Equal(t, domain.StatusThrottled, call.Reason)
				}
			}
		}
	}
}

// The simulator's own limit: a reading that is interrupted keeps what it has, and makes no call
// after the refusal.
func TestMetaReadingKeepsPartsReadBeforeThrottling(t *testing.T) {
	t.Parallel()
	for name, code := range map[string]string{"facebook": "80001", "instagram": "80002"} {
		s := subjects()[name]
		b := setup(t, func(s *simulator.Config, _ *platforms.Config) { s.MetaPerDay = 1 })
		account, client := s.add(b, simulator.Traps{}), b.client(t, s.platform)
		snap := client.account(target(account))
		require.Len(t, b.ops(), 2)
		require.True(t, hasFigure(snap, "followers"))
		require.Equal(t, domain.StatusThrottled, reasons(snap.Missing)["views"])
		require.Equal(t, domain.StatusThrottled, snap.Incomplete.Kind())
		require.Equal(t, code, snap.Incomplete.Code)
		require.Equal(t, time.Hour, snap.Incomplete.RetryAfter)
		require.Equal(t, map[string]int64{name + "/insights": 1}, b.sim.Stats().Throttled)

		b.Advance(26 * time.Hour)
		client.posts(target(account), "") // the quota is available again after a day
	}
}

func TestFacebookErrorsOfInvalidTokensAndIDs(t *testing.T) {
	t.Parallel()
	b := setup(t)
	page := addPage(b, simulator.Traps{TokenError: 460})
	e := requireKind(t, domain.StatusRefused, b.client(t, domain.Facebook).accountErr(target(page)))
	require.Equal(t, []any{"190", 460}, []any{e.Code, e.Subcode})
	for _, token := range []string{"Tok3nThatNobodyKnows", "", "with\nnewline Tok3n"} {
		requireKind(t, domain.StatusRefused, b.client(t, domain.Facebook).accountErr(platforms.Target{AccessToken: token, ExternalID: page.ID}))
	}
	b.ops()

	client := b.client(t, domain.Facebook)
	for _, id := range []string{"", "..", "1/2", "me?x=1", strings.Repeat("1", 300)} {
		tgt := platforms.Target{AccessToken: "Tok3n", ExternalID: id}
		requireKind(t, domain.StatusInvalid, client.accountErr(tgt))
		requireKind(t, domain.StatusInvalid, client.postsErr(tgt, ""))
	}
	tgt := platforms.Target{AccessToken: "Tok3n", ExternalID: "1"}
	for _, cursor := range []string{"nonsense", "posts:0:", "posts:51:x", "likes:5:x", "posts:5:" + strings.Repeat("x", 3000)} {
		requireKind(t, domain.StatusInvalid, client.postsErr(tgt, cursor))
	}
	snaps := client.metrics(tgt, []platforms.Post{{ID: "../1"}})
	require.Equal(t, domain.StatusInvalid, snaps[0].Err.Kind())
	require.Empty(t, b.ops())
}

// Every client that reads ranges refuses an empty range before it makes a call. A range that begins
// now, exactly at the platform's midnight, is that day.
func TestEmptyRangeMakesNoCall(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, p := range []domain.Platform{domain.Facebook, domain.Instagram, domain.LinkedIn} {
		tgt := platforms.Target{AccessToken: "Tok3n", ExternalID: "1", AccountType: domain.LinkedInProfile}
		for _, req := range []platforms.AccountRequest{
			{Since: testNow.Add(time.Second)},
			{Until: testNow},
			{Since: testNow.AddDate(0, 0, -1), Until: testNow.AddDate(0, 0, -2)},
			{Since: testNow, Until: testNow},
		} {
			requireKind(t, domain.StatusInvalid, b.client(t, p).accountErr(tgt, req))
		}
	}
	require.Empty(t, b.ops())

	account, page := addInstagram(b, simulator.Traps{}), addPage(b, simulator.Traps{})
	b.Advance(20 * time.Hour) // midnight in California
	b.client(t, domain.Instagram).account(target(account), platforms.AccountRequest{Since: b.Now()})
	b.client(t, domain.Facebook).account(target(page), platforms.AccountRequest{Since: b.Now()})
}

// graph.instagram.com uses its own names for usage: read as 0%, nothing would be held back before
// the throttling. Invalid header values are ignored.
func TestMetaUsageHeaderParsing(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		platform      domain.Platform
		app, business string
		want          platforms.Usage
	}{
		{domain.Instagram, `{"call_volume":97,"cpu_time":12}`, "", platforms.Usage{Scope: "app", Percent: 97}},
		{domain.Facebook, `{"call_count":"31","total_time":-4,"total_cputime":1e99}`, `{"1":"nonsense"}`, platforms.Usage{Scope: "app", Percent: 31}},
	} {
		b := canned(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-App-Usage", c.app)
			w.Header().Set("X-Business-Use-Case-Usage", c.business)
			_, _ = w.Write([]byte(`{"id":"1","user_id":"1","followers_count":3,"media_count":1,"data":[]}`))
		})
		b.client(t, c.platform).account(platforms.Target{AccessToken: "Tok3n", ExternalID: "1", OwnLogin: true})
		require.Equal(t, []platforms.Usage{c.want}, b.lastCall().Usage)
	}
}

// Every call to Meta's hosts proves the app: the hex HMAC-SHA-256 of the token with the app's
// secret. The simulator refuses calls without a proof, like an app with "Require App Secret".
// Without a secret no proof is sent.
func TestEveryMetaCallHasAppSecretProof(t *testing.T) {
	t.Parallel()
	// echo -n Tok3n | openssl dgst -sha256 -hmac Secret0fTheApplication42
	const proof = "ff0081ce7f498a8b40d45c4333ff998d3e08644808efe9fd8e26adbb79015e9c"
	var proofs []string
	b := canned(t, func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("locale") != "en_US" {
			t.Errorf("%s requests no language", r.URL.Path)
		}
		proofs = append(proofs, r.FormValue("appsecret_proof"))
		_, _ = w.Write([]byte(`{"id":"1","user_id":"1","followers_count":1,"media_count":1,"access_token":"SimaccNew","expires_in":5000,"data":[]}`))
	})
	tgt := platforms.Target{AccessToken: "Tok3n", ExternalID: "1"}
	b.client(t, domain.Facebook).account(tgt)
	for _, s := range b.client(t, domain.Facebook).metrics(tgt, []platforms.Post{{ID: "1_1"}, {ID: "1_2"}}) {
		require.Error(t, s.Err, "neither an answer of the Batch API nor that of a post")
	}
	tgt.OwnLogin = true
	b.client(t, domain.Instagram).account(tgt)
	b.client(t, domain.Instagram).refresh(tgt, "")
	require.Len(t, proofs, 2+3+5+1)
	for i, got := range proofs {
		require.Equal(t, proof, got, i)
	}

	unproven := setup(t, func(_ *simulator.Config, c *platforms.Config) { c.Facebook.ClientSecret = "" })
	page := addPage(unproven, simulator.Traps{})
	require.Contains(t, requireKind(t, domain.StatusInvalid, unproven.client(t, domain.Facebook).accountErr(target(page))).PlatformMessage, "appsecret_proof")
}

// Meta answers with another version when the requested one has expired. This is logged once.
func TestOtherGraphVersionIsLogged(t *testing.T) {
	t.Parallel()
	b := canned(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("facebook-api-version", "v27.0")
		_, _ = w.Write([]byte(`{"id":"1","followers_count":1,"data":[]}`))
	})
	for range 2 {
		b.client(t, domain.Facebook).account(platforms.Target{AccessToken: "Tok3n", ExternalID: "1"})
	}
	require.Equal(t, 1, strings.Count(b.logs.String(), `"asked":"v26.0","answers":"v27.0"`))
}
