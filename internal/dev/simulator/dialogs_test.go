package simulator_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/simulator"
)

const callBack = "https://boards.example/connect/1"

// dialogs are the addresses of the dialogs, without state.
func dialogs() map[domain.Platform]string {
	with := func(path, client, scope string) string {
		q := url.Values{client: {"app"}, "redirect_uri": {callBack}, "response_type": {"code"}, "scope": {scope}}
		return path + "?" + q.Encode()
	}
	return map[domain.Platform]string{
		domain.Facebook: with("/facebook/v26.0/dialog/oauth", "client_id", "pages_show_list,pages_read_engagement,read_insights") + "&auth_type=rerequest",
		domain.Instagram: with("/instagram/oauth/authorize", "client_id",
			"instagram_business_basic,instagram_business_manage_insights"),
		domain.LinkedIn: with("/linkedin/oauth/v2/authorization", "client_id", "r_basicprofile rw_organization_admin"),
		domain.TikTok:   with("/tiktok/v2/auth/authorize/", "client_key", "user.info.basic,user.info.stats"),
	}
}

func withPeople(cfg simulator.Config) *simulator.Server {
	cfg.Seed, cfg.ClientID, cfg.ClientSecret = 1, "app", "secret"
	if cfg.Clock == nil {
		cfg.Clock = clockAt(testNow)
	}
	s := simulator.New(cfg)
	s.AddPeople(testNow.AddDate(0, -1, 0))
	return s
}

