package platforms_test

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

// wired answers calls with files from testdata, written by hand from the platforms' documentation
// as of 2026-11-20, or with JSON itself. Several answers to one call are used in order. It keeps
// the requests.
func wired(t *testing.T, answers map[string][]string) (*bundle, *[]*http.Request) {
	t.Helper()
	var requests []*http.Request
	b := canned(t, func(w http.ResponseWriter, r *http.Request) {
		call := callOf(r)
		_ = r.ParseForm()
		requests = append(requests, r)
		if len(answers[call]) == 0 {
			http.NotFound(w, r)
			return
		}
		raw := []byte(answers[call][0])
		if refused, ok := bytes.CutPrefix(raw, []byte("403")); ok {
			answer(w, http.StatusForbidden, string(refused))
			return
		}
		if raw[0] != '{' {
			var err error
			if raw, err = os.ReadFile(filepath.Join("testdata", answers[call][0]+".json")); err != nil {
				http.Error(w, err.Error(), http.StatusTeapot)
				return
			}
		}
		if len(answers[call]) > 1 {
			answers[call] = answers[call][1:]
		}
		_, _ = w.Write(raw)
	})
	return b, &requests
}

func callOf(r *http.Request) string { return r.Method + " " + r.URL.Path }

// requireSent checks the method, path and values of a request.
func requireSent(t *testing.T, request *http.Request, call string, want map[string]string) {
	t.Helper()
	require.Equal(t, call, callOf(request))
	for name, value := range want {
		require.Equal(t, []string{value}, request.Form[name], "%s: %s", call, name)
	}
}

func facebookSignIn() map[string][]string {
	return map[string][]string{
		"GET /facebook/v26.0/oauth/access_token": {"sign_in_facebook_code", "sign_in_facebook_longer"},
		"GET /facebook/v26.0/me":                 {"sign_in_facebook_me"},
		"GET /facebook/v26.0/me/permissions":     {"sign_in_facebook_permissions"},
		"GET /facebook/v26.0/debug_token":        {"sign_in_facebook_debug"},
		"GET /facebook/v26.0/me/accounts":        {"sign_in_facebook_accounts", "sign_in_facebook_accounts_2"},
	}
}

func linkedInSignIn() map[string][]string {
	return map[string][]string{
		"POST /linkedin/oauth/v2/accessToken":     {"sign_in_linkedin_code"},
		"POST /linkedin/oauth/v2/introspectToken": {"sign_in_linkedin_introspect"},
		"GET /linkedin/v2/me":                     {"sign_in_linkedin_me"},
		"GET /linkedin/rest/organizationAcls":     {"sign_in_linkedin_acls"},
		"GET /linkedin/rest/organizations":        {"sign_in_linkedin_organizations"},
	}
}

