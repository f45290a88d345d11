package api_test

import (
	"encoding/json"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/commands/connect"
	"github.com/ledgerboard/ledgerboard/domain"
)

// object returns the JSON object in a response.
func (a answer) object(t *testing.T) (members map[string]any) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(a.body), &members), a.body)
	return members
}

// visitor is a browser: it keeps the cookie, and sends Origin with its forms.
type visitor struct {
	b      *bundle
	cookie string
	maxAge int // of the cookie, in seconds
}

// visit requests a page, or sends a form to it.
func (v *visitor) visit(address string, form url.Values, headers ...string) answer {
	v.b.t.Helper()
	method, body := http.MethodGet, ""
	headers = append([]string{"Accept: text/html"}, headers...)
	if form != nil {
		method, body = http.MethodPost, form.Encode()
		headers = append(headers, "Content-Type: application/x-www-form-urlencoded")
	}
	if v.cookie != "" {
		headers = append(headers, "Cookie: __Host-lb_connect="+v.cookie)
	}
	got := v.b.ask(method, strings.TrimPrefix(address, connectAt), body, headers...)
	for _, cookie := range (&http.Response{Header: got.header}).Cookies() {
		require.Equal(v.b.t, "__Host-lb_connect", cookie.Name)
		require.True(v.b.t, cookie.Secure && cookie.HttpOnly && cookie.SameSite == http.SameSiteLaxMode && cookie.Path == "/" && cookie.Domain == "")
		v.cookie, v.maxAge = cookie.Value, cookie.MaxAge
	}
	if got.body != "" {
		policy := got.header.Get("Content-Security-Policy")
		require.Contains(v.b.t, policy, "default-src 'none'")
		require.NotContains(v.b.t, policy, "unsafe")
		got.lacks(v.b.t, "<script", "TOKEN")
		require.Equal(v.b.t, "no-store", got.header.Get("Cache-Control"))
	}
	require.Empty(v.b.t, got.header.Get("Access-Control-Allow-Origin"))
	return got
}

// refusedBack returns the page that a refused callback redirects to, whose URL does not contain the
// callback's parameters.
func (v *visitor) refusedBack(address string) answer {
	v.b.t.Helper()
	led := v.visit(address, nil).says(v.b.t, http.StatusSeeOther)
	at := led.header.Get("Location")
	require.Regexp(v.b.t, "^"+connectAt+`/connect/1\?refused=[a-z]+$`, at)
	return v.visit(at, nil)
}

// begun starts a sign-in and returns its URL and its id.
func (b *bundle) begun(role, body string) (start, id string) {
	b.t.Helper()
	got := b.ask(http.MethodPost, "/api/connect", body, "Authorization: Bearer "+b.tokenOf(role)).says(b.t, http.StatusOK)
	data := got.object(b.t)["data"].(map[string]any)
	return data["start_url"].(string), data["id"].(string)
}

var dialogLink = regexp.MustCompile(`href="(https://platform\.example[^"]*)"`)

// atPlatform returns the callback URL that the platform's dialog redirects to.
func atPlatform(t *testing.T, page answer) string {
	t.Helper()
	require.Equal(t, http.StatusOK, page.status, page.body)
	found := dialogLink.FindStringSubmatch(page.body)
	require.NotNil(t, found, page.body)
	dialog, err := url.Parse(html.UnescapeString(found[1]))
	require.NoError(t, err)
	return dialog.Query().Get("redirect_uri") + "?" + url.Values{"code": {"SECRETCODE"}, "state": dialog.Query()["state"], "unknown": {"SECRETMORE"}}.Encode()
}

var seenField = regexp.MustCompile(`name="seen" value="([^"]*)"`)

func ticked(page answer, pages ...string) url.Values {
	return url.Values{"page": pages, "seen": {seenField.FindStringSubmatch(page.body)[1]}}
}

const forClient1 = `{"platform":1,"account":"` + client1 + `","return_to":"/console/clients"}`

