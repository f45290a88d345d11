package console_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/commands/connect"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/directory"
)

const linked = "/console/clients/" + bakery + "/connections"

// connectStage is a stage whose sign-ins start at the browser's address.
func connectStage(t *testing.T, role string) (*stage, *browser) {
	t.Helper()
	s := newFake(t)
	s.answer("GET /api/accounts", []directory.Account{{ID: bakery, Name: "Harbour Bakery"}}, nil)
	s.answer("GET /api/connect/links", []domain.ConnectLink{}, nil)
	s.take("POST /api/connect", connect.StartedSignIn{ID: "1", StartURL: "http://localhost:6001/connect/start/WORD"})
	s.take("POST /api/connect/links", connect.MadeLink{
		ConnectLink: domain.ConnectLink{ID: "l1", AccountID: bakery, ExpiresAt: s.now.AddDate(0, 0, 7)}, URL: "http://localhost:6001/connect/link/WORD",
	})
	return s, s.signedIn(role)
}

// statusOf is the status that the API gives of a LinkedIn page.
func statusOf(status domain.PageStatus, codes ...domain.StatusCode) domain.ConnectionStatus {
	s := domain.ConnectionStatus{Status: status, Reasons: reasons(codes...)}
	s.Text = readmodels.TextOf(s.Reasons, domain.APIText, domain.LinkedIn)
	return s
}

