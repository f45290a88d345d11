package collect_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands/collect"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/simulator"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/directory"
)

// refusing answers the requests whose URL contains a text, while it is on.
type refusing struct {
	part, body string
	on         bool
	calls      int
}

func (r *refusing) fault(request *http.Request) (int, string) {
	if !r.on || !strings.Contains(request.URL.String(), r.part) {
		return 0, ""
	}
	r.calls++
	return http.StatusBadRequest, r.body
}

// An app that the platform has switched off is one statement for the operator: no page waits for a
// sign-in, and a single call an hour finds out whether the app works again.
func TestDisabledAppIsReportedOnceToOperator(t *testing.T) {
	t.Parallel()
	const pages = 30
	off := &refusing{on: true, body: `{"error":{"message":"API access blocked.","type":"OAuthException","code":200}}`}
	s := newFaultyStage(t, off.fault)
	var all []connected
	for range pages {
		all = append(all, s.connect(domain.Facebook, 0))
	}
	other := s.connect(domain.TikTok, 0)
	off.part = "/facebook"
	for range 24 * 6 {
		s.round(domain.FetchAccounts, domain.Facebook)
		s.clock.Advance(10 * time.Minute)
	}
	require.LessOrEqual(t, off.calls, 2*pages+24, "not 720 a day")
	require.GreaterOrEqual(t, off.calls, 20, "once an hour; the first round may end early")
	require.Equal(t, 1, s.metric("app_refused", "app_blocked"))
	for _, page := range all {
		require.Empty(t, s.changes(page), "no person is asked to sign in")
		st := s.state(domain.FetchAccounts, page)
		require.Equal(t, domain.StatusBlocked, st.kind())
		require.Equal(t, domain.StatusAppBlocked, st.Reason.Code)
	}
	s.round(domain.FetchAccounts, domain.TikTok)
	require.Len(t, s.readings(other), 1)

	off.on = false
	for range 8 {
		s.round(domain.FetchAccounts, domain.Facebook)
		s.clock.Advance(10 * time.Minute)
	}
	for _, page := range all {
		require.NotEmpty(t, s.readings(page))
		require.Empty(t, s.state(domain.FetchAccounts, page).Reason)
	}
	require.Zero(t, s.metric("app_refused", "app_blocked"))
}

// The end of a version of an API is one statement for the operator too, and nothing that a person can
// end by signing in. The app works again within an hour.
func TestExpiredAPIVersionIsReportedOnceToOperator(t *testing.T) {
	t.Parallel()
	const pages = 10
	on, calls := true, 0
	s := newFaultyStage(t, func(r *http.Request) (int, string) {
		if !on || !strings.Contains(r.URL.Path, "/rest/") {
			return 0, ""
		}
		calls++
		return http.StatusUpgradeRequired, `{"status":426,"code":"NONEXISTENT_VERSION","message":"Requested version 20260801 is not active"}`
	})
	var all []connected
	for range pages {
		all = append(all, s.connectWithPosts(domain.LinkedIn, domain.LinkedInCompanyPage))
	}
	for range 24 * 6 {
		s.round(domain.FetchAccounts, domain.LinkedIn)
		s.round(domain.FetchPosts, domain.LinkedIn)
		s.clock.Advance(10 * time.Minute)
	}
	require.LessOrEqual(t, calls, 4*pages+24, "not 480 a day")
	require.GreaterOrEqual(t, calls, 20, "once an hour; the first round may end early")
	require.Equal(t, 1, s.metric("app_refused", "version"), "also if no reading has ever succeeded")
	require.Zero(t, s.metric("app_refused", "app_blocked"))
	for _, page := range all {
		require.Empty(t, s.changes(page), "no person is asked to sign in")
		require.Equal(t, domain.StatusVersion, s.state(domain.FetchAccounts, page).Reason.Code)
		require.Contains(t, s.operatorReads(domain.FetchAccounts, page), "LEDGERBOARD_LINKEDIN_VERSION")
	}
	on = false
	for range 8 {
		s.round(domain.FetchAccounts, domain.LinkedIn)
		s.clock.Advance(10 * time.Minute)
	}
	for _, page := range all {
		require.NotEmpty(t, s.readings(page))
		require.Empty(t, s.state(domain.FetchAccounts, page).Reason)
	}
	require.Zero(t, s.metric("app_refused", "version"))
}