func TestFacebookSignInRequests(t *testing.T) {
	t.Parallel()
	b, requests := wired(t, facebookSignIn())
	c, err := b.signIn(t, domain.Facebook).Redeem(t.Context(), "Tok3nCode", callBack)
	require.NoError(t, err)
	require.Equal(t, "10161", c.PersonID)
	require.Equal(t, "Erna Meier", c.Name)
	require.Equal(t, []string{"instagram_basic", "pages_show_list", "public_profile"}, c.Granted)
	require.Equal(t, []string{"read_insights"}, c.Declined, "an expired permission counts as neither")
	require.Equal(t, "Tok3nLong", c.Tokens.AccessToken)
	require.Equal(t, time.Date(2027, 1, 20, 12, 0, 0, 0, time.UTC), c.Tokens.ExpiresAt)
	require.Equal(t, time.Date(2027, 2, 19, 12, 0, 0, 0, time.UTC), c.DataAccessUntil)
	page := func(id, name, token string) platforms.Offered {
		return platforms.Offered{Platform: domain.Facebook, ExternalID: id, Name: name, AccessToken: token, MayRead: true}
	}
	bakery := page("100", "Bakery", "Tok3nPage100")
	bakery.Username, bakery.PictureURL = "bakery", "https://scontent.example/100.jpg"
	behind := platforms.Offered{
		Platform: domain.Instagram, ExternalID: "17841400000000001", Name: "bakery.ig", Username: "bakery.ig", PictureURL: "https://scontent.example/ig.jpg",
		AccessToken: "Tok3nPage100", MayRead: true,
	}
	hidden, adverts := page("102", "No token", ""), page("103", "Adverts only", "Tok3nPage103")
	hidden.MayRead, hidden.Missing, adverts.MayRead, adverts.Missing = false, "ANALYZE", false, "ANALYZE"
	require.Equal(t, []platforms.Offered{bakery, behind, page("101", "Tasks untold", "Tok3nPage101"), hidden, adverts}, c.Offered)

	got := *requests
	require.Len(t, got, 7)
	app := map[string]string{"client_id": "app", "client_secret": clientSecret, "redirect_uri": callBack, "code": "Tok3nCode"}
	requireSent(t, got[0], "GET /facebook/v26.0/oauth/access_token", app)
	requireSent(t, got[1], "GET /facebook/v26.0/oauth/access_token", map[string]string{
		"client_id": "app", "client_secret": clientSecret, "grant_type": "fb_exchange_token", "fb_exchange_token": "Tok3nShort",
	})
	requireSent(t, got[4], "GET /facebook/v26.0/debug_token", map[string]string{"input_token": "Tok3nLong"})
	require.Equal(t, "Bearer app|"+clientSecret, got[4].Header.Get("Authorization"))
	require.Empty(t, got[5].Form["after"])
	requireSent(t, got[6], "GET /facebook/v26.0/me/accounts", map[string]string{"after": "QVFIsecond", "limit": "100"})
	for _, request := range got[2:] {
		require.Len(t, request.Form.Get("appsecret_proof"), 64, request.URL.Path)
	}
	require.NotContains(t, fmt.Sprintf("%v %+v %#v %v", c, c, c, c.Offered), "Tok3n")
}

// signsIn answers a Facebook sign-in with the given token information and a list of pages.
func signsIn(token string, pages http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body := `{"access_token":"Tok3n"}`
		switch filepath.Base(r.URL.Path) {
		case "debug_token":
			body = token
		case "me":
			body = `{"id":"10161"}`
		case "permissions":
			body = `{"data":[]}`
		case "accounts":
			pages(w, r)
			return
		}
		_, _ = w.Write([]byte(body))
	}
}

// A token of another person or of another app, or an invalid one, does not sign in.
func TestFacebookSignInForeignToken(t *testing.T) {
	t.Parallel()
	for _, token := range []string{
		`{"data":{"app_id":"another","is_valid":true,"user_id":"10161"}}`, `{"data":{"app_id":"app","is_valid":true,"user_id":"10162"}}`,
		`{"data":{"app_id":"app","is_valid":false,"user_id":"10161"}}`,
	} {
		b := canned(t, signsIn(token, nil))
		_, err := b.signIn(t, domain.Facebook).Redeem(t.Context(), "Tok3nCode", callBack)
		requireKind(t, domain.StatusRefused, err)
	}
}

// A list that is too large is requested in smaller parts; an endless one is given up, and that is
// said.
func TestFacebookSignInPageListIsBounded(t *testing.T) {
	t.Parallel()
	var limits []string
	b := canned(t, signsIn(`{"data":{"is_valid":true}}`, func(w http.ResponseWriter, r *http.Request) {
		limits = append(limits, r.FormValue("limit"))
		if r.FormValue("limit") != "25" {
			const large = `{"error":{"code":1,"message":"Please reduce the amount of data you're asking for, then retry your request"}}`
			answer(w, http.StatusInternalServerError, large)
			return
		}
		fmt.Fprintf(w, `{"data":[],"paging":{"cursors":{"after":"n%d"},"next":"https://graph.facebook.com/"}}`, len(limits))
	}))
	c, err := b.signIn(t, domain.Facebook).Redeem(t.Context(), "Tok3nCode", callBack)
	require.NoError(t, err)
	requireKind(t, domain.StatusRetry, c.Incomplete)
	require.Len(t, c.NotOffered, 1)
	require.Equal(t, []string{"100", "50", "25", "25"}, limits[:4])
}