func TestConnectionStatus(t *testing.T) {
	t.Parallel()
	s, b := connectStage(t, "agency")
	s.answer("GET /api/platforms", []directory.ConnectedPlatform{}, nil)
	b.get(linked).says(http.StatusOK, "Nothing is connected for Harbour Bakery yet", "LinkedIn")
	all := []directory.ConnectedPlatform{}
	for i, p := range []domain.ConnectionStatus{
		statusOf(domain.PageReconnect, domain.StatusRefused),
		statusOf(domain.PagePermission, domain.StatusPermission),
		statusOf(domain.PagePaused, domain.StatusPlatformPaused),
		statusOf(domain.PageWaiting, domain.StatusNotReadYet),
		{Status: domain.PageOK},
	} {
		all = append(all, directory.ConnectedPlatform{
			ID: int64(70 + i), ProfileName: markup, ConnectionStatus: p, PlatformRef: readmodels.PlatformRefOf(domain.LinkedIn), SignInAt: domain.LinkedIn,
		})
	}
	s.answer("GET /api/platforms", all, nil)
	page := b.get(linked)
	page.says(http.StatusOK, `>sign-in required</span> The platform no longer grants access.`, "A permission is missing.", "An operator has paused all reading from LinkedIn.", "It is read regularly.",
		"It has not been read yet.", `data-refresh="3"`, "&lt;b onclick=").lacks("<b onclick") // a page's name is no markup
	all = []directory.ConnectedPlatform{{ConnectionStatus: domain.ConnectionStatus{Status: domain.PageOK, Reasons: []domain.StatusReason{
		{Code: domain.StatusPostsFailed, Posts: 1, Of: 8, Answer: &domain.PlatformAnswer{Status: 500, Code: "2"}},
	}, Text: "1 of 8 posts could not be read."}}}
	s.answer("GET /api/platforms", all, nil)
	b.get(linked).says(http.StatusOK, `"badge good">`, "It is read regularly. 1 of 8 posts could not be read.", "<summary>Details</summary>HTTP 500, code 2<")
	all = []directory.ConnectedPlatform{{ConnectionStatus: statusOf(domain.PagePaused, domain.StatusConnectionPaused)}}
	s.answer("GET /api/platforms", all, nil)
	b.get(linked).says(http.StatusOK, "An operator has paused it.", "Figures read earlier are kept.").lacks("all reading from")
	all = []directory.ConnectedPlatform{{PlatformRef: readmodels.PlatformRefOf(domain.Instagram), ConnectionStatus: statusOf(domain.PageDisconnected, domain.StatusErased)}}
	s.answer("GET /api/platforms", all, nil)
	gone := b.get(linked).says(http.StatusOK, ">Reconnect with Facebook<", ">Reconnect with Instagram<", "</span> The person who connected it was erased.")
	require.Equal(t, 1, strings.Count(gone.Body.String(), "was erased"))
	twice := directory.ConnectedPlatform{PlatformRef: all[0].PlatformRef, ConnectionStatus: domain.ConnectionStatus{Status: domain.PageOK}}
	s.answer("GET /api/platforms", append(all, twice), nil)
	require.NotContains(t, b.get(linked).Body.String(), "Reconnect", "the page is connected as another row of the directory")

	lacking := directory.ConnectedPlatform{PlatformRef: readmodels.PlatformRefOf(domain.Instagram), SignInAt: domain.Facebook, ConnectionStatus: domain.ConnectionStatus{Status: domain.PageOK}}
	lacking.Ungranted = []domain.UngrantedFigure{
		{Of: domain.FiguresOfPosts, Figure: domain.MetricClicks},
		{Of: domain.FiguresOfAccount, Figure: domain.FigureDemographics},
		{Of: domain.FiguresOfPosts, Figure: domain.MetricAvgWatch},
	}
	lacking.SignInBefore = new(time.Date(2027, 2, 23, 0, 0, 0, 0, time.UTC))
	refused := directory.ConnectedPlatform{
		PlatformRef: lacking.PlatformRef, SignInAt: domain.Facebook, ID: 1, ProfileName: "zoo",
		ConnectionStatus: statusOf(domain.PageReconnect, domain.StatusRefused, domain.StatusConnectionPaused),
	}
	first := refused
	first.ID, first.ProfileName = 2, "Ark"
	s.answer("GET /api/platforms", []directory.ConnectedPlatform{refused, first}, nil)
	page = b.get(linked)
	require.Regexp(t, "(?s)Ark<.*zoo<", page.Body.String())
	page.says(http.StatusOK, "The platform no longer grants access.", "An operator has paused it. Ask the operator of this service. Figures read earlier are kept.", `name="platform" value="1"><button class="second" name="account"`)
	s.answer("GET /api/platforms", []directory.ConnectedPlatform{lacking}, nil)
	b.get(linked).says(http.StatusOK, "figures missing</span> It is read regularly.", ">Reconnect<", "2027",
		"some figures stay empty (of pages and profiles: demographics; of posts: average watch time, clicks). Reconnect it, and leave all permissions selected on Facebook.")

	b.post(linked, url.Values{"platform": {"4"}, "account": {"71"}}).leadsTo("/connect/start/WORD")
	require.JSONEq(t, `{"platform":4,"account":"`+bakery+`","return_to":"`+linked+`","social_account":71}`, s.sent[len(s.sent)-1].body)
	s.answer("POST /api/connect", connect.StartedSignIn{StartURL: "https://boards.example.com/connect/start/WORD"}, nil)
	b.post(linked, url.Values{"platform": {"4"}}).says(http.StatusOK, `role="alert"`, "return only to https://boards.example.com")
}

