package console_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/operator"
)

const linked = "/console/clients/" + bakery + "/connections"

// page is a page of the bakery, and how it is connected and read.
type connectedPage struct {
	domain.DirectorySocialAccount

	reason      string           // of the last reading of its totals; "": none failed
	postsReason string           // the same of its posts
	paused      domain.PauseKind // "": no pause
	granted     string           // scopes of its token; "": it has none here
	read        bool
}

// connect adds pages of the bakery, of their own connections.
func (r *real) connect(pages ...connectedPage) {
	r.t.Helper()
	exec := func(sql string, args ...any) { ledgertest.Exec(r.t, r.log.DB.Pool, sql, args...) }
	for _, p := range pages {
		p.ParentAccount, p.AccountID, p.MemberID = agency, bakery, p.ID
		if p.ConnectionID == 0 {
			p.ConnectionID = p.ID
		}
		p.Connected = p.Ended == ""
		ref := ""
		if p.granted != "" {
			ref = fmt.Sprint("token ", p.ID)
			exec(`insert into kept.secrets (ref, key_id, sealed, updated_at, granted) values ($1, 'k', '', now() - interval '1 day', $2)`, ref, p.granted)
		}
		r.log.Put(r.t, domain.DirectoryConnection{ID: p.ConnectionID, MemberID: p.ID, Platform: p.Platform, SecretRef: ref}, p.DirectorySocialAccount)
		for kind, reason := range map[string]string{domain.FetchAccounts: p.reason, domain.FetchPosts: p.postsReason} {
			if reason != "" {
				exec(`insert into kept.fetch_state (kind, p_id, social_account_id, due_at, updated_at, failures, reason)
					values ($1, $2, $3, now(), current_timestamp, 1, $4)`, kind, int(p.Platform), p.ID, reason)
			}
		}
		switch p.paused {
		case domain.PauseConnection:
			exec(`insert into kept.pauses (kind, name, since, actor, code, ticket) values ('connection', $1, now(), 'ops', 'test', '')`, fmt.Sprint(p.ConnectionID))
		case domain.PausePlatform:
			exec(`insert into kept.pauses (kind, name, since, actor, code, ticket) values ('platform', $1, now(), 'ops', 'test', '')`, p.Platform.String())
		}
		if p.read {
			r.read(bakery, p.ID, 1, 100)
		}
	}
}

// called is a page with a name.
func called(id int64, p domain.Platform, name string) domain.DirectorySocialAccount {
	return domain.DirectorySocialAccount{ID: id, Platform: p, Name: name, ExternalID: fmt.Sprint("x", id)}
}