// The page explains why a page is not read, even if it was read before, and reloads if that may
// change soon. It names the platform of the sign-in: Facebook for an Instagram account behind a page.
func TestFailedFirstReadingIsExplained(t *testing.T) {
	t.Parallel()
	for code, c := range map[domain.StatusCode]struct {
		status domain.PageStatus
		want   string
	}{
		domain.StatusRefused:          {domain.PageReconnect, "waiting for a sign-in: Facebook no longer grants access"},
		domain.StatusRoleLost:         {domain.PageReconnect, "you no longer have a role on this page at Facebook"},
		domain.StatusPermission:       {domain.PagePermission, "leave everything selected at Facebook"},
		domain.StatusTwoFactor:        {domain.PagePermission, "Instagram requires two-factor authentication"},
		domain.StatusThrottled:        {domain.PageThrottled, "Instagram limits requests at the moment"},
		domain.StatusNotFound:         {domain.PageFailing, "Check there whether it still exists"},
		domain.StatusMoved:            {domain.PageFailing, "select the page that exists now"},
		domain.StatusBlocked:          {domain.PageBlocked, "Check the account there"},
		domain.StatusAppBlocked:       {domain.PageBlocked, "Instagram does not answer this service at the moment"},
		domain.StatusInvalid:          {domain.PageFailing, "Tell the person who sent you here"},
		domain.StatusRetry:            {domain.PageFailing, "We retry automatically"},
		domain.StatusInternal:         {domain.PageFailing, "We retry automatically"},
		domain.StatusConnectionPaused: {domain.PagePaused, "no new figures at the moment. An operator has paused it."},
	} {
		view := connect.View{Readings: []domain.FirstReading{{SocialAccountID: 5, ConnectionStatus: domain.ConnectionStatus{
			Status: c.status, Reasons: []domain.StatusReason{{Code: code, Answer: &domain.PlatformAnswer{Status: 400, Code: "200"}}},
		}}}}
		view.Platform = domain.Facebook
		view.Outcome = &domain.ConnectOutcome{Connected: []domain.ConnectedNow{{SocialAccountID: 5, PID: domain.Instagram, Name: "Bakery"}}}
		says, again := api.ProgressTexts(view)
		require.Len(t, says, 1)
		require.Contains(t, says[0], c.want, code)
		require.NotContains(t, says[0], "HTTP", code)
		require.Equal(t, code == domain.StatusRetry || code == domain.StatusInternal, again, code)
	}
}

// The page of a finished sign-in shows if a page was disconnected later or belongs to another
// client. It then promises no figures and does not reload.
func TestResultOfASignInShowsLaterChanges(t *testing.T) {
	t.Parallel()
	b := setupTenants(t)
	mine := &visitor{b: b}
	connected := func(account, move string) (result string) {
		start, _ := b.begun("agency", strings.Replace(forClient1, client1, account, 1))
		at := mine.visit(atPlatform(t, mine.visit(start, nil)), nil).header.Get("Location")
		form := ticked(mine.visit(at, nil), "1.0.1001")
		form.Set("move", move)
		require.Equal(t, http.StatusSeeOther, mine.visit(at, form).status)
		return at
	}
	reads := func(at, account string) {
		t.Helper()
		page := mine.visit(at, nil).body
		require.Contains(t, page, "<strong><bdi>Our agency</bdi></strong> reads for <strong><bdi>"+account+"</bdi></strong>")
		require.Contains(t, page, "waiting to be read")
		require.Contains(t, page, `http-equiv="refresh"`)
	}
	ended := func(at, account string) {
		t.Helper()
		page := mine.visit(at, nil).body
		require.Contains(t, page, "<h1>No longer connected</h1>")
		require.Contains(t, page, "<strong><bdi>Our agency</bdi></strong> no longer reads for <strong><bdi>"+account+"</bdi></strong>")
		require.Contains(t, page, "no longer connected for "+account)
		for _, not := range []string{"waiting to be read", "figures", `http-equiv="refresh"`} {
			require.NotContains(t, page, not)
		}
	}
	first := connected(client1, "")
	reads(first, "Client 1")
	moved := connected(client2, "1.0.1001")
	reads(moved, "Client 2")
	ended(first, "Client 1")

	number := strconv.FormatInt(domain.ComputedSocialAccount(agency, domain.Facebook, 0, "1001"), 10)
	b.ask(http.MethodPost, "/api/platforms/"+number+"/disconnect", "", "Authorization: Bearer "+b.agencyToken()).says(t, http.StatusOK)
	ended(moved, "Client 2")
	reads(connected(client2, ""), "Client 2")
}