func TestInstagramSignInRequests(t *testing.T) {
	t.Parallel()
	mes := map[string]string{"sign_in_instagram_code": "sign_in_instagram_me_listed", "sign_in_instagram_code_flat": "sign_in_instagram_me"}
	for code, granted := range map[string][]string{
		"sign_in_instagram_code":      {"instagram_business_basic", "instagram_business_manage_insights"},
		"sign_in_instagram_code_flat": {"instagram_business_basic"},
	} {
		b, requests := wired(t, map[string][]string{
			"POST /instagram/oauth/access_token": {code},
			"GET /instagram/access_token":        {"sign_in_instagram_longer"},
			"GET /instagram/v26.0/me":            {mes[code]},
		})
		c, err := b.signIn(t, domain.Instagram).Redeem(t.Context(), "Tok3nCode#_", callBack)
		require.NoError(t, err)
		require.Equal(t, "26000000000000001", c.PersonID, "the person's app-scoped ID")
		require.Equal(t, granted, c.Granted)
		require.Len(t, c.Declined, 2-len(granted))
		require.Equal(t, "Tok3nLong", c.Tokens.AccessToken)
		require.Equal(t, testNow.Add(5183944*time.Second), c.Tokens.ExpiresAt)
		require.Equal(t, []platforms.Offered{{
			Platform: domain.Instagram, ExternalID: "17841400000000009", Name: "bakery.ig", Username: "bakery.ig",
			PictureURL: "https://scontent.example/ig.jpg", MayRead: true,
		}}, c.Offered)
		got := *requests
		requireSent(t, got[0], "POST /instagram/oauth/access_token", map[string]string{
			"client_id": "app", "client_secret": clientSecret, "grant_type": "authorization_code", "redirect_uri": callBack, "code": "Tok3nCode",
		})
		requireSent(t, got[1], "GET /instagram/access_token", map[string]string{
			"grant_type": "ig_exchange_token", "client_secret": clientSecret, "access_token": "Tok3nShort",
		})
	}
	b, _ := wired(t, map[string][]string{
		"POST /instagram/oauth/access_token": {"sign_in_instagram_code"},
		"GET /instagram/access_token":        {"sign_in_instagram_longer"},
		"GET /instagram/v26.0/me":            {"instagram_user"},
	})
	_, err := b.signIn(t, domain.Instagram).Redeem(t.Context(), "Tok3nCode", callBack)
	require.True(t, platforms.WrongAccount(err), "the account differs from the code's account: %v", err)
}

func TestLinkedInSignInRequests(t *testing.T) {
	t.Parallel()
	b, requests := wired(t, linkedInSignIn())
	c, err := b.signIn(t, domain.LinkedIn).Redeem(t.Context(), "Tok3nCode", callBack)
	require.NoError(t, err)
	require.Equal(t, "yrZCpj2Z12", c.PersonID)
	require.Equal(t, "Erna Meier", c.Name)
	require.Equal(t, []string{"r_basicprofile", "r_organization_social", "rw_organization_admin"}, c.Granted)
	require.Equal(t, []string{"r_member_postAnalytics", "r_member_profileAnalytics", "r_organization_social_feed"}, c.Declined)
	require.Equal(t, time.Date(2027, 1, 20, 12, 0, 0, 0, time.UTC), c.Tokens.ExpiresAt)
	require.Empty(t, c.Tokens.RefreshToken)
	require.Equal(t, []platforms.Offered{
		{
			Platform: domain.LinkedIn, AccountType: domain.LinkedInProfile, ExternalID: "yrZCpj2Z12", Name: "Erna Meier", Username: "ernameier",
			Missing: "r_member_profileAnalytics",
		},
		{Platform: domain.LinkedIn, AccountType: domain.LinkedInCompanyPage, ExternalID: "5501", Name: "Bakery", Username: "bakery-ltd", MayRead: true},
		{Platform: domain.LinkedIn, AccountType: domain.LinkedInCompanyPage, ExternalID: "5502", MayRead: true},
	}, c.Offered)
	got := *requests
	requireSent(t, got[0], "POST /linkedin/oauth/v2/accessToken", map[string]string{
		"client_id": "app", "client_secret": clientSecret, "grant_type": "authorization_code", "redirect_uri": callBack, "code": "Tok3nCode",
	})
	requireSent(t, got[1], "POST /linkedin/oauth/v2/introspectToken", map[string]string{"client_id": "app", "client_secret": clientSecret, "token": "Tok3nMember"})
	requireSent(t, got[3], "GET /linkedin/rest/organizationAcls", map[string]string{"q": "roleAssignee", "state": "APPROVED", "count": "100", "start": "0"})
	requireSent(t, got[4], "GET /linkedin/rest/organizationAcls", map[string]string{"start": "100"})
	requireSent(t, got[5], "GET /linkedin/rest/organizationAcls", map[string]string{"start": "100"})
	requireSent(t, got[6], "GET /linkedin/rest/organizations", map[string]string{"ids": "List(5501,5502)"})
}

