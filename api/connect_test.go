package api_test

import (
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
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
)

// visitor is a browser: it keeps the cookie, and sends Origin with its forms.
type visitor struct {
	b      *bundle
	cookie string
	maxAge int // of the cookie, in seconds
}

// visit requests a page, or sends a form to it.
func (v *visitor) visit(address string, form url.Values, headers ...string) ledgertest.Answer {
	v.b.t.Helper()
	method, body := http.MethodGet, ""
	headers = append([]string{"Accept: text/html", "Host: " + strings.TrimPrefix(connectAt, "https://")}, headers...)
	if form != nil {
		method, body = http.MethodPost, form.Encode()
		headers = append(headers, "Content-Type: application/x-www-form-urlencoded")
	}
	if v.cookie != "" {
		headers = append(headers, "Cookie: __Host-lb_connect="+v.cookie)
	}
	got := v.b.ask(method, strings.TrimPrefix(address, connectAt), body, headers...)
	for _, cookie := range (&http.Response{Header: got.Header}).Cookies() {
		require.Equal(v.b.t, "__Host-lb_connect", cookie.Name)
		require.True(v.b.t, cookie.Secure && cookie.HttpOnly && cookie.SameSite == http.SameSiteLaxMode && cookie.Path == "/" && cookie.Domain == "")
		v.cookie, v.maxAge = cookie.Value, cookie.MaxAge
	}
	if got.Body != "" {
		policy := got.Header.Get("Content-Security-Policy")
		require.Contains(v.b.t, policy, "default-src 'none'")
		require.NotContains(v.b.t, policy, "unsafe")
		got.Lacks(v.b.t, "<script", "TOKEN")
		require.Equal(v.b.t, "no-store", got.Header.Get("Cache-Control"))
	}
	require.Empty(v.b.t, got.Header.Get("Access-Control-Allow-Origin"))
	return got
}

// refusedBack returns the page that a refused callback redirects to, whose URL does not contain the
// callback's parameters.
func (v *visitor) refusedBack(address string) ledgertest.Answer {
	v.b.t.Helper()
	led := v.visit(address, nil).Says(v.b.t, http.StatusSeeOther)
	at := led.Header.Get("Location")
	require.Regexp(v.b.t, "^"+connectAt+`/connect/1\?refused=[a-z]+$`, at)
	return v.visit(at, nil)
}

// begun starts a sign-in and returns its URL and its id.
func (b *bundle) begun(role, body string) (start, id string) {
	b.t.Helper()
	got := b.ask(http.MethodPost, "/api/connect", body, "Authorization: Bearer "+b.tokenOf(role)).Says(b.t, http.StatusOK)
	data := got.Object(b.t)["data"].(map[string]any)
	return data["start_url"].(string), data["id"].(string)
}

var dialogLink = regexp.MustCompile(`href="(https://platform\.example[^"]*)"`)

// atPlatform returns the callback URL that the platform's dialog redirects to.
func atPlatform(t *testing.T, page ledgertest.Answer) string {
	t.Helper()
	require.Equal(t, http.StatusOK, page.Status, page.Body)
	found := dialogLink.FindStringSubmatch(page.Body)
	require.NotNil(t, found, page.Body)
	dialog, err := url.Parse(html.UnescapeString(found[1]))
	require.NoError(t, err)
	return dialog.Query().Get("redirect_uri") + "?" + url.Values{"code": {"SECRETCODE"}, "state": dialog.Query()["state"], "unknown": {"SECRETMORE"}}.Encode()
}

var seenField = regexp.MustCompile(`name="seen" value="([^"]*)"`)