func TestConnectionsPageShowsStatusAndRemedy(t *testing.T) {
	t.Parallel()
	r := newReal(t)
	b := r.signedIn("agency")
	b.get("/console/clients/"+mill+"/connections").says(http.StatusOK, "Nothing is connected for Old Mill yet", "TikTok")
	const all = "pages_read_engagement read_insights pages_read_user_content"
	erased := called(97, domain.Instagram, "Erased")
	erased.Ended = domain.StatusErased
	twice, again := called(98, domain.Instagram, "Twice"), called(99, domain.Instagram, "Twice again")
	twice.Ended, again.ExternalID = domain.StatusErased, twice.ExternalID
	r.connect(
		connectedPage{DirectorySocialAccount: called(90, domain.Facebook, "zoo"), reason: `{"code": "refused"}`},
		connectedPage{DirectorySocialAccount: called(91, domain.Facebook, "Ark"), reason: `{"code": "refused"}`, paused: domain.PauseConnection},
		connectedPage{DirectorySocialAccount: called(92, domain.Facebook, "Permission"), reason: `{"code": "permission"}`},
		connectedPage{DirectorySocialAccount: called(93, domain.LinkedIn, "Held"), paused: domain.PausePlatform},
		connectedPage{DirectorySocialAccount: called(94, domain.Facebook, markup)},
		connectedPage{
			DirectorySocialAccount: called(95, domain.Facebook, "Posts"), granted: all, read: true,
			postsReason: `{"code": "posts_failed", "posts": 1, "of": 8, "platform": {"status": 500, "code": "2"}}`,
		},
		connectedPage{DirectorySocialAccount: called(96, domain.Facebook, "Declined"), granted: "pages_read_engagement", read: true},
		connectedPage{DirectorySocialAccount: erased}, connectedPage{DirectorySocialAccount: twice}, connectedPage{DirectorySocialAccount: again, read: true},
	)
	page := b.get(linked)
	page.says(http.StatusOK, `>sign-in required</span> The platform no longer grants access.`, "A permission is missing.", "An operator has paused all reading from LinkedIn.", "It is read regularly.",
		"It has not been read yet.", `data-refresh="3"`, "&lt;b onclick=", // a page's name is no markup
		"An operator has paused it.", "Figures read earlier are kept.",
		`"badge good">`, "It is read regularly. 1 of 8 posts could not be read.", "<summary>Details</summary>HTTP 500, code 2<",
		"figures missing</span> It is read regularly.", "Some permissions were declined during sign-in, so some figures stay empty (of pages and profiles: ", "Reconnect it, and leave all permissions selected on Facebook.",
		"</span> The person who connected it was erased.", ">Reconnect with Facebook<").lacks("<b onclick")
	require.Equal(t, 2, strings.Count(page.Body.String(), "was erased"))
	require.Equal(t, 1, strings.Count(page.Body.String(), ">Reconnect with Facebook<"), "the other page is connected as another row of the directory")
	requireInOrder(t, page.Body.String(), "Ark<", "zoo<")

	started := b.post(linked, url.Values{"platform": {"1"}, "account": {"90"}}).Header().Get("Location")
	require.Regexp(t, "^/connect/start/[A-Z2-7]{26}$", started)
	require.Equal(t, linked+" 90", r.attempted())
	other := r.signedIn("agency")
	other.host = "127.0.0.1:6001"
	other.post(linked, url.Values{"platform": {"1"}}).says(http.StatusOK, `role="alert"`, "return only to http://localhost:6001")
}

// attempted returns where the newest sign-in returns to, and the page that it reconnects.
func (r *real) attempted() string {
	r.t.Helper()
	return ledgertest.Value[string](r.t, r.log.DB.Pool, "select return_to || ' ' || social_account from kept.connect_attempts order by created_at desc limit 1")
}

// The page shows what is kept and deleted before it disconnects, and what remains to do afterwards.
func TestDisconnectPageShowsDeletedAndKeptData(t *testing.T) {
	t.Parallel()
	var directory operator.Projection
	r := newReal(t, func(d *api.Deps) {
		d.Health.Details = func(_ context.Context, h *operator.Health) {
			h.Projections = []operator.ProjectionHealth{{Projection: "directory", State: &directory}}
		}
	})
	b := r.signedIn("agency")
	number := domain.ComputedSocialAccount(agency, domain.Instagram, 0, "1001")
	page := called(number, domain.Instagram, "Harbour Bakery Pictures")
	page.ExternalID, page.ConnectionID = "1001", domain.GrantKey{Platform: domain.Facebook, App: "app", Person: "u1"}.ConnectionID(agency)
	r.connect(connectedPage{DirectorySocialAccount: page, read: true})
	at := fmt.Sprint(linked, "/", number, "/disconnect")
	b.get(linked).says(http.StatusOK, `href="`+at+`"`).lacks(linked+"/70/disconnect", "may not be shown here yet") // the main application disconnects what it connected
	directory.Paused, directory.Lag = true, 3
	b.get(linked).says(http.StatusOK, "The latest readings, or pages that were just connected or disconnected, may not be shown here yet.")

	records := len(r.log.Records(domain.TopicDirectory))
	b.get(at).says(http.StatusOK, "<strong>Kept:</strong> the figures", "<strong>Deleted:</strong> the access token", `method="post" action="`+at+`"`)
	b.send(http.MethodPost, at, url.Values{}, func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }).says(http.StatusForbidden)
	b.post(fmt.Sprint("/console/clients/", mill, "/connections/", number, "/disconnect"), url.Values{}).says(http.StatusNotFound)
	require.Len(t, r.log.Records(domain.TopicDirectory), records, "a look changes nothing, and it belongs to another client")
	b.post(linked+"/70/disconnect", url.Values{}).says(http.StatusOK, `role="alert">`, "main application", "Keep it connected")

	b.post(at, url.Values{}).says(http.StatusOK, "is disconnected and no longer read", `href="`+linked+`"`)
	b.get(at).says(http.StatusOK, "is already disconnected", "Delete its tokens").lacks("<button>Disconnect</button>")
}