// The whole flow: start, open, consent, choose, read; and what other callers see of it.
func TestPageIsConnectedInABrowser(t *testing.T) {
	t.Parallel()
	b := setupTenants(t, func(d *api.Deps) { d.Config.CORSOrigins = []string{"https://app.example"} })
	start, id := b.begun("agency", forClient1)
	mine, other := &visitor{b: b}, &visitor{b: b}
	page := mine.visit(start, nil)
	page.has(t, "Our agency", "Client 1")
	back := atPlatform(t, page)
	require.Equal(t, back, atPlatform(t, mine.visit(start, nil)), "loaded again, it leads to the same dialog")
	require.Equal(t, http.StatusForbidden, other.visit(start, nil).status, "another browser")
	other.refusedBack(back).says(t, http.StatusForbidden, "Go back to that browser")         // a sign-in that is finished in another browser
	(&visitor{b: b}).refusedBack(back).says(t, http.StatusForbidden, "with cookies allowed") // a browser without a cookie
	for _, forged := range []string{"code=SECRETCODE&state=forged", "state=%zz", ""} {
		require.Equal(t, http.StatusNotFound, mine.refusedBack("/connect/1?"+forged).status, forged)
	}

	came := mine.visit(back, nil).says(t, http.StatusSeeOther)
	choose := came.header.Get("Location")
	require.Equal(t, connectAt+"/connect/choose/"+id, choose, "an address without the code")
	again := mine.visit(back, nil)
	require.Equal(t, choose, again.header.Get("Location"), "a reload leads to the same page")

	page = mine.visit(choose, nil, "Origin: https://app.example")
	require.Empty(t, page.header.Get("Access-Control-Allow-Credentials"), "other origins cannot read it, even if the server allows them")
	page.has(t, "Paula", "Bakery", "&lt;script&gt;", "<strong>Facebook page 103</strong>: Facebook does not show it to this service.")
	require.Contains(t, page.body, "insights of pages and posts (read_insights)", "what was not agreed to")
	require.Equal(t, http.StatusForbidden, other.visit(choose, nil).status)
	require.Equal(t, http.StatusForbidden, other.visit(choose, ticked(page, "1.0.1001")).status)
	mine.visit(choose, ticked(page, "1.0.1001"), "Sec-Fetch-Site: cross-site", "Origin: https://evil.example").says(t, http.StatusForbidden)
	require.Contains(t, mine.visit(choose, ticked(page)).body, "Select at least one")

	done := mine.visit(choose, ticked(page, "1.0.1001")).says(t, http.StatusSeeOther)
	result := mine.visit(done.header.Get("Location"), nil)
	result.has(t, "Bakery", "waiting to be read", `http-equiv="refresh"`, `href="/console/clients"`)

	status := b.get("/api/connect/"+id, b.agencyToken())
	data := status.object(t)["data"].(map[string]any)
	require.Equal(t, "done", data["step"])
	number := domain.ComputedSocialAccount(agency, domain.Facebook, 0, "1001")
	require.Contains(t, status.body, strconv.FormatInt(number, 10))
	require.Equal(t, http.StatusNotFound, b.get("/api/connect/"+id, b.token(otherAgency, "agency")).status)

	b.get("/api/platforms/"+strconv.FormatInt(number, 10), b.agencyToken()).says(t, http.StatusOK).lacks(t, "TOKEN")
	off := b.ask(http.MethodPost, "/api/platforms/"+strconv.FormatInt(number, 10)+"/disconnect", "", "Authorization: Bearer "+b.agencyToken()).says(t, http.StatusOK)
	require.Equal(t, true, off.object(t)["data"].(map[string]any)["given_back"])

	word := start[strings.LastIndex(start, "/")+1:]
	for _, secret := range []string{"SECRETCODE", "SECRETMORE", "TOKEN", word, strings.ToLower(word), mine.cookie} {
		require.NotContains(t, b.logged(), secret)
	}
	_ = mine.visit("/connect/start/"+word+"/more", nil, "Accept: application/json")
	require.NotContains(t, b.logged(), word, "an address that nothing is served at")
}