func TestTikTokSignInRequests(t *testing.T) {
	t.Parallel()
	b, requests := wired(t, map[string][]string{
		"POST /tiktok/v2/oauth/token/": {"sign_in_tiktok_code"},
		"GET /tiktok/v2/user/info/":    {"sign_in_tiktok_user"},
	})
	c, err := b.signIn(t, domain.TikTok).Redeem(t.Context(), "Tok3n%2A1%21Code", callBack)
	require.NoError(t, err)
	require.Equal(t, "723f-open", c.PersonID)
	require.Equal(t, []string{"user.info.basic", "video.list"}, c.Granted)
	require.Equal(t, []string{"user.info.profile", "user.info.stats"}, c.Declined)
	require.Equal(t, "Tok3nRefresh", c.Tokens.RefreshToken)
	require.Equal(t, testNow.Add(180*24*time.Hour), c.Tokens.RefreshExpiresAt)
	require.Equal(t, []platforms.Offered{
		{Platform: domain.TikTok, ExternalID: "723f-open", Name: "Bakery", PictureURL: "https://p16.example/a.jpeg", MayRead: true},
	}, c.Offered)
	got := *requests
	requireSent(t, got[0], "POST /tiktok/v2/oauth/token/", map[string]string{
		"client_key": "app", "client_secret": clientSecret, "grant_type": "authorization_code", "redirect_uri": callBack, "code": "Tok3n*1!Code",
	})
	require.Empty(t, got[0].Form["client_id"])
	requireSent(t, got[1], "GET /tiktok/v2/user/info/", map[string]string{"fields": "open_id,display_name,avatar_url"})
}

// Meta refuses a code with a message: some messages are about the code, others about our app.
func TestMetaCodeErrorsDistinguishCodeFromApp(t *testing.T) {
	t.Parallel()
	for sentence, want := range map[string]domain.StatusCode{
		`{"error":{"message":"This authorization code has been used.","type":"OAuthException","code":100,"error_subcode":36009}}`: domain.StatusRefused,
		`{"error":{"message":"This authorization code has expired.","type":"OAuthException","code":100}}`:                         domain.StatusRefused,
		`{"error":{"message":"Error validating client secret.","type":"OAuthException","code":1,"error_subcode":33}}`:             domain.StatusInvalid,
		`{"error":{"message":"Error validating client secret.","type":"OAuthException","code":100}}`:                              domain.StatusInvalid,
		`{"error":{"message":"Please make sure your redirect_uri is identical to the one","type":"OAuthException","code":100}}`:   domain.StatusInvalid,
		`{"error_type":"OAuthException","code":400,"error_message":"Matching code was not found or was already used"}`:            domain.StatusRefused,
		`{"error_type":"OAuthException","code":400,"error_message":"Invalid platform app"}`:                                       domain.StatusInvalid,
		`{"error":{"message":"An unexpected error has occurred.","type":"OAuthException","code":2,"is_transient":true}}`:          domain.StatusRetry,
	} {
		b := canned(t, always(http.StatusBadRequest, sentence))
		p := domain.Facebook
		if strings.Contains(sentence, "error_type") {
			p = domain.Instagram
		}
		_, err := b.signIn(t, p).Redeem(t.Context(), "Tok3nCode", callBack)
		requireKind(t, want, err)
	}
}