func ticked(page ledgertest.Answer, pages ...string) url.Values {
	return url.Values{"page": pages, "seen": {seenField.FindStringSubmatch(page.Body)[1]}}
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
func TestConnectResultPageShowsLaterChanges(t *testing.T) {
	t.Parallel()
	b := setupTenants(t)
	mine := &visitor{b: b}
	connected := func(account, move string) (result string) {
		start, _ := b.begun("agency", strings.Replace(forClient1, client1, account, 1))
		at := mine.visit(atPlatform(t, mine.visit(start, nil)), nil).Header.Get("Location")
		form := ticked(mine.visit(at, nil), "1.0.1001")
		form.Set("move", move)
		require.Equal(t, http.StatusSeeOther, mine.visit(at, form).Status)
		return at
	}
	reads := func(at, account string) {
		t.Helper()
		page := mine.visit(at, nil).Body
		require.Contains(t, page, "<strong><bdi>Our agency</bdi></strong> reads for <strong><bdi>"+account+"</bdi></strong>")
		require.Contains(t, page, "waiting to be read")
		require.Contains(t, page, `http-equiv="refresh"`)
	}
	ended := func(at, account string) {
		t.Helper()
		page := mine.visit(at, nil).Body
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
	b.ask(http.MethodPost, "/api/platforms/"+number+"/disconnect", "", "Authorization: Bearer "+b.agencyToken()).Says(t, http.StatusOK)
	ended(moved, "Client 2")
	reads(connected(client2, ""), "Client 2")
}

// The whole flow: start, open, consent, choose, read; and what other callers see of it.
func TestConnectFlowInBrowser(t *testing.T) {
	t.Parallel()
	b := setupTenants(t, func(d *api.Deps) { d.Config.CORSOrigins = []string{"https://app.example"} })
	start, id := b.begun("agency", forClient1)
	mine, other := &visitor{b: b}, &visitor{b: b}
	page := mine.visit(start, nil)
	page.Says(t, http.StatusOK, "Our agency", "Client 1")
	back := atPlatform(t, page)
	require.Equal(t, back, atPlatform(t, mine.visit(start, nil)), "loaded again, it leads to the same dialog")
	require.Equal(t, http.StatusForbidden, other.visit(start, nil).Status, "another browser")
	other.refusedBack(back).Says(t, http.StatusForbidden, "Go back to that browser")         // a sign-in that is finished in another browser
	(&visitor{b: b}).refusedBack(back).Says(t, http.StatusForbidden, "with cookies allowed") // a browser without a cookie
	for _, forged := range []string{"code=SECRETCODE&state=forged", "state=%zz", ""} {
		require.Equal(t, http.StatusNotFound, mine.refusedBack("/connect/1?"+forged).Status, forged)
	}

	came := mine.visit(back, nil).Says(t, http.StatusSeeOther)
	choose := came.Header.Get("Location")
	require.Equal(t, connectAt+"/connect/choose/"+id, choose, "an address without the code")
	again := mine.visit(back, nil)
	require.Equal(t, choose, again.Header.Get("Location"), "a reload leads to the same page")

	page = mine.visit(choose, nil, "Origin: https://app.example")
	require.Empty(t, page.Header.Get("Access-Control-Allow-Credentials"), "other origins cannot read it, even if the server allows them")
	page.Says(t, http.StatusOK, "Paula", "Bakery", "&lt;script&gt;", "<strong>Facebook page 103</strong>: Facebook does not show it to this service.")
	require.Contains(t, page.Body, "insights of pages and posts (read_insights)", "what was not agreed to")
	require.Equal(t, http.StatusForbidden, other.visit(choose, nil).Status)
	require.Equal(t, http.StatusForbidden, other.visit(choose, ticked(page, "1.0.1001")).Status)
	mine.visit(choose, ticked(page, "1.0.1001"), "Sec-Fetch-Site: cross-site", "Origin: https://evil.example").Says(t, http.StatusForbidden)
	require.Contains(t, mine.visit(choose, ticked(page)).Body, "Select at least one")

	done := mine.visit(choose, ticked(page, "1.0.1001")).Says(t, http.StatusSeeOther)
	result := mine.visit(done.Header.Get("Location"), nil)
	result.Says(t, http.StatusOK, "Bakery", "waiting to be read", `http-equiv="refresh"`, `href="/console/clients"`)

	status := b.get("/api/connect/"+id, b.agencyToken())
	data := status.Object(t)["data"].(map[string]any)
	require.Equal(t, "done", data["step"])
	number := domain.ComputedSocialAccount(agency, domain.Facebook, 0, "1001")
	require.Contains(t, status.Body, strconv.FormatInt(number, 10))
	require.Equal(t, http.StatusNotFound, b.get("/api/connect/"+id, b.token(otherAgency, "agency")).Status)

	b.get("/api/platforms/"+strconv.FormatInt(number, 10), b.agencyToken()).Says(t, http.StatusOK).Lacks(t, "TOKEN")
	off := b.ask(http.MethodPost, "/api/platforms/"+strconv.FormatInt(number, 10)+"/disconnect", "", "Authorization: Bearer "+b.agencyToken()).Says(t, http.StatusOK)
	require.Equal(t, true, off.Object(t)["data"].(map[string]any)["given_back"])

	word := start[strings.LastIndex(start, "/")+1:]
	for _, secret := range []string{"SECRETCODE", "SECRETMORE", "TOKEN", word, strings.ToLower(word), mine.cookie} {
		require.NotContains(t, b.logged(), secret)
	}
	_ = mine.visit("/connect/start/"+word+"/more", nil, "Accept: application/json")
	require.NotContains(t, b.logged(), word, "an address that nothing is served at")
}

// A page of another client moves only if the move is selected. Otherwise, the form is shown again
// with the error.
func TestRefusedPageChoiceKeepsSelection(t *testing.T) {
	t.Parallel()
	b := setupTenants(t)
	mine := &visitor{b: b}
	choose := func(account string) string {
		start, _ := b.begun("agency", strings.Replace(forClient1, client1, account, 1))
		return mine.visit(atPlatform(t, mine.visit(start, nil)), nil).Header.Get("Location")
	}
	at := choose(client1)
	require.Equal(t, http.StatusSeeOther, mine.visit(at, ticked(mine.visit(at, nil), "1.0.1001")).Status)
	at = choose(client2)
	page := mine.visit(at, ticked(mine.visit(at, nil), "1.0.1001", "1.0.1002")).Says(t, http.StatusUnprocessableEntity, "Nothing was connected. Correct the marked errors")
	require.Regexp(t, `(?s)value="1.0.1001"[^>]* checked>.*&#34;Bakery&#34; on Facebook is connected for Client 1. Confirm that it moves.*value="1.0.1002"[^>]* checked>`, page.Body)
	form := ticked(page, "1.0.1001")
	form.Set("move", "1.0.1001")
	form.Set("seen", "old")
	require.Regexp(t, `value="1.0.1001"[^>]* checked>`, mine.visit(at, form).Body, "changed meanwhile")
	form.Set("seen", ticked(page).Get("seen"))
	form.Add("page", "1.0.1002")
	require.Equal(t, http.StatusSeeOther, mine.visit(at, form).Status)

	// A person with a link cannot move them, so there is nothing to choose.
	made := b.ask(http.MethodPost, "/api/connect/links", `{"platforms":[1],"days":1,"account":"`+client1+`"}`, "Authorization: Bearer "+b.agencyToken())
	followed := mine.visit(made.Object(t)["data"].(map[string]any)["url"].(string), url.Values{"platform": {"1"}})
	at = mine.visit(atPlatform(t, mine.visit(followed.Header.Get("Location"), nil)), nil).Header.Get("Location")
	nothing := mine.visit(at, nil).Body
	require.Contains(t, nothing, "<h1>Nothing can be connected</h1>")
	require.NotContains(t, nothing, "Choose")
	require.NotContains(t, nothing, "Connect selected")
}

// A link that is opened under another host name continues at the public URL before it is used, once:
// a proxy may replace the host name.
func TestConnectLinkRedirectsOnceToPublicURL(t *testing.T) {
	t.Parallel()
	b := setupTenants(t)
	made := b.ask(http.MethodPost, "/api/connect/links", `{"platforms":[1],"days":1,"account":"`+client1+`"}`, "Authorization: Bearer "+b.agencyToken())
	address := made.Object(t)["data"].(map[string]any)["url"].(string)
	mine := &visitor{b: b}
	const other = "Host: 10.0.0.7:6001"
	moved := mine.visit(address, nil, other).Says(t, http.StatusSeeOther)
	require.Equal(t, address+"?at=public", moved.Header.Get("Location"))
	mine.visit(address+"?at=public", nil, other).Says(t, http.StatusOK, "Sign in at Facebook")
	mine.visit(address+"?at=public", url.Values{"platform": {"1"}}).Says(t, http.StatusSeeOther)
}

// A person who did not agree can start again with a button. A late consent gets an error.
func TestDeniedConsentCanBeRestarted(t *testing.T) {
	t.Parallel()
	b := setupTenants(t)
	made := b.ask(http.MethodPost, "/api/connect/links", `{"platforms":[1],"days":1,"account":"`+client1+`"}`, "Authorization: Bearer "+b.agencyToken())
	mine := &visitor{b: b}
	followed := mine.visit(made.Object(t)["data"].(map[string]any)["url"].(string), url.Values{"platform": {"1"}})
	back := atPlatform(t, mine.visit(followed.Header.Get("Location"), nil))
	declined := strings.Replace(back, "code=SECRETCODE", "error=access_denied", 1)
	at := mine.visit(declined, nil).Header.Get("Location")
	for _, address := range []string{declined, back, back} {
		page := mine.visit(mine.visit(address, nil).Header.Get("Location"), nil)
		require.Contains(t, page.Body, `<button type="submit" name="again"`)
		require.Equal(t, address == declined, strings.Contains(page.Body, "You did not give your consent on Facebook"))
		require.Equal(t, address == back, strings.Contains(page.Body, "This sign-in has ended"))
	}
	require.Equal(t, http.StatusForbidden, (&visitor{b: b}).visit(at, url.Values{"again": {"1"}}).Status, "another browser")
	again := mine.visit(at, url.Values{"again": {"1"}}).Says(t, http.StatusSeeOther)
	choose := mine.visit(atPlatform(t, mine.visit(again.Header.Get("Location"), nil)), nil).Header.Get("Location")
	page := mine.visit(choose, nil)
	page.Says(t, http.StatusOK, "Bakery", `name="again"`)
	require.Equal(t, http.StatusSeeOther, mine.visit(choose, url.Values{"again": {"1"}}).Status, "before the choice")
	require.Equal(t, http.StatusSeeOther, mine.visit(choose, ticked(page, "1.0.1001")).Status)
	mine.visit(choose, url.Values{"again": {"1"}}).Says(t, http.StatusConflict, "open the link that you received again") // it was not refused
	inConsole := mine.visit(choose, url.Values{"again": {"1"}}, "Cookie: "+api.ConsoleCookie+"=x; __Host-lb_connect="+mine.cookie)
	require.Contains(t, inConsole.Body, `href="`+connectAt+`/console/connect"`)
}

// While it is unknown who has lost access, a code is not redeemed. It stays in the URL only in the
// browser that started.
func TestCallbackRedeemsNoCodeWhileDirectoryLags(t *testing.T) {
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
	require.Equal(t, http.StatusForbidden, (&visitor{b: b}).refusedBack(back).Status, "a browser without a cookie")
	require.Equal(t, http.StatusForbidden, other.refusedBack(back).Status, "another browser")
	require.Equal(t, http.StatusNotFound, mine.refusedBack("/connect/1?code=SECRETCODE&state=forged").Status)
	mine.visit(back, nil).Says(t, http.StatusServiceUnavailable, stale.Message)
	known = nil
	require.Equal(t, connectAt+"/connect/choose/"+id, mine.visit(back, nil).Header.Get("Location"), "the same address works later")
	choose := mine.visit("/connect/choose/"+id, nil)
	known = stale
	mine.visit("/connect/choose/"+id, nil).Says(t, http.StatusServiceUnavailable, `http-equiv="refresh"`).Lacks(t, "start again")
	require.Equal(t, http.StatusServiceUnavailable, mine.visit("/connect/choose/"+id, ticked(choose, "1.0.1001")).Status)
	known = nil
	require.Equal(t, http.StatusSeeOther, mine.visit("/connect/choose/"+id, ticked(choose, "1.0.1001")).Status)
	require.Contains(t, mine.visit("/connect/choose/"+id, nil).Body, "The first figures usually arrive within a minute")
	known = stale
	connected := mine.visit("/connect/choose/"+id, nil)
	require.Contains(t, connected.Body, `content="5; url=`+connectAt+"/connect/choose/"+id+`"`, "without the fragment that a platform appended")
	require.Equal(t, http.StatusOK, connected.Status, "it is connected, whatever happened since")
	connected.Says(t, http.StatusOK, "The first figures are delayed").Lacks(t, "within a minute")
}

func TestConnectingIsLimitedToTheCallersTenant(t *testing.T) {
	t.Parallel()
	b := setupTenants(t)
	post := func(path, role, body string) ledgertest.Answer {
		return b.ask(http.MethodPost, path, body, "Authorization: Bearer "+b.tokenOf(role))
	}
	for _, account := range []string{otherClient, otherAgency, noAccount} {
		for _, role := range []string{"agency", "client"} {
			require.Equal(t, http.StatusNotFound, post("/api/connect", role, `{"platform":1,"account":"`+account+`"}`).Status)
			require.Equal(t, http.StatusNotFound, post("/api/connect/links", role, `{"platforms":[1],"days":1,"account":"`+account+`"}`).Status)
		}
	}
	require.Equal(t, http.StatusNotFound, post("/api/connect", "client", `{"platform":1,"account":"`+client2+`"}`).Status, "a client for another one")
	for body, field := range map[string]string{
		`{"platform":2,"account":"` + client1 + `"}`: "platform", `{"platform":1,"account":"x"}`: "account", `{"platform":1}`: "account",
		`{"platform":1,"account":"` + client1 + `","return_to":"https://evil.example"}`: "return_to",
		`{"platform":1,"account":"` + client1 + `","more":1}`:                           "more",
	} {
		requireNamed(t, post("/api/connect", "agency", body), field)
	}
	for body, field := range map[string]string{
		`{"platforms":[1.5],"days":1,"account":"` + client1 + `"}`: "platforms", `{"platforms":[1],"days":1.05,"account":"` + client1 + `"}`: "days",
		`{"platforms":[],"days":1,"account":"` + client1 + `"}`: "platforms", `{"platforms":[1],"days":15,"account":"` + client1 + `"}`: "days",
	} {
		requireNamed(t, post("/api/connect/links", "agency", body), field)
	}

	for path, fields := range map[string][]string{"/api/connect": {"platform", "account"}, "/api/connect/links": {"account", "platforms", "days"}} {
		require.Equal(t, fields, post(path, "agency", `{}`).Failure(t).Fields(), "all at once")
	}

	// The scope connect on its open dashboard lets a client in.
	scopes := []string{"analytics", "connect"}
	b.update(domain.UpdateDashboard{Primary: client1, Scopes: &scopes})
	start, id := b.begun("client", forClient1)
	require.Equal(t, http.StatusOK, (&visitor{b: b}).visit(start, nil).Status)
	require.Equal(t, http.StatusOK, b.get("/api/connect/"+id, b.tokenOf("client")).Status)
}

func TestConnectLinkIsBoundToOneBrowser(t *testing.T) {
	t.Parallel()
	b := setupTenants(t)
	made := b.ask(http.MethodPost, "/api/connect/links", `{"platforms":[4.0,1.0,1],"days":14.0,"account":"`+client1+`"}`, "Authorization: Bearer "+b.agencyToken()).Says(t, http.StatusOK)
	data := made.Object(t)["data"].(map[string]any)
	address := data["url"].(string)
	scanner, browser, late := &visitor{b: b}, &visitor{b: b}, &visitor{b: b}
	require.Equal(t, http.StatusOK, scanner.visit(address, nil).Status)
	require.Empty(t, scanner.cookie, "opening it binds nothing")
	page := browser.visit(address, nil)
	page.Says(t, http.StatusOK, "Sign in at LinkedIn").Lacks(t, "Sign in at TikTok").Says(t, http.StatusOK, "close this page. Nothing has been connected.")
	followed := browser.visit(address, url.Values{"platform": {"1"}}).Says(t, http.StatusSeeOther)
	require.Equal(t, http.StatusForbidden, late.visit(address, url.Values{"platform": {"1"}}).Status)
	elsewhere := scanner.visit(address, nil).Says(t, http.StatusForbidden)
	require.NotContains(t, elsewhere.Body, "open the link", "that is what did not work")
	const fortnight = 14 * 24 * 60 * 60
	require.Equal(t, fortnight, browser.maxAge, "the link works in this browser to its last day")
	came := browser.visit(atPlatform(t, browser.visit(followed.Header.Get("Location"), nil)), nil)
	require.Equal(t, fortnight, browser.maxAge, "its sign-ins do not shorten that")
	choose := came.Header.Get("Location")
	require.Equal(t, http.StatusSeeOther, browser.visit(choose, ticked(browser.visit(choose, nil), "1.0.1002")).Status)
	require.NotContains(t, browser.visit(address, nil).Body, "nothing was connected", "a page is connected")

	b.get("/api/connect/links", b.agencyToken()).Says(t, http.StatusOK).Lacks(t, address[strings.LastIndex(address, "/")+1:])
	require.Equal(t, http.StatusNotFound, b.ask(http.MethodPost, "/api/connect/links/"+data["id"].(string)+"/revoke", "", "Authorization: Bearer "+b.token(otherAgency, "agency")).Status)
	require.Equal(t, http.StatusOK, b.ask(http.MethodPost, "/api/connect/links/"+data["id"].(string)+"/revoke", "", "Authorization: Bearer "+b.agencyToken()).Status)
	require.Equal(t, http.StatusNotFound, browser.visit(address, nil).Status)
	require.NotContains(t, b.logged(), address[strings.LastIndex(address, "/")+1:])
}