// browse opens a page, or posts a form on it.
func browse(t *testing.T, s http.Handler, address string, form url.Values) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, address, nil)
	if form != nil {
		r = httptest.NewRequest(http.MethodPost, address, strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

// back is the query of the call-back that a dialog ends with.
func back(t *testing.T, w *httptest.ResponseRecorder) url.Values {
	t.Helper()
	require.Equal(t, http.StatusFound, w.Code, w.Body.String())
	u, err := url.Parse(w.Header().Get("Location"))
	require.NoError(t, err)
	return u.Query()
}

// proofOf is the appsecret_proof of a token.
func proofOf(token string) string {
	mac := hmac.New(sha256.New, []byte("secret"))
	mac.Write([]byte(token))
	return hex.EncodeToString(mac.Sum(nil))
}

var (
	named = regexp.MustCompile(`name="(scope|page)" value="([^"]+)" checked`)
	links = regexp.MustCompile(`<a (?:id="leave" )?href="([^"]+)">([^<]+)</a>`)
)

// Boxes stand where the platform has them; whoever signs in is picked from a list.
func TestDialogHasItsBoxes(t *testing.T) {
	t.Parallel()
	s := withPeople(simulator.Config{})
	for p, want := range map[domain.Platform][]string{
		domain.Facebook:  {"scope pages_show_list", "scope pages_read_engagement", "scope read_insights", "page 90011", "page 90012", "page 90013"},
		domain.Instagram: {"scope instagram_business_manage_insights"},
		domain.LinkedIn:  nil,
		domain.TikTok:    {"scope user.info.stats"},
	} {
		first := browse(t, s, dialogs()[p]+"&state=a%26b", nil)
		require.Equal(t, http.StatusOK, first.Code)
		people := map[string]string{}
		for _, link := range links.FindAllStringSubmatch(first.Body.String(), -1) {
			people[link[2]] = html.UnescapeString(link[1])
		}
		require.Contains(t, people, "Mara Lindqvist")
		require.Equal(t, p == domain.Facebook, people["Jonas Weber"] != "", "he is at Facebook alone")
		path, _, _ := strings.Cut(dialogs()[p], "?")
		boxes := browse(t, s, path+people["Mara Lindqvist"], nil)
		var got []string
		for _, box := range named.FindAllStringSubmatch(boxes.Body.String(), -1) {
			got = append(got, box[1]+" "+box[2])
		}
		require.Equal(t, want, got, p)
		q := back(t, browse(t, s, path+people["Mara Lindqvist"], url.Values{"decision": {"consent"}}))
		require.Equal(t, "a&b", q.Get("state"))
		require.NotEmpty(t, q.Get("code"))
	}
	business := browse(t, s, strings.Replace(dialogs()[domain.Facebook], "scope=", "config_id=1&nothing=", 1)+"&as="+simulator.Mara, nil)
	require.NotContains(t, business.Body.String(), `name="scope"`, "all or nothing")
	require.Contains(t, business.Body.String(), `name="page"`)
}

// Each platform has words of its own for a refusal.
func TestDialogIsRefused(t *testing.T) {
	t.Parallel()
	s := withPeople(simulator.Config{})
	for p, want := range map[domain.Platform][2]string{
		domain.Facebook: {"access_denied", "access_denied"}, domain.Instagram: {"access_denied", "access_denied"},
		domain.LinkedIn: {"user_cancelled_authorize", "user_cancelled_login"}, domain.TikTok: {"access_denied", "access_denied"},
	} {
		q := back(t, browse(t, s, dialogs()[p]+"&state=7&as="+simulator.Mara, url.Values{"decision": {"refuse"}}))
		require.Equal(t, want[0], q.Get("error"), p)
		require.Equal(t, "7", q.Get("state"))
		require.Empty(t, q.Get("code"))
		meta := p == domain.Facebook || p == domain.Instagram
		require.Equal(t, meta, q.Get("error_reason") == "user_denied")
		left := links.FindAllStringSubmatch(browse(t, s, dialogs()[p]+"&state=7", nil).Body.String(), -1)
		u, err := url.Parse(html.UnescapeString(left[len(left)-1][1]))
		require.NoError(t, err)
		require.Equal(t, want[1], u.Query().Get("error"), "who does not sign in at all")
	}
}

// An address that is not registered, byte by byte, and another app's id are refused on a page: nobody is sent back.
func TestDialogRefusesStrangers(t *testing.T) {
	t.Parallel()
	s := withPeople(simulator.Config{Redirects: []string{callBack, "https://mytiktok.example/connect/6"}})
	for p, address := range dialogs() {
		require.Equal(t, http.StatusOK, browse(t, s, address, nil).Code)
		for _, other := range []string{callBack + "/", "http://boards.example/connect/1", callBack + "?a=b", "nonsense", ""} {
			w := browse(t, s, strings.Replace(address, url.QueryEscape(callBack), url.QueryEscape(other), 1)+"&as="+simulator.Mara, url.Values{"decision": {"consent"}})
			require.Equal(t, http.StatusBadRequest, w.Code, "%s %s", p, other)
			require.Empty(t, w.Header().Get("Location"))
		}
		require.Equal(t, http.StatusBadRequest, browse(t, s, strings.Replace(address, "=app", "=other", 1), nil).Code)
		require.Equal(t, http.StatusBadRequest, browse(t, s, strings.Replace(address, "=code", "=token", 1), nil).Code)
		require.Equal(t, http.StatusBadRequest, browse(t, s, regexp.MustCompile(`&scope=[^&]*`).ReplaceAllString(address, ""), nil).Code)
	}
	tikTok := strings.Replace(dialogs()[domain.TikTok], url.QueryEscape(callBack), url.QueryEscape("https://mytiktok.example/connect/6"), 1)
	require.Equal(t, http.StatusBadRequest, browse(t, s, tikTok, nil).Code, "an address with TikTok's name")
	tikTok = strings.Replace(dialogs()[domain.TikTok], "client_key", "client_id", 1)
	require.Equal(t, http.StatusBadRequest, browse(t, s, tikTok, nil).Code, "TikTok's parameter has another name")
}

// Without auth_type=rerequest, what was once unticked is never offered again, nor is a new page.
func TestDialogWithoutRerequest(t *testing.T) {
	t.Parallel()
	s := withPeople(simulator.Config{})
	again := dialogs()[domain.Facebook] + "&as=" + simulator.Mara
	back(t, browse(t, s, again, url.Values{"decision": {"consent"}, "scope": {"pages_show_list"}, "page": {"90011"}}))
	once := strings.Replace(again, "&auth_type=rerequest", "", 1)
	count := func(address string) int {
		return len(named.FindAllString(browse(t, s, address, nil).Body.String(), -1))
	}
	require.Equal(t, 2, count(once))
	require.Equal(t, 6, count(again))
	back(t, browse(t, s, once, url.Values{"decision": {"consent"}, "scope": {"pages_show_list", "read_insights"}, "page": {"90011", "90012"}}))
	require.Equal(t, 2, count(once), "what was not offered cannot be granted")
}

// facebookPerson signs somebody in and answers the short-lived token.
func facebookPerson(t *testing.T, s *simulator.Server, as string, pages ...string) string {
	t.Helper()
	form := url.Values{"decision": {"consent"}, "scope": {"pages_show_list", "pages_read_engagement", "read_insights"}, "page": pages}
	q := back(t, browse(t, s, dialogs()[domain.Facebook]+"&as="+as, form))
	more := url.Values{"client_id": {"app"}, "client_secret": {"secret"}, "redirect_uri": {callBack}, "code": {q.Get("code")}}
	_, body := get(t, s, "", "/facebook/v26.0/oauth/access_token?"+more.Encode())
	token, _ := body["access_token"].(string)
	require.NotEmpty(t, token, body)
	return token
}

// A page's token that was made of a short-lived one ends with it; one of a long-lived one does not end.
func TestPageTokensEndWithShortOnes(t *testing.T) {
	t.Parallel()
	now := testNow
	s := withPeople(simulator.Config{Clock: func() time.Time { return now }})
	short := facebookPerson(t, s, simulator.Jonas, "90014")
	pageToken := func(person string) string {
		_, body := get(t, s, person, "/facebook/v26.0/me/accounts?fields=access_token&appsecret_proof="+proofOf(person))
		data, _ := body["data"].([]any)
		require.Len(t, data, 1, body)
		token, _ := data[0].(map[string]any)["access_token"].(string)
		return token
	}
	more := url.Values{"client_id": {"app"}, "client_secret": {"secret"}, "grant_type": {"fb_exchange_token"}, "fb_exchange_token": {short}}
	_, body := get(t, s, "", "/facebook/v26.0/oauth/access_token?"+more.Encode())
	long, _ := body["access_token"].(string)
	ends, stays := pageToken(short), pageToken(long)
	now = now.Add(2 * time.Hour)
	_, body = get(t, s, "", "/facebook/v26.0/oauth/access_token?"+more.Encode())
	code, _ := errorOf(body)
	require.InDelta(t, 190, code, 0, "the short one is over")
	for token, want := range map[string]int{ends: http.StatusBadRequest, stays: http.StatusOK} {
		status, body := get(t, s, token, "/facebook/v26.0/90014?fields=id&appsecret_proof="+proofOf(token))
		require.Equal(t, want, status, body)
	}
	status, _ := get(t, s, long, "/facebook/v26.0/me/accounts")
	require.Equal(t, http.StatusBadRequest, status, "a call without the proof")
}

// debug_token wants the app's own token, and knows which tokens hold.
func TestDebugToken(t *testing.T) {
	t.Parallel()
	s := withPeople(simulator.Config{})
	person := facebookPerson(t, s, simulator.Jonas, "90014")
	ask := func(app string) map[string]any {
		_, body := get(t, s, app, "/facebook/v26.0/debug_token?input_token="+person+"&appsecret_proof="+proofOf(app))
		data, _ := body["data"].(map[string]any)
		return data
	}
	require.Nil(t, ask("app|wrong"))
	told := ask("app|secret")
	require.Equal(t, true, told["is_valid"])
	require.Equal(t, simulator.Jonas, told["user_id"])
	require.InDelta(t, testNow.Add(90*24*time.Hour).Unix(), told["data_access_expires_at"], 0)
	r := httptest.NewRequest(http.MethodDelete, "/facebook/v26.0/me/permissions?appsecret_proof="+proofOf(person), nil)
	r.Header.Set("Authorization", "Bearer "+person)
	_, body := do(t, s, r)
	require.Equal(t, true, body["success"])
	require.Equal(t, false, ask("app|secret")["is_valid"])
}