// The requests that revoke a consent. A refusal by the platform is an error.
func TestConsentRevocationRequests(t *testing.T) {
	t.Parallel()
	for p, want := range map[domain.Platform]string{
		domain.Facebook: "DELETE /facebook/v26.0/me/permissions", domain.LinkedIn: "POST /linkedin/oauth/v2/revoke", domain.TikTok: "POST /tiktok/v2/oauth/revoke/",
	} {
		answers := map[domain.Platform][2]string{ // a success, a refusal
			domain.Facebook: {`{"success":true}`, `{"success":false}`}, domain.LinkedIn: {``, `{"error":"invalid_request"}`},
			domain.TikTok: {``, `{"error":"invalid_request","error_description":"d","log_id":"1"}`},
		}[p]
		var request *http.Request
		status, body := http.StatusOK, answers[0]
		b := canned(t, func(w http.ResponseWriter, r *http.Request) {
			_ = r.ParseForm()
			request = r
			answer(w, status, body)
		})
		s := b.signIn(t, p)
		require.NoError(t, s.RevokeConsent(t.Context(), platforms.Tokens{AccessToken: "Tok3n"}), p)
		require.Equal(t, want, callOf(request))
		if p == domain.Facebook {
			require.Equal(t, "Bearer Tok3n", request.Header.Get("Authorization"))
		} else {
			require.Equal(t, "Tok3n", request.Form.Get("token"))
			require.Equal(t, clientSecret, request.Form.Get("client_secret"))
		}
		if body = answers[1]; p != domain.Facebook {
			status = http.StatusBadRequest
		}
		require.Error(t, s.RevokeConsent(t.Context(), platforms.Tokens{AccessToken: "Tok3n"}), p)
		requireKind(t, domain.StatusRefused, s.RevokeConsent(t.Context(), platforms.Tokens{}))
	}
}

// A missing part of an answer does not mean "none": without granted scopes or pages, connections
// would end.
func TestSignInFailsOnIncompleteResponse(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		platform domain.Platform
		files    map[string][]string
		call     string // answered with a person instead
		want     string
	}{
		{domain.Facebook, facebookSignIn(), "GET /facebook/v26.0/me/permissions", "does not contain the granted scopes"},
		{domain.Facebook, facebookSignIn(), "GET /facebook/v26.0/me/accounts", "does not contain the pages"},
		{domain.LinkedIn, linkedInSignIn(), "GET /linkedin/rest/organizationAcls", "does not contain the pages"},
	} {
		c.files[c.call] = []string{"sign_in_facebook_me"}
		b, _ := wired(t, c.files)
		_, err := b.signIn(t, c.platform).Redeem(t.Context(), "Tok3nCode", callBack)
		requireKind(t, domain.StatusRetry, err)
		require.ErrorContains(t, err, c.want)
	}
}

// The list of pages can lack pages of a business portfolio that the person granted. They are
// requested by their IDs, then looked for in the businesses. What stays missing is named.
func TestGrantedPagesMissingFromListAreRequestedByID(t *testing.T) {
	t.Parallel()
	page := func(id string) string {
		return `{"id":"` + id + `","name":"Page ` + id + `","access_token":"Tok3nPage","tasks":["ANALYZE"]}`
	}
	answers := facebookSignIn()
	answers["GET /facebook/v26.0/me/accounts"] = []string{`{"data":[` + page("100") + `]}`}
	answers["GET /facebook/v26.0/me/permissions"] = []string{`{"data":[{"permission":"pages_show_list","status":"granted"},
		{"permission":"instagram_basic","status":"granted"},{"permission":"business_management","status":"granted"}]}`}
	answers["GET /facebook/v26.0/debug_token"] = []string{`{"data":{"app_id":"app","is_valid":true,"user_id":"10161","granular_scopes":[
		{"scope":"pages_show_list","target_ids":["100","101"]},{"scope":"read_insights","target_ids":["101","102","103"]},
		{"scope":"business_management","target_ids":["555"]},{"scope":"instagram_basic","target_ids":["17841400000000009"]}]}}`}
	answers["GET /facebook/v26.0/101"] = []string{page("101")}
	answers["GET /facebook/v26.0/me/businesses"] = []string{`{"data":[{"id":"555"},{"id":"556"}]}`}
	answers["GET /facebook/v26.0/555/owned_pages"] = []string{`{"data":[` + page("900") + `]}`} // it was not selected
	answers["GET /facebook/v26.0/556/client_pages"] = []string{`{"data":[` + page("102") + `]}`}
	b, _ := wired(t, answers)
	c, err := b.signIn(t, domain.Facebook).Redeem(t.Context(), "Tok3nCode", callBack)
	require.NoError(t, err)
	var offered, missing []string
	for _, o := range c.Offered {
		require.True(t, o.MayRead)
		offered = append(offered, o.ExternalID)
	}
	for _, n := range c.NotOffered {
		require.NotEmpty(t, n.Reason)
		missing = append(missing, n.Name)
	}
	require.Equal(t, []string{"100", "101", "102"}, offered)
	require.Equal(t, []string{"Facebook page 103", "Instagram account 17841400000000009"}, missing)

	// A main application that hands over the person's token gets the same pages.
	held, err := b.set.ConsentOf(t.Context(), domain.Facebook, platforms.Target{AccessToken: "Tok3nLong"})
	require.NoError(t, err)
	require.Len(t, held.Offered, 3)
}