// A page of another client moves only if the move is selected. Otherwise, the form is shown again
// with the error.
func TestARefusedChoiceKeepsItsSelection(t *testing.T) {
	t.Parallel()
	b := setupTenants(t)
	mine := &visitor{b: b}
	choose := func(account string) string {
		start, _ := b.begun("agency", strings.Replace(forClient1, client1, account, 1))
		return mine.visit(atPlatform(t, mine.visit(start, nil)), nil).header.Get("Location")
	}
	at := choose(client1)
	require.Equal(t, http.StatusSeeOther, mine.visit(at, ticked(mine.visit(at, nil), "1.0.1001")).status)
	at = choose(client2)
	page := mine.visit(at, ticked(mine.visit(at, nil), "1.0.1001", "1.0.1002")).says(t, http.StatusUnprocessableEntity, "Nothing was connected. Correct the marked errors")
	require.Regexp(t, `(?s)value="1.0.1001"[^>]* checked>.*&#34;Bakery&#34; on Facebook is connected for Client 1. Confirm that it moves.*value="1.0.1002"[^>]* checked>`, page.body)
	form := ticked(page, "1.0.1001")
	form.Set("move", "1.0.1001")
	form.Set("seen", "old")
	require.Regexp(t, `value="1.0.1001"[^>]* checked>`, mine.visit(at, form).body, "changed meanwhile")
	form.Set("seen", ticked(page).Get("seen"))
	form.Add("page", "1.0.1002")
	require.Equal(t, http.StatusSeeOther, mine.visit(at, form).status)

	// A person with a link cannot move them, so there is nothing to choose.
	made := b.ask(http.MethodPost, "/api/connect/links", `{"platforms":[1],"days":1,"account":"`+client1+`"}`, "Authorization: Bearer "+b.agencyToken())
	followed := mine.visit(made.object(t)["data"].(map[string]any)["url"].(string), url.Values{"platform": {"1"}})
	at = mine.visit(atPlatform(t, mine.visit(followed.header.Get("Location"), nil)), nil).header.Get("Location")
	nothing := mine.visit(at, nil).body
	require.Contains(t, nothing, "<h1>Nothing can be connected</h1>")
	require.NotContains(t, nothing, "Choose")
	require.NotContains(t, nothing, "Connect selected")
}

// A person who did not agree can start again with a button. A late consent gets an error.
func TestARefusedSignInStartsAgain(t *testing.T) {
	t.Parallel()
	b := setupTenants(t)
	made := b.ask(http.MethodPost, "/api/connect/links", `{"platforms":[1],"days":1,"account":"`+client1+`"}`, "Authorization: Bearer "+b.agencyToken())
	mine := &visitor{b: b}
	followed := mine.visit(made.object(t)["data"].(map[string]any)["url"].(string), url.Values{"platform": {"1"}})
	back := atPlatform(t, mine.visit(followed.header.Get("Location"), nil))
	declined := strings.Replace(back, "code=SECRETCODE", "error=access_denied", 1)
	at := mine.visit(declined, nil).header.Get("Location")
	for _, address := range []string{declined, back, back} {
		page := mine.visit(mine.visit(address, nil).header.Get("Location"), nil)
		require.Contains(t, page.body, `<button type="submit" name="again"`)
		require.Equal(t, address == declined, strings.Contains(page.body, "You did not give your consent on Facebook"))
		require.Equal(t, address == back, strings.Contains(page.body, "This sign-in has ended"))
	}
	require.Equal(t, http.StatusForbidden, (&visitor{b: b}).visit(at, url.Values{"again": {"1"}}).status, "another browser")
	again := mine.visit(at, url.Values{"again": {"1"}}).says(t, http.StatusSeeOther)
	choose := mine.visit(atPlatform(t, mine.visit(again.header.Get("Location"), nil)), nil).header.Get("Location")
	page := mine.visit(choose, nil)
	page.has(t, "Bakery", `name="again"`)
	require.Equal(t, http.StatusSeeOther, mine.visit(choose, url.Values{"again": {"1"}}).status, "before the choice")
	require.Equal(t, http.StatusSeeOther, mine.visit(choose, ticked(page, "1.0.1001")).status)
	mine.visit(choose, url.Values{"again": {"1"}}).says(t, http.StatusConflict, "open the link that you received again") // it was not refused
	inConsole := mine.visit(choose, url.Values{"again": {"1"}}, "Cookie: "+api.ConsoleCookie+"=x; __Host-lb_connect="+mine.cookie)
	require.Contains(t, inConsole.body, `href="`+connectAt+`/console/connect"`)
}