func TestConnectLinksAreCreatedListedAndRevoked(t *testing.T) {
	t.Parallel()
	r := newReal(t)
	b := r.signedIn("agency")
	made := b.post("/console/connect/links", url.Values{"platform": {"1", "6"}, "client": {bakery}, "days": {"7"}})
	made.says(http.StatusOK, "http://localhost:6001/connect/link/", "for Harbour Bakery", "shown only once")
	for range 4 {
		b.post("/console/connect/links", url.Values{"platform": {"6"}, "client": {bakery}, "days": {"7"}}).says(http.StatusOK)
	}
	ids := ledgertest.Column[string](t, r.log.DB.Pool, "select id::text from kept.connect_links order by made_at, id")
	require.Len(t, ids, 5)
	ledgertest.Exec(t, r.log.DB.Pool, "update kept.connect_links set expires_at = made_at where id::text = $1", ids[1])
	b.post("/console/connect/links/"+ids[2]+"/revoke", url.Values{}).leadsTo("/console/connect")
	ledgertest.Exec(t, r.log.DB.Pool, "update kept.connect_links set made_by = $2 where id::text = $1", ids[3], left)
	b.get("/console/connect?client="+bakery).says(http.StatusOK, "Harbour Bakery", "TikTok", "not used yet", "revoked", "expired", " selected",
		"the person who created it may no longer connect pages", `action="/console/connect/links/`+ids[0]+`/revoke"`)
	require.Regexp(t, "^/connect/start/[A-Z2-7]{26}$", b.post("/console/connect", url.Values{"platform": {"1"}, "client": {bakery}}).Header().Get("Location"))
	require.Equal(t, linked+" 0", r.attempted())
}

// Both forms keep the chosen client after an error, even if the list does not contain it: a link is
// never created for another client.
func TestConnectFormsKeepTheirInput(t *testing.T) {
	t.Parallel()
	r := newReal(t)
	b := r.signedIn("agency")
	const other = "ffffffffffffffffffffffff"
	r.grow(0, 200) // more than the list has
	r.log.Put(t, domain.DirectoryAccount{ID: other, RowID: 999, ParentAccount: agency, Name: "Zeta Yachts", Active: true})
	again := func(p page, words ...string) {
		p.says(http.StatusOK, append(words, `<option value="`+other+`" selected>Zeta Yachts</option>`)...).
			lacks(`value="` + bakery + `" selected`)
	}
	b.get("/console/connect").says(http.StatusOK, `#link" novalidate>`). // a browser would report one field at a time
										lacks(" selected", "Zeta Yachts") // no client is preselected
	again(b.post("/console/connect/links?q=harbour", url.Values{"client": {other}, "days": {"9"}}),
		"Select one or more platforms.", `value="9"`, `value="harbour"`)
	again(b.post("/console/connect/links", url.Values{"client": {other}, "platform": {"77"}, "days": {"99"}}),
		"Select one or more platforms.", "Enter a whole number from 1 to 14.", `value="99"`)
	again(b.post("/console/connect", url.Values{"client": {other}, "platform": {"9"}}), "Choose a platform.")
}

// A client user connects only for their own account, and sees the page in the bar only if a board
// has the scope.
func TestClientConnectsOnlyOwnAccountWithScope(t *testing.T) {
	t.Parallel()
	r := newReal(t)
	b := r.signedIn("client")
	const inBar = `href="/console/connect"`
	require.NotContains(t, b.get("/console/board/"+bakery).Body.String(), inBar)
	r.change(t, agency, domain.UpdateDashboard{Primary: bakery, Scopes: &[]string{"connect"}})
	b.get("/console/board/"+bakery).says(http.StatusOK, inBar)
	require.Regexp(t, "^/connect/start/[A-Z2-7]{26}$", b.post("/console/connect", url.Values{"platform": {"1"}, "client": {agency}}).Header().Get("Location"))
	require.Equal(t, bakery+" /console/connect",
		ledgertest.Value[string](t, r.log.DB.Pool, "select account_id || ' ' || return_to from kept.connect_attempts"))
}