// Showcase pages are offered. A page on which the member has another role is offered as unreadable,
// with the missing role, and a page of an unknown kind is named.
func TestLinkedInPagesByRoleAndType(t *testing.T) {
	t.Parallel()
	answers := linkedInSignIn()
	answers["GET /linkedin/rest/organizationAcls"] = []string{
		`{"paging":{"links":[{"rel":"next","href":"/x"}]},"elements":[
		{"organization":"urn:li:organization:5501","role":"ADMINISTRATOR"},{"organization":"urn:li:organization:5501","role":"CONTENT_ADMINISTRATOR"}]}`,
		`{"elements":[{"organization":"urn:li:organizationBrand:5577","role":"ADMINISTRATOR"},{"organization":"urn:li:organization:5503","role":"CONTENT_ADMINISTRATOR"},
		{"organization":"urn:li:school:77","role":"ADMINISTRATOR"}]}`, `{"elements":[]}`,
	}
	delete(answers, "GET /linkedin/rest/organizations") // names are not needed
	b, _ := wired(t, answers)
	c, err := b.signIn(t, domain.LinkedIn).Redeem(t.Context(), "Tok3nCode", callBack)
	require.NoError(t, err)
	page := func(id string, mayRead bool, missing string) platforms.Offered {
		return platforms.Offered{Platform: domain.LinkedIn, AccountType: domain.LinkedInCompanyPage, ExternalID: id, MayRead: mayRead, Missing: missing}
	}
	require.Equal(t, []platforms.Offered{page("5501", true, ""), page("5577", true, ""), page("5503", false, "ADMINISTRATOR")}, c.Offered[1:])
	require.Equal(t, []platforms.NotOffered{{Name: "urn:li:school:77", Reason: "This service cannot read pages of this kind."}}, c.NotOffered)

	client := canned(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "networkSizes") {
			answer(w, http.StatusOK, `{"firstDegreeSize":41}`)
			return
		}
		answer(w, http.StatusOK, `{"elements":[{"organizationalEntity":"urn:li:organizationBrand:5577","totalShareStatistics":{"impressionCount":50}}]}`)
	}).client(t, domain.LinkedIn)
	require.True(t, hasFigure(client.account(companyPage("5577")), "impressions"), "the answer may name the brand")
}

// A list or a name that is definitely refused does not end a sign-in.
func TestSignInContinuesIfListIsRefused(t *testing.T) {
	t.Parallel()
	answers := linkedInSignIn()
	delete(answers, "GET /linkedin/rest/organizationAcls")
	b, _ := wired(t, answers)
	c, err := b.signIn(t, domain.LinkedIn).Redeem(t.Context(), "Tok3nCode", callBack)
	require.NoError(t, err)
	require.Len(t, c.Offered, 1, "the profile")
	require.Equal(t, "Company pages", c.NotOffered[0].Name)

	answers = facebookSignIn()
	delete(answers, "GET /facebook/v26.0/me/accounts")
	b, _ = wired(t, answers)
	c, err = b.signIn(t, domain.Facebook).Redeem(t.Context(), "Tok3nCode", callBack)
	require.NoError(t, err)
	require.NotEmpty(t, c.NotOffered)
}

