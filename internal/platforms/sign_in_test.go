package platforms_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/simulator"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

const callBack = "https://boards.example/connect/1"

// signIn returns the dialog of a platform. Every error and consent is kept for requireNoSecrets.
func (b *bundle) signIn(t *testing.T, p domain.Platform) scanningSignIn {
	t.Helper()
	s, err := b.set.SignIn(p)
	require.NoError(t, err)
	return scanningSignIn{s, scanning{b: b, t: t}}
}

type scanningSignIn struct {
	platforms.SignIn
	scanning
}

func (s scanningSignIn) Redeem(ctx context.Context, code, redirectURI string) (platforms.Consent, error) {
	c, err := s.SignIn.Redeem(ctx, code, redirectURI)
	s.note(err, c, c.Tokens, c.Offered)
	raw, wrong := json.Marshal(struct {
		Consent platforms.Consent
		Offered []platforms.Offered
	}{c, c.Offered})
	s.note(string(raw), wrong, platforms.PlatformMessage(err))
	return c, err
}

func (s scanningSignIn) RevokeConsent(ctx context.Context, tokens platforms.Tokens) error {
	err := s.SignIn.RevokeConsent(ctx, tokens)
	s.note(err, platforms.PlatformMessage(err))
	return err
}

// decide fills in a dialog as a person and returns the query of the callback.
func decide(t *testing.T, address, as string, form url.Values) url.Values {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address+"&as="+as, strings.NewReader(form.Encode()))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := http.DefaultTransport.RoundTrip(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	require.Equal(t, http.StatusFound, resp.StatusCode)
	back, err := resp.Location()
	require.NoError(t, err)
	require.Equal(t, callBack, back.Scheme+"://"+back.Host+back.Path)
	return back.Query()
}

// consented runs the whole flow: the dialog, the callback, the code.
func consented(t *testing.T, s platforms.SignIn, as string, form url.Values) platforms.Consent {
	t.Helper()
	back := decide(t, s.Address("st4te", callBack), as, form)
	require.Equal(t, "st4te", back.Get("state"))
	c, err := s.Redeem(t.Context(), back.Get("code"), callBack)
	require.NoError(t, err)
	return c
}

func withPeople(t *testing.T, change ...func(*simulator.Config, *platforms.Config)) *bundle {
	t.Helper()
	b := setup(t, change...)
	b.sim.AddPeople(testNow.AddDate(0, -2, 0))
	return b
}

func TestFacebookLoginForBusiness(t *testing.T) {
	t.Parallel()
	b := withPeople(t, func(_ *simulator.Config, c *platforms.Config) { c.Facebook.ConfigID = "5150" })
	s := b.signIn(t, domain.Facebook)
	require.Contains(t, s.Address("s", callBack), "config_id=5150")
	require.NotContains(t, s.Address("s", callBack), "scope=")
	c := consented(t, s, simulator.Mara, url.Values{"decision": {"consent"}, "page": {"90012"}})
	require.Empty(t, c.Declined, "scopes are granted all or none")
	require.Contains(t, c.Granted, "read_insights")
	require.Len(t, c.Offered, 1)
	require.Equal(t, []any{domain.Facebook, "90012"}, []any{c.Offered[0].Platform, c.Offered[0].ExternalID})
}

// A list of more than a hundred pages is read completely: the last page as well as the profile.
func TestLinkedInSignIn(t *testing.T) {
	t.Parallel()
	b := withPeople(t)
	var pages []string
	for n := range 101 {
		id := strconv.Itoa(80000 + n)
		pages = append(pages, id)
		b.sim.AddCompanyPage(simulator.Account{ID: id, Name: "Page " + id})
	}
	b.sim.AddPerson(simulator.Person{ID: simulator.Ines, Name: "Ines Duarte", Profile: "iDt4kZ9c", Organizations: pages})
	s := b.signIn(t, domain.LinkedIn)
	c := consented(t, s, simulator.Ines, url.Values{"decision": {"consent"}}) // there are no checkboxes
	require.Len(t, c.Offered, 102)
	require.Equal(t, domain.LinkedInProfile, c.Offered[0].AccountType)
	require.Equal(t, "Page 80100", c.Offered[101].Name)
	for _, o := range []platforms.Offered{c.Offered[0], c.Offered[101]} {
		require.True(t, o.MayRead)
		snap := b.client(t, domain.LinkedIn).account(platforms.Target{AccessToken: c.Tokens.AccessToken, ExternalID: o.ExternalID, AccountType: o.AccountType})
		require.True(t, hasFigure(snap, domain.MetricFollowers))
	}
	another := platforms.Target{AccessToken: c.Tokens.AccessToken, ExternalID: "90041", AccountType: domain.LinkedInCompanyPage}
	requireKind(t, domain.StatusPermission, b.client(t, domain.LinkedIn).accountErr(another))
}