// The page shows what is kept and deleted before it disconnects, and what remains to do afterwards.
func TestAPageIsDisconnected(t *testing.T) {
	t.Parallel()
	s, b := connectStage(t, "agency")
	number := domain.ComputedSocialAccount(agency, domain.Instagram, 0, "1001")
	page := directory.ConnectedPlatform{
		PlatformRef: readmodels.PlatformRefOf(domain.Instagram), ID: number, AccountID: bakery, ProfileName: "Harbour Bakery Pictures",
		ConnectionID: domain.GrantKey{Platform: domain.Facebook, App: "app", Person: "u1"}.ConnectionID(agency), ConnectionStatus: domain.ConnectionStatus{Status: domain.PageOK}, SignInAt: domain.Facebook,
	}
	byMain := directory.ConnectedPlatform{ID: 70, AccountID: bakery, ProfileName: "Of the main application", ConnectionID: 7, ConnectionStatus: domain.ConnectionStatus{Status: domain.PageOK}}
	s.answer("GET /api/platforms", []directory.ConnectedPlatform{page, byMain}, nil)
	s.answer(fmt.Sprint("GET /api/platforms/", number), page, nil)
	at := fmt.Sprint(linked, "/", number, "/disconnect")
	b.get(linked).says(http.StatusOK, `href="`+at+`"`).lacks(linked+"/70/disconnect", "may not be shown here yet") // the main application disconnects what it connected
	s.ready(http.StatusOK, map[string]any{"projections": []map[string]any{{"name": "directory", "paused": true, "lag_events": 3}}})
	b.get(linked).says(http.StatusOK, "The latest readings, or pages that were just connected or disconnected, may not be shown here yet.")

	s.asked = nil
	b.get(at).says(http.StatusOK, "<strong>Kept:</strong> the figures", "<strong>Deleted:</strong> the access token", "it is revoked on Facebook.", `method="post" action="`+at+`"`)
	require.NotContains(t, strings.Join(s.asked, " "), "POST", "a look changes nothing")
	b.send(http.MethodPost, at, url.Values{}, func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }).says(http.StatusForbidden)
	require.NotContains(t, strings.Join(s.asked, " "), "POST")

	call := fmt.Sprintf("POST /api/platforms/%d/disconnect", number)
	s.refuse(call, http.StatusConflict, domain.CodeConflict, "Disconnect it there.")
	b.post(at, url.Values{}).says(http.StatusOK, `role="alert">Disconnect it there.`, "Keep it connected")
	s.answer(call, connect.Disconnected{SocialAccountID: number, Left: "Remove the app there."}, nil)
	b.post(at, url.Values{}).says(http.StatusOK, "is disconnected and no longer read", "Remove the app there.", `href="`+linked+`"`)
	page.Status = domain.PageDisconnected
	s.answer(fmt.Sprint("GET /api/platforms/", number), page, nil)
	b.get(at).says(http.StatusOK, "is already disconnected", "Delete its tokens").lacks("<button>Disconnect</button>")

	page.AccountID = catering
	s.answer(fmt.Sprint("GET /api/platforms/", number), page, nil)
	s.asked = nil
	b.post(at, url.Values{}).says(http.StatusNotFound)
	require.NotContains(t, strings.Join(s.asked, " "), "POST", "it belongs to another client")
	s.signedIn("client").get(at).says(http.StatusForbidden)
}

func TestConnectingAndItsLinks(t *testing.T) {
	t.Parallel()
	s, b := connectStage(t, "agency")
	s.answer("GET /api/connect/links", []domain.ConnectLink{
		{ID: "l1", AccountID: bakery, Platforms: []domain.Platform{domain.TikTok}, ExpiresAt: s.now.Add(time.Hour), Works: true},
		{ID: "l2", AccountID: bakery, ExpiresAt: s.now},
		{ID: "l3", AccountID: bakery, ExpiresAt: s.now.Add(time.Hour), RevokedAt: &s.now},
		{ID: "l4", AccountID: bakery, ExpiresAt: s.now.Add(time.Hour)},
	}, nil)
	b.get("/console/connect?client="+bakery).says(http.StatusOK, "Harbour Bakery", "TikTok", "not used yet", "revoked", "expired", " selected",
		"the person who created it may no longer connect pages", `action="/console/connect/links/l1/revoke"`)
	b.post("/console/connect", url.Values{"platform": {"1"}, "client": {bakery}}).leadsTo("/connect/start/WORD")
	require.JSONEq(t, `{"platform":1,"account":"`+bakery+`","return_to":"`+linked+`"}`, s.sent[len(s.sent)-1].body)
	made := b.post("/console/connect/links", url.Values{"platform": {"1", "6"}, "client": {bakery}, "days": {"7"}})
	made.says(http.StatusOK, "http://localhost:6001/connect/link/WORD", "for Harbour Bakery", "shown only once")
	require.JSONEq(t, `{"platforms":[1,6],"account":"`+bakery+`","days":7}`, s.sent[len(s.sent)-1].body)
	s.answer("POST /api/connect/links/l1/revoke", domain.ConnectLink{}, nil)
	b.post("/console/connect/links/l1/revoke", url.Values{}).leadsTo("/console/connect")
}