// A list or page that is refused because two-factor authentication is missing says so, and the log
// has each refused part.
func TestSignInReportsMissingTwoFactor(t *testing.T) {
	t.Parallel()
	refuse := func(w http.ResponseWriter) {
		answer(w, http.StatusBadRequest, `{"error":{"message":"Two factor authentication is required","type":"OAuthException","code":415,"fbtrace_id":"A"}}`)
	}
	b := canned(t, func(w http.ResponseWriter, r *http.Request) {
		files := facebookSignIn()
		files["GET /facebook/v26.0/debug_token"] = []string{`{"data":{"app_id":"app","is_valid":true,"user_id":"10161","granular_scopes":[
			{"scope":"pages_show_list","target_ids":["100"]}]}}`}
		switch call := callOf(r); {
		case call == "GET /facebook/v26.0/me/accounts", call == "GET /facebook/v26.0/100":
			refuse(w)
		case strings.HasPrefix(files[call][0], "{"):
			answer(w, http.StatusOK, files[call][0])
		default:
			raw, err := os.ReadFile(filepath.Join("testdata", files[call][0]+".json"))
			assert.NoError(t, err)
			answer(w, http.StatusOK, string(raw))
		}
	})
	c, err := b.signIn(t, domain.Facebook).Redeem(t.Context(), "Tok3nCode", callBack)
	require.NoError(t, err)
	require.Empty(t, c.Offered)
	require.Len(t, c.NotOffered, 2)
	for _, n := range c.NotOffered {
		require.Equal(t, "Facebook requires two-factor authentication. Turn it on for your account there, and start again.", n.Reason, n.Name)
	}
	require.Equal(t, 2, strings.Count(b.logged(), "the platform refused a part of a sign-in"))
}

// Without r_basicprofile, LinkedIn refuses the profile: the pages are offered, and the scope is named.
// The list of pages says who the person is. Without it, the sign-in ends with the missing permission.
func TestLinkedInSignInWithoutBasicProfile(t *testing.T) {
	t.Parallel()
	files := linkedInSignIn()
	files["GET /linkedin/v2/me"] = []string{`403{"serviceErrorCode":100,"message":"Not enough permissions to access: GET /me","status":403,"code":"ACCESS_DENIED"}`}
	b, _ := wired(t, files)
	c, err := b.signIn(t, domain.LinkedIn).Redeem(t.Context(), "Tok3nCode", callBack)
	require.NoError(t, err)
	require.Equal(t, "yrZCpj2Z12", c.PersonID)
	require.Equal(t, c.PersonID, c.Tokens.ExternalID)
	require.Empty(t, c.Name)
	require.Len(t, c.Offered, 2)
	for _, page := range c.Offered {
		require.True(t, page.MayRead)
		require.Equal(t, domain.LinkedInCompanyPage, page.AccountType)
	}
	require.Len(t, c.NotOffered, 1)
	require.Contains(t, c.NotOffered[0].Reason, "r_basicprofile")
	require.Contains(t, b.logged(), `"part":"Your profile","reason":"permission"`)

	for _, acls := range []string{`{"elements":[]}`, `{"elements":[{"organization":"urn:li:organization:5501","role":"ADMINISTRATOR"}]}`} {
		files["GET /linkedin/rest/organizationAcls"] = []string{acls}
		_, err = b.signIn(t, domain.LinkedIn).Redeem(t.Context(), "Tok3nCode", callBack)
		requireKind(t, domain.StatusPermission, err)
	}
}

// An app asks for the scopes that are configured for it, because platforms approve them one by one.
func TestConfiguredScopes(t *testing.T) {
	t.Parallel()
	for _, p := range domain.Platforms() {
		b := canned(t, always(http.StatusOK, `{}`), func(c *platforms.Config) {
			for _, e := range []*platforms.Endpoint{&c.Facebook, &c.Instagram, &c.LinkedIn, &c.TikTok} {
				e.Scopes = []string{"one.approved"}
			}
		})
		require.Contains(t, b.signIn(t, p).Address("state", callBack), "scope=one.approved&")
	}
}

// A token of another Meta app never works with our app's secret, so a hand-over is refused, not
// postponed.
func TestTokenOfOtherMetaAppIsRefusedPermanently(t *testing.T) {
	t.Parallel()
	b := canned(t, always(http.StatusBadRequest, `{"error":{"message":"Invalid appsecret_proof provided in the API argument","code":100}}`))
	_, err := b.set.ConsentOf(t.Context(), domain.Facebook, platforms.Target{AccessToken: "Tok3nOther"})
	requireKind(t, domain.StatusPermission, err)
	require.Equal(t, domain.StatusOtherApp, platforms.StatusCodeOf(err))
}