// A code works once, and only with the redirect URI of the dialog.
func TestAuthorizationCodeWorksOnceWithItsRedirectURI(t *testing.T) {
	t.Parallel()
	for _, p := range domain.Platforms() {
		b := withPeople(t)
		s := b.signIn(t, p)
		_, err := s.Redeem(t.Context(), "", callBack)
		requireKind(t, domain.StatusRefused, err)
		require.Empty(t, b.ops(), "no call was made")
		_, err = s.Redeem(t.Context(), "Tok3nOfAnotherApp", callBack)
		requireKind(t, domain.StatusRefused, err)
		form := url.Values{"decision": {"consent"}, "scope": platforms.Config{}.WithDefaults().Facebook.Scopes}
		once := decide(t, s.Address("s", callBack), simulator.Mara, form).Get("code")
		_, err = s.Redeem(t.Context(), once, callBack+"/")
		require.Contains(t, []domain.StatusCode{domain.StatusInvalid, domain.StatusRefused}, platforms.KindOf(err), p)
		require.Equal(t, p == domain.LinkedIn, platforms.KindOf(err) == domain.StatusRefused, "%s: only LinkedIn does not report it", p)
		_, err = s.Redeem(t.Context(), once, callBack)
		require.NoError(t, err, p)
		_, err = s.Redeem(t.Context(), once, callBack)
		requireKind(t, domain.StatusRefused, err)
	}
}

func TestSignInErrorNamesMissingSettings(t *testing.T) {
	t.Parallel()
	set, err := platforms.New(platforms.Config{LinkedIn: platforms.Endpoint{ClientID: "mine"}})
	require.NoError(t, err)
	t.Cleanup(set.Close)
	for p, want := range map[domain.Platform]string{
		domain.Facebook:  "set LEDGERBOARD_FACEBOOK_APP_ID and LEDGERBOARD_FACEBOOK_APP_SECRET to the values of your app",
		domain.Instagram: "LEDGERBOARD_INSTAGRAM_APP_ID and LEDGERBOARD_INSTAGRAM_APP_SECRET",
		domain.LinkedIn:  "set LEDGERBOARD_LINKEDIN_CLIENT_SECRET to",
		domain.TikTok:    "LEDGERBOARD_TIKTOK_CLIENT_KEY and LEDGERBOARD_TIKTOK_CLIENT_SECRET",
	} {
		_, err := set.SignIn(p)
		require.ErrorContains(t, err, want)
	}
	_, err = set.SignIn(domain.Platform(2))
	require.ErrorIs(t, err, platforms.ErrNoHandler)
}

// The URLs of the real dialogs, as documented by the platforms.
func TestDialogURLs(t *testing.T) {
	t.Parallel()
	app := platforms.Endpoint{ClientID: "4711", ClientSecret: clientSecret}
	set, err := platforms.New(platforms.Config{Facebook: app, Instagram: app, LinkedIn: app, TikTok: app})
	require.NoError(t, err)
	t.Cleanup(set.Close)
	common := "redirect_uri=https%3A%2F%2Fboards.example%2Fconnect%2F1&response_type=code&scope="
	for p, want := range map[domain.Platform]string{
		domain.Facebook: "https://www.facebook.com/v26.0/dialog/oauth?auth_type=rerequest&client_id=4711&" + common + "pages_show_list%2Cpages_read_engagement%2C" +
			"pages_read_user_content%2Cread_insights%2Cinstagram_basic%2Cinstagram_manage_insights%2Cbusiness_management",
		domain.Instagram: "https://www.instagram.com/oauth/authorize?client_id=4711&" + common + "instagram_business_basic%2Cinstagram_business_manage_insights",
		domain.LinkedIn: "https://www.linkedin.com/oauth/v2/authorization?client_id=4711&" + common + "r_basicprofile+rw_organization_admin+" +
			"r_organization_social+r_organization_social_feed+r_member_profileAnalytics+r_member_postAnalytics",
		domain.TikTok: "https://www.tiktok.com/v2/auth/authorize/?client_key=4711&" + common + "user.info.basic%2Cuser.info.profile%2Cuser.info.stats%2Cvideo.list",
	} {
		s, err := set.SignIn(p)
		require.NoError(t, err)
		require.Equal(t, want+"&state=st%264te", s.Address("st&4te", callBack))
		require.NotContains(t, fmt.Sprintf("%v", s.Address("s", callBack)), clientSecret)
	}
}

func (b *bundle) inspector(t *testing.T, p domain.Platform) platforms.Inspector {
	t.Helper()
	client, err := b.set.For(p)
	require.NoError(t, err)
	return client.(platforms.Inspector)
}