// Both forms keep the chosen client after an error, even if the list does not contain it: a link is
// never created for another client.
func TestConnectFormsKeepTheirInput(t *testing.T) {
	t.Parallel()
	s, b := connectStage(t, "agency")
	const other = "0123456789abcdef01234567"
	s.answers["GET /api/accounts"] = func(_ api.Principal, r *http.Request) (int, any) {
		listed := []directory.Account{{ID: bakery, Name: "Harbour Bakery"}}
		if r.URL.Query().Get("account") == other {
			listed = []directory.Account{{ID: other, Name: "Zeta Yachts"}}
		}
		return http.StatusOK, map[string]any{"data": listed}
	}
	require.NotContains(t, b.get("/console/connect").Body.String(), " selected", "no client is preselected")
	again := func(p page, words ...string) {
		p.says(http.StatusOK, append(words, `<option value="`+other+`" selected>Zeta Yachts</option>`)...).
			lacks("words of the API", `value="`+bakery+`" selected`)
	}
	require.Contains(t, b.get("/console/connect").Body.String(), `#link" novalidate>`, "a browser would report one field at a time")
	s.refuseFields("POST /api/connect/links", "platforms")
	again(b.post("/console/connect/links?q=harbour", url.Values{"client": {other}, "days": {"9"}}),
		"Select one or more platforms.", `value="9"`, `value="harbour"`)
	s.refuseFields("POST /api/connect/links", "platforms", "days")
	again(b.post("/console/connect/links", url.Values{"client": {other}, "platform": {"6"}, "days": {"99"}}),
		"Select one or more platforms.", "Enter a whole number from 1 to 14.", `value="99"`, `value="6" checked`)
	s.refuseFields("POST /api/connect", "platform")
	again(b.post("/console/connect", url.Values{"client": {other}, "platform": {"9"}}), "Choose a platform.")
	require.Empty(t, s.sent)
}

// A client user connects only for their own account, and sees the page in the bar only if a board
// has the scope.
func TestAClientConnectsForItself(t *testing.T) {
	t.Parallel()
	s, b := connectStage(t, "client")
	b.post("/console/connect", url.Values{"platform": {"1"}, "client": {agency}}).leadsTo("/connect/start/WORD")
	require.JSONEq(t, `{"platform":1,"account":"`+bakery+`","return_to":"/console/connect"}`, s.sent[len(s.sent)-1].body)
	require.NotContains(t, b.get("/console").Body.String(), `href="/console/connect"`)
	s.answer("GET /api/me", directory.Me{UserID: clara, Roles: []string{"client"}, Scopes: []string{"connect"}}, nil)
	b.get("/console").says(http.StatusOK, `href="/console/connect"`)
}

func TestAClosedBoardIsShownImmediately(t *testing.T) {
	t.Parallel()
	s, b := fakeSignedIn(t, "client")
	s.answer("GET "+board, []readmodels.DashboardView{{
		SubAccountIDs: []readmodels.LinkedAccount{{ID: bakery, Name: "Harbour Bakery"}}, Scopes: []string{"posts"},
	}}, nil)
	own := "/console/board/" + bakery
	b.get(own).says(http.StatusOK, `data-board="`+own+`"`, "/console/assets/board.")
	b.get(own + "/closed").leadsTo(own)
	s.refuse("GET "+board, http.StatusForbidden, domain.CodeForbidden, "You have no access to this dashboard. Ask your agency for access.")
	b.get(own+"/closed").says(http.StatusOK, "closed it or removed you from its list while you were viewing it.", "Your account is not affected")
	b.get(own).says(http.StatusForbidden, "You have no access to this dashboard.", "You cannot open any other board now")
	s.refuse("GET "+board, http.StatusServiceUnavailable, domain.CodeUnavailable, "Not now.")
	b.get(own+"/closed").says(http.StatusServiceUnavailable, "Not now.")
	s.signedIn("agency").get("/console/stream/notices").says(http.StatusForbidden, "does not have access to this page")
}
