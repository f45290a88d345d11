package mount_test

import (
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/api/mount"
	"github.com/ledgerboard/ledgerboard/internal/dev/simulator"
)

// People connect pages under the prefix; the main application registers pages and hands over
// tokens.
func testConnecting(t *testing.T, r running) {
	sim := simulator.New(simulator.Config{Seed: 7, ClientID: "app", ClientSecret: "APPSECRET"})
	sim.AddPeople(time.Now().AddDate(0, 0, -7))
	platform := httptest.NewServer(sim)
	t.Cleanup(platform.Close)
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	public := server.URL + "/boards"

	config := r.config(api.AuthenticatorFunc(byCookie))
	config.HTTP.Prefix = "/boards"
	config.Connect = &mount.Connect{
		SecretsKey: strings.Repeat("ab", 32), PublicURL: public,
		Facebook: mount.App{ID: "app", Secret: "APPSECRET", BaseURL: platform.URL + simulator.PathFacebook},
	}
	boards := open(t, config)
	mux.Handle("/boards/", boards.Handler())

	ask := func(method, path, body string, by func(*http.Request) *http.Request, into any) int {
		t.Helper()
		var w *httptest.ResponseRecorder
		served(func() int {
			r := httptest.NewRequestWithContext(t.Context(), method, "/boards"+path, strings.NewReader(body))
			r.Header.Set("Content-Type", "application/json")
			w = httptest.NewRecorder()
			boards.Handler().ServeHTTP(w, by(r))
			return w.Code
		})
		envelope := struct {
			Data any `json:"data"`
		}{into}
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &envelope), w.Body)
		return w.Code
	}
	staff := func(r *http.Request) *http.Request {
		r.AddCookie(&http.Cookie{Name: "session", Value: "alice's"})
		return r
	}
	app := func(r *http.Request) *http.Request {
		return r.WithContext(api.WithPrincipal(r.Context(), api.Principal{UserID: "my-app", Roles: api.Roles{api.RoleMainApp}}))
	}

	var begun struct {
		ID       string `json:"id"`
		StartURL string `json:"start_url"`
	}
	require.Equal(t, http.StatusOK, ask(http.MethodPost, "/api/connect", `{"platform":1,"account":"`+client+`"}`, staff, &begun))
	require.True(t, strings.HasPrefix(begun.StartURL, public+"/connect/start/"), begun.StartURL)
	browser := &browser{t: t, cookies: cookies{}}
	start := browser.get(begun.StartURL)
	dialog := strings.ReplaceAll(regexp.MustCompile(`href="([^"]+/dialog/oauth[^"]*)"`).FindStringSubmatch(start)[1], "&amp;", "&") + "&as=" + simulator.Mara
	form := url.Values{"decision": {"consent"}}
	for _, box := range regexp.MustCompile(`name="(scope|page)" value="([^"]+)" checked`).FindAllStringSubmatch(browser.get(dialog), -1) {
		form.Add(box[1], box[2])
	}
	choice := browser.post(dialog, form) // comes back below the prefix, and is led on to the choice
	require.Contains(t, choice, "Harbour Bakery")
	require.Contains(t, browser.at, public+"/connect/choose/"+begun.ID)
	seen := regexp.MustCompile(`name="seen" value="([^"]+)"`).FindStringSubmatch(choice)[1]
	browser.post(browser.at, url.Values{"seen": {seen}, "page": {"1.0.90011"}})
	var status struct {
		Step    string `json:"step"`
		Outcome struct {
			Connected []struct {
				Name string `json:"name"`
			} `json:"connected"`
		} `json:"outcome"`
	}
	require.Equal(t, http.StatusOK, ask(http.MethodGet, "/api/connect/"+begun.ID, "", staff, &status))
	require.Equal(t, "done", status.Step)
	require.Equal(t, "Harbour Bakery", status.Outcome.Connected[0].Name)

	// Who wants to be forgotten is erased by the mounted handler alone.
	list := html.UnescapeString(browser.post(platform.URL+simulator.PathFacebook+simulator.PathApps, url.Values{
		"as": {simulator.Mara}, "decision": {"erase"}, "deauthorize": {public + "/connect/meta/deauthorize"}, "delete": {public + "/connect/meta/delete"},
	}))
	address := regexp.MustCompile(`"url":"([^"]+)"`).FindStringSubmatch(list)
	require.NotNil(t, address, list)
	for until := time.Now().Add(patience); !strings.Contains(browser.get(address[1]), "Your data has been deleted"); time.Sleep(often) {
		require.True(t, time.Now().Before(until), "the request is not done")
	}
	var left []struct {
		Status string `json:"status"`
		Text   string `json:"text"`
	}
	require.Equal(t, http.StatusOK, ask(http.MethodGet, "/api/platforms", "", staff, &left))
	require.Contains(t, fmt.Sprint(left), "{disconnected The person who connected it asked the platform to delete their data.")

	var page struct {
		Connection int64 `json:"connection_id"`
	}
	registers := `{"account":"` + client + `","platform":1,"external_id":"90012","name":"Catering"}`
	require.Equal(t, http.StatusOK, ask(http.MethodPost, "/api/platforms", registers, app, &page))
	own := func(token string) string { return fmt.Sprintf(`{"access_token":%q}`, token) }
	tokens := fmt.Sprintf("/api/connections/%d/tokens", page.Connection)
	invented := func() int { return ask(http.MethodPut, tokens, own("invented"), app, &struct{}{}) }
	for until := time.Now().Add(patience); invented() == http.StatusNotFound && time.Now().Before(until); { // its record is not folded yet
		time.Sleep(often)
	}
	require.Equal(t, http.StatusUnprocessableEntity, invented())
	require.Equal(t, http.StatusOK, ask(http.MethodPut, tokens, own(sim.Tokens(1, "90012").Access), app, &struct{}{}))
	require.Equal(t, http.StatusForbidden, ask(http.MethodPut, tokens, own("invented"), staff, &struct{}{}))
}

// browser follows redirects and keeps all cookies, even secure ones, because the test server uses
// HTTP.
type browser struct {
	t       *testing.T
	cookies cookies
	at      string // the address of the page that is shown
}

type cookies map[string]string

func (c cookies) SetCookies(_ *url.URL, set []*http.Cookie) {
	for _, cookie := range set {
		c[cookie.Name] = cookie.Value
	}
}

func (c cookies) Cookies(*url.URL) (all []*http.Cookie) {
	for name, value := range c {
		all = append(all, &http.Cookie{Name: name, Value: value})
	}
	return all
}

func (b *browser) get(address string) string { return b.load(http.MethodGet, address, nil) }

func (b *browser) post(address string, form url.Values) string {
	return b.load(http.MethodPost, address, form)
}

func (b *browser) load(method, address string, form url.Values) string {
	b.t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Jar: b.cookies}
	r, err := http.NewRequestWithContext(b.t.Context(), method, address, strings.NewReader(form.Encode()))
	require.NoError(b.t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := client.Do(r)
	require.NoError(b.t, err)
	defer response.Body.Close()
	page, err := io.ReadAll(response.Body)
	require.NoError(b.t, err)
	require.Equal(b.t, http.StatusOK, response.StatusCode, "%s %s: %s", method, address, page)
	b.at = response.Request.URL.String()
	return string(page)
}