// While it is unknown who has lost access, a code is not redeemed. It stays in the URL only in the
// browser that started.
func TestCallbackWaitsWhilePeopleAreUnknown(t *testing.T) {
	t.Parallel()
	stale := &domain.Error{Code: domain.CodeUnavailable, Message: "it is not known who has left", RetryAfter: 2}
	var known error
	b := setupTenants(t, func(d *api.Deps) { d.PeopleKnown = func() error { return known } })
	start, id := b.begun("agency", forClient1)
	mine, other := &visitor{b: b}, &visitor{b: b}
	back := atPlatform(t, mine.visit(start, nil))
	otherStart, _ := b.begun("agency", forClient1)
	atPlatform(t, other.visit(otherStart, nil)) // so that it has a cookie of its own
	known = stale
	require.Equal(t, http.StatusForbidden, (&visitor{b: b}).refusedBack(back).status, "a browser without a cookie")
	require.Equal(t, http.StatusForbidden, other.refusedBack(back).status, "another browser")
	require.Equal(t, http.StatusNotFound, mine.refusedBack("/connect/1?code=SECRETCODE&state=forged").status)
	mine.visit(back, nil).says(t, http.StatusServiceUnavailable, stale.Message)
	known = nil
	require.Equal(t, connectAt+"/connect/choose/"+id, mine.visit(back, nil).header.Get("Location"), "the same address works later")
	choose := mine.visit("/connect/choose/"+id, nil)
	known = stale
	mine.visit("/connect/choose/"+id, nil).says(t, http.StatusServiceUnavailable, `http-equiv="refresh"`).lacks(t, "start again")
	require.Equal(t, http.StatusServiceUnavailable, mine.visit("/connect/choose/"+id, ticked(choose, "1.0.1001")).status)
	known = nil
	require.Equal(t, http.StatusSeeOther, mine.visit("/connect/choose/"+id, ticked(choose, "1.0.1001")).status)
	require.Contains(t, mine.visit("/connect/choose/"+id, nil).body, "The first figures usually arrive within a minute")
	known = stale
	connected := mine.visit("/connect/choose/"+id, nil)
	require.Contains(t, connected.body, `content="5; url=`+connectAt+"/connect/choose/"+id+`"`, "without the fragment that a platform appended")
	require.Equal(t, http.StatusOK, connected.status, "it is connected, whatever happened since")
	connected.has(t, "The first figures are delayed").lacks(t, "within a minute")
}