// Meta reports a token's scopes, its pages and its expiry. A scope granted only for other pages
// does not count.
func TestMetaInspectsToken(t *testing.T) {
	t.Parallel()
	b, requested := wired(t, map[string][]string{
		"GET /facebook/v26.0/debug_token": {`{"data":{"app_id":"app","type":"PAGE","is_valid":true,"expires_at":0,
			"data_access_expires_at":1803859200,"user_id":"7","profile_id":"100",
			"scopes":["read_insights","pages_show_list","pages_read_engagement","instagram_basic"],
			"granular_scopes":[{"scope":"pages_show_list"},{"scope":"read_insights","target_ids":["200"]},
			{"scope":"pages_read_engagement","target_ids":["200","100"]},{"scope":"instagram_basic","target_ids":["900"]}]}}`},
	})
	facebook := b.inspector(t, domain.Facebook)
	page := platforms.Target{AccessToken: "Tok3n", ExternalID: "100"}
	require.True(t, facebook.Inspects(page))
	facts, err := facebook.Inspect(t.Context(), page)
	require.NoError(t, err)
	require.Equal(t, platforms.TokenFacts{
		Granted: []string{"instagram_basic", "pages_read_engagement", "pages_show_list"}, DataAccessUntil: time.Unix(1803859200, 0).UTC(),
	}, facts)
	call := (*requested)[0]
	require.Equal(t, "Tok3n", call.Form.Get("input_token"))
	require.Equal(t, "Bearer app|"+clientSecret, call.Header.Get("Authorization"), "our app's credentials")

	behind, err := b.inspector(t, domain.Instagram).Inspect(t.Context(), platforms.Target{AccessToken: "Tok3n", ExternalID: "901"})
	require.NoError(t, err)
	require.Equal(t, []string{"pages_read_engagement", "pages_show_list", "read_insights"}, behind.Granted, "pages and accounts are not distinguished")
	require.False(t, b.inspector(t, domain.Instagram).Inspects(platforms.Target{OwnLogin: true}))
}

// A refusal of our app must not invalidate a connection; an invalid token does.
func TestRefusedAppDoesNotInvalidateConnection(t *testing.T) {
	t.Parallel()
	refusing, _ := wired(t, map[string][]string{
		"GET /facebook/v26.0/debug_token": {
			`{"error":{"message":"Invalid OAuth access token signature.","type":"OAuthException","code":190,"fbtrace_id":"x"}}`,
		},
	})
	page := platforms.Target{AccessToken: "Tok3n", ExternalID: "100"}
	_, err := refusing.inspector(t, domain.Facebook).Inspect(t.Context(), page)
	requireKind(t, domain.StatusInvalid, err)
	require.ErrorContains(t, err, "ID or secret")
	require.NotContains(t, err.Error(), "Tok3n")

	dead, _ := wired(t, map[string][]string{
		"GET /facebook/v26.0/debug_token": {
			`{"data":{"app_id":"app","is_valid":false,"error":{"code":190,"subcode":460,"message":"x"},"scopes":[]}}`,
		},
		"POST /linkedin/oauth/v2/introspectToken": {`{"active":false,"status":"revoked"}`},
	})
	_, err = dead.inspector(t, domain.Facebook).Inspect(t.Context(), page)
	requireKind(t, domain.StatusRefused, err)
	profile := platforms.Target{AccessToken: "Tok3n", AccountType: domain.LinkedInProfile}
	_, err = dead.inspector(t, domain.LinkedIn).Inspect(t.Context(), profile)
	requireKind(t, domain.StatusRefused, err)
}

// LinkedIn separates granted scopes with commas and reports the expiry in seconds. TikTok does not
// report a token's scopes.
func TestLinkedInInspectsToken(t *testing.T) {
	t.Parallel()
	b, requested := wired(t, map[string][]string{
		"POST /linkedin/oauth/v2/introspectToken": {
			`{"active":true,"client_id":"app","status":"active","scope":"rw_organization_admin,r_basicprofile","expires_at":1803859200}`,
		},
	})
	page := platforms.Target{AccessToken: "Tok3n", ExternalID: "5501", AccountType: domain.LinkedInCompanyPage}
	linkedIn := b.inspector(t, domain.LinkedIn)
	facts, err := linkedIn.Inspect(t.Context(), page)
	require.NoError(t, err)
	require.Equal(t, platforms.TokenFacts{
		Granted: []string{"r_basicprofile", "rw_organization_admin"}, ExpiresAt: time.Unix(1803859200, 0).UTC(),
	}, facts)
	require.Equal(t, "Tok3n", (*requested)[0].PostForm.Get("token"))
	tiktok, err := b.set.For(domain.TikTok)
	require.NoError(t, err)
	require.NotImplements(t, (*platforms.Inspector)(nil), tiktok)
}