// What only certain people can do is said to them: each reader learns what that reader can do, also
// if the kind of the error suggests something else.
func TestRefusalReasonAddressesReaderWhoCanAct(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		body                     string
		kind                     domain.StatusCode
		client, agency, operator string
		waits                    bool // for a sign-in
	}{
		"the app was switched off": {
			`{"error":{"message":"API access blocked.","type":"OAuthException","code":200}}`, domain.StatusBlocked,
			"You do not need to do anything", "The operator must act", "Open the app's dashboard", false,
		},
		"the page was merged": {
			`{"error":{"message":"Page ID 1 was migrated to page ID 2.","type":"OAuthException","code":21}}`, domain.StatusNotFound,
			"select the page that exists now", "Connect the page that exists now", "Connect the page that exists now", false,
		},
		"the role was lost": {
			`{"error":{"message":"The user must be an administrator of the page.","type":"OAuthException","code":190}}`, domain.StatusRefused,
			"Ask someone who has full control", "A person with a role on the page", "A person with a role on the page", true,
		},
		"two-factor authentication": {
			`{"error":{"message":"Two factor authentication is required.","type":"OAuthException","code":415,"error_subcode":1404120}}`, domain.StatusPermission,
			"Turn it on there", "two-factor authentication", "two-factor authentication", false,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			refused := &refusing{on: true, part: "/facebook", body: c.body}
			s := newFaultyStage(t, refused.fault)
			page := s.connect(domain.Facebook, 0)
			s.round(domain.FetchAccounts, domain.Facebook)
			require.Equal(t, c.kind, s.state(domain.FetchAccounts, page).kind())
			require.Equal(t, c.waits, len(s.changes(page)) > 0)

			first, err := directory.Connecting{Pool: s.log.DB.ReadOnly}.FirstReadings(t.Context(), domain.ConnectAttempt{
				ConnectRequester: domain.ConnectRequester{ParentAccount: agency, AccountID: north},
				Outcome:          &domain.ConnectOutcome{Connected: []domain.ConnectedNow{{SocialAccountID: page.ID}}},
			})
			require.NoError(t, err)
			require.Len(t, first, 1)
			require.Contains(t, domain.TextOf(first[0].Reasons, domain.SignInText, domain.StatusNouns{}), c.client)
			require.Contains(t, first[0].Text, c.agency)
			shown, err := directory.Entities{Pool: s.log.DB.ReadOnly}.Platform(t.Context(), readmodels.Scope{ParentAccount: agency}, page.ID)
			require.NoError(t, err)
			require.Equal(t, first[0].Reasons, shown.Reasons)
			require.Contains(t, shown.Text, c.agency)
			listed, err := directory.Connections{Pool: s.log.DB.ReadOnly}.Readings(t.Context(), directory.ReadingsQuery{}, s.clock.Now())
			require.NoError(t, err)
			require.Len(t, listed, 1)
			require.Contains(t, listed[0].Text, c.operator)
		})
	}
}

// If the platform refuses to renew a token, whatever its reason, a person is asked to sign in when the
// token has expired, and not before.
func TestRefusedRenewalAsksForSignInOnlyAfterExpiry(t *testing.T) {
	t.Parallel()
	refused := &refusing{on: true, part: "refresh_access_token", body: `{"error":{"message":"Unsupported request - method type: get","type":"IGApiException","code":100}}`}
	s := newFaultyStage(t, refused.fault)
	user := s.connect(domain.Instagram, 0, func(a *simulator.Account) { a.OwnLogin = true }, expiresIn(20*time.Hour))
	s.round(domain.FetchTokens, domain.Instagram)
	require.Positive(t, refused.calls)
	s.round(domain.FetchAccounts, domain.Instagram)
	require.Len(t, s.readings(user), 1, "the token still works")
	require.Empty(t, s.changes(user))
	s.roundAfter(21*time.Hour, domain.FetchAccounts, domain.Instagram)
	require.Equal(t, domain.StatusRefused, s.state(domain.FetchAccounts, user).kind())
	require.Len(t, s.changes(user), 1)
	require.Equal(t, domain.StatusExpired, s.changes(user)[0].Code)
}

// Instagram has two ids of an account. The error of a hand-over names the one that can be read.
func TestHandOverNamesTheIDToRegister(t *testing.T) {
	t.Parallel()
	s := newFetchStage(t)
	s.reach(t)
	consent := s.signIn(domain.Instagram)
	require.NotEqual(t, consent.PersonID, consent.Offered[0].ExternalID)
	s.mainApps(203, domain.Instagram, 0, consent.PersonID)
	_, err := s.checked().HandOver(t.Context(), 203, collect.NewTokens{AccessToken: consent.Tokens.AccessToken, OwnLogin: new(true)})
	require.Equal(t, domain.CodeUnprocessable, domain.CodeOf(err))
	require.ErrorContains(t, err, "It can read "+consent.Offered[0].ExternalID+". ")
}

// A hand-over that no repetition helps is refused for good: the main application must not send it again
// and again.
func TestImpossibleHandOverIsPermanentError(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		body string
		code domain.Code
	}{
		"a token of another app":  {`{"error":{"message":"Invalid appsecret_proof provided in the API argument","type":"GraphMethodException","code":100}}`, domain.CodeUnprocessable},
		"an app switched off":     {`{"error":{"message":"API access blocked.","type":"OAuthException","code":200}}`, domain.CodeUnprocessable},
		"a temporary error":       {`{"error":{"message":"An unexpected error has occurred.","type":"OAuthException","is_transient":true,"code":2}}`, domain.CodeUnavailable},
		"too many calls for now":  {`{"error":{"message":"Application request limit reached","type":"OAuthException","code":4}}`, domain.CodeUnavailable},
		"a token that is expired": {`{"error":{"message":"Session has expired","type":"OAuthException","code":190,"error_subcode":463}}`, domain.CodeUnprocessable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			refused := &refusing{on: true, part: "/facebook", body: c.body}
			s := newFetchStage(t)
			s.app = "ourapp"
			s.wire = func(transport http.RoundTripper) http.RoundTripper { return between{transport, refused.fault} }
			s.collect = s.process()
			s.mainApps(301, domain.Facebook, 0, "90011")
			_, err := s.checked().HandOver(t.Context(), 301, collect.NewTokens{AccessToken: "ATOKEN"})
			require.Equal(t, c.code, domain.CodeOf(err), "%v", err)
		})
	}
}