func TestConnectingIsLimitedToTheCallersTenant(t *testing.T) {
	t.Parallel()
	b := setupTenants(t)
	post := func(path, role, body string) answer {
		return b.ask(http.MethodPost, path, body, "Authorization: Bearer "+b.tokenOf(role))
	}
	for _, account := range []string{otherClient, otherAgency, noAccount} {
		for _, role := range []string{"agency", "client"} {
			require.Equal(t, http.StatusNotFound, post("/api/connect", role, `{"platform":1,"account":"`+account+`"}`).status)
			require.Equal(t, http.StatusNotFound, post("/api/connect/links", role, `{"platforms":[1],"days":1,"account":"`+account+`"}`).status)
		}
	}
	require.Equal(t, http.StatusNotFound, post("/api/connect", "client", `{"platform":1,"account":"`+client2+`"}`).status, "a client for another one")
	for body, field := range map[string]string{
		`{"platform":2,"account":"` + client1 + `"}`: "platform", `{"platform":1,"account":"x"}`: "account", `{"platform":1}`: "account",
		`{"platform":1,"account":"` + client1 + `","return_to":"https://evil.example"}`: "return_to",
		`{"platform":1,"account":"` + client1 + `","more":1}`:                           "more",
	} {
		post("/api/connect", "agency", body).requireNamed(t, field, body)
	}
	for body, field := range map[string]string{
		`{"platforms":[1.5],"days":1,"account":"` + client1 + `"}`: "platforms", `{"platforms":[1],"days":1.05,"account":"` + client1 + `"}`: "days",
		`{"platforms":[],"days":1,"account":"` + client1 + `"}`: "platforms", `{"platforms":[1],"days":15,"account":"` + client1 + `"}`: "days",
	} {
		post("/api/connect/links", "agency", body).requireNamed(t, field, body)
	}

	for path, fields := range map[string][]string{"/api/connect": {"platform", "account"}, "/api/connect/links": {"account", "platforms", "days"}} {
		require.Equal(t, fields, post(path, "agency", `{}`).failure(t).fields(), "all at once")
	}

	// The scope connect on its open dashboard lets a client in.
	scopes := []string{"analytics", "connect"}
	b.update(domain.UpdateDashboard{Primary: client1, Scopes: &scopes})
	start, id := b.begun("client", forClient1)
	require.Equal(t, http.StatusOK, (&visitor{b: b}).visit(start, nil).status)
	require.Equal(t, http.StatusOK, b.get("/api/connect/"+id, b.tokenOf("client")).status)
}

func TestLinkIsFollowedInOneBrowser(t *testing.T) {
	t.Parallel()
	b := setupTenants(t)
	made := b.ask(http.MethodPost, "/api/connect/links", `{"platforms":[4.0,1.0,1],"days":14.0,"account":"`+client1+`"}`, "Authorization: Bearer "+b.agencyToken()).says(t, http.StatusOK)
	data := made.object(t)["data"].(map[string]any)
	address := data["url"].(string)
	scanner, browser, late := &visitor{b: b}, &visitor{b: b}, &visitor{b: b}
	require.Equal(t, http.StatusOK, scanner.visit(address, nil).status)
	require.Empty(t, scanner.cookie, "opening it binds nothing")
	page := browser.visit(address, nil)
	page.has(t, "Sign in at LinkedIn").lacks(t, "Sign in at TikTok").has(t, "close this page. Nothing has been connected.")
	followed := browser.visit(address, url.Values{"platform": {"1"}}).says(t, http.StatusSeeOther)
	require.Equal(t, http.StatusForbidden, late.visit(address, url.Values{"platform": {"1"}}).status)
	elsewhere := scanner.visit(address, nil).says(t, http.StatusForbidden)
	require.NotContains(t, elsewhere.body, "open the link", "that is what did not work")
	const fortnight = 14 * 24 * 60 * 60
	require.Equal(t, fortnight, browser.maxAge, "the link works in this browser to its last day")
	came := browser.visit(atPlatform(t, browser.visit(followed.header.Get("Location"), nil)), nil)
	require.Equal(t, fortnight, browser.maxAge, "its sign-ins do not shorten that")
	choose := came.header.Get("Location")
	require.Equal(t, http.StatusSeeOther, browser.visit(choose, ticked(browser.visit(choose, nil), "1.0.1002")).status)
	require.NotContains(t, browser.visit(address, nil).body, "nothing was connected", "a page is connected")

	b.get("/api/connect/links", b.agencyToken()).says(t, http.StatusOK).lacks(t, address[strings.LastIndex(address, "/")+1:])
	require.Equal(t, http.StatusNotFound, b.ask(http.MethodPost, "/api/connect/links/"+data["id"].(string)+"/revoke", "", "Authorization: Bearer "+b.token(otherAgency, "agency")).status)
	require.Equal(t, http.StatusOK, b.ask(http.MethodPost, "/api/connect/links/"+data["id"].(string)+"/revoke", "", "Authorization: Bearer "+b.agencyToken()).status)
	require.Equal(t, http.StatusNotFound, browser.visit(address, nil).status)
	require.NotContains(t, b.logged(), address[strings.LastIndex(address, "/")+1:])
}
