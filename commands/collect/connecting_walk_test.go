package collect_test

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands/connect"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/simulator"
	"github.com/ledgerboard/ledgerboard/internal/stream"
	"github.com/ledgerboard/ledgerboard/internal/vault"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/directory"
)

const south = "c20000000000000000000000"

// connecting is a stage on which Mara connects pages herself, at the simulated platforms.
type connecting struct {
	*fetchStage
	*connect.Connect
}

func newConnecting(t *testing.T) connecting {
	t.Helper()
	s := newFetchStage(t)
	s.reach(t)
	s.log.Put(t, domain.DirectoryAccount{ID: south, ParentAccount: agency, Active: true})
	return connecting{s, &connect.Connect{Config: connect.Config{
		Directory: directory.Connecting{Pool: s.log.DB.ReadOnly}, Store: vault.Connecting{Pool: s.pool}, Secrets: s.secrets,
		Places: directory.Connections{Pool: s.log.DB.ReadOnly}, SignIn: s.set.SignIn, Log: s.log, Gate: func() error { return nil },
		Moved: func() <-chan struct{} { return nil }, WakeFetchers: func(context.Context, domain.FetchQueue) error { return nil },
		PublicURL: "https://boards.example", Apps: map[domain.Platform]string{
			domain.Facebook: s.app, domain.Instagram: s.app, domain.LinkedIn: s.app, domain.TikTok: s.app,
		},
		Now: s.clock.Now, Logger: quiet,
	}}}
}

// connects signs in at a platform without a scope, ticks pages there, and chooses pages here.
func (c connecting) connects(p domain.Platform, client, without string, ticked, chosen, moved []string) connect.View {
	c.t.Helper()
	const browser = "BROWSER"
	ctx, allowed := c.t.Context(), func(context.Context, domain.ConnectRequester) error { return nil }
	by := domain.ConnectRequester{ParentAccount: agency, AccountID: client, UserID: "a11ce0000000000000000001", Role: "agency"}
	begun, err := c.Begin(ctx, connect.Request{ConnectRequester: by, Platform: p}, allowed)
	require.NoError(c.t, err)
	opened, err := c.Open(ctx, begun.StartURL[strings.LastIndex(begun.StartURL, "/")+1:], browser, allowed)
	require.NoError(c.t, err)
	form := url.Values{"decision": {"consent"}, "page": ticked}
	form["scope"] = slices.DeleteFunc(slices.Clone(p.Facts().Scopes), func(scope string) bool { return scope == without })
	leaving := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, Transport: &http.Transport{}}
	defer leaving.CloseIdleConnections()
	decided, err := leaving.PostForm(opened.Address+"&as="+simulator.Mara, form) //nolint:noctx // of the test's own server
	require.NoError(c.t, err)
	defer decided.Body.Close()
	back, err := decided.Location()
	require.NoError(c.t, err)
	id, err := c.CallBack(ctx, connect.Callback{Platform: p, State: back.Query().Get("state"), Code: back.Query().Get("code"), Cookie: browser}, allowed)
	require.NoError(c.t, err)
	view, err := c.View(ctx, id, browser, allowed)
	require.NoError(c.t, err)
	require.NotNil(c.t, view.Choice, "%v", view.Outcome)
	require.NoError(c.t, c.Choose(ctx, id, connect.Selection{Cookie: browser, Pages: chosen, Move: moved, Seen: view.Choice.Seen}, allowed))
	return view
}

// statuses returns the status of each connected page, by its id at the platform.
func (c connecting) statuses(p domain.Platform) map[string]domain.PageStatus {
	c.t.Helper()
	entities := directory.Entities{Pool: c.log.DB.ReadOnly}
	pages, _, err := entities.Platforms(c.t.Context(), readmodels.Scope{ParentAccount: agency}, directory.PlatformsQuery{
		Page: readmodels.Page{Limit: 100}, Platforms: []domain.Platform{p},
	})
	require.NoError(c.t, err)
	found := map[string]domain.PageStatus{}
	for _, page := range pages {
		found[page.ProfileID] = page.Status
	}
	return found
}

// Somebody connects a page at each platform: declines a permission, consents again, moves the page to
// another client, and removes our app there. What a platform does not have, its row says, with the
// source in PLATFORMS.md.
func TestConnectionLifecycleOnEveryPlatform(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		platform domain.Platform
		page     string   // its key in the choice
		id       string   // its id at the platform
		others   []string // further pages of the same consent, by key
		ids      []string // their ids at the platform
		declined string   // ""; the dialog has no single scopes (section 8: "may single scopes or items be refused")
		leaves   []string // pages that the second consent leaves out; nil: it covers the same account
	}{
		"Facebook": {
			platform: domain.Facebook, page: "1.0.90011", id: "90011", others: []string{"1.0.90012"}, ids: []string{"90012"},
			declined: "read_insights", leaves: []string{"90012"},
		},
		// Section 8, "what there is to choose": the one account.
		"Instagram": {platform: domain.Instagram, page: "3.0.90031", id: "90031", declined: "instagram_business_manage_insights"},
		// Section 8: LinkedIn refuses or grants all scopes; its pages are those that the member administers.
		"LinkedIn": {platform: domain.LinkedIn, page: "4.2.90041", id: "90041", others: []string{"4.2.90042"}, ids: []string{"90042"}},
		// Section 8, "what there is to choose": the one account.
		"TikTok": {platform: domain.TikTok, page: "6.0.open-mara", id: "open-mara", declined: "video.list"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newConnecting(t)
			ticked := append([]string{c.id}, c.ids...)
			view := s.connects(c.platform, north, c.declined, ticked, append([]string{c.page}, c.others...), nil)
			require.Equal(t, c.declined, strings.Join(view.Choice.Declined, " "))
			require.Equal(t, c.declined != "", len(view.Choice.StayEmpty) > 0, "%s", view.Choice.StayEmpty)
			s.round(domain.FetchAccounts, c.platform)
			first := s.grantTokens()

			// Consents again, with every scope.
			s.clock.Advance(time.Hour)
			covered := slices.DeleteFunc(slices.Clone(ticked), func(id string) bool { return slices.Contains(c.leaves, id) })
			view = s.connects(c.platform, north, "", covered, []string{c.page}, nil)
			require.Len(t, view.Choice.FallsAway, len(c.leaves))
			require.NotEqual(t, first, s.grantTokens(), "the newer token replaces that of all pages")
			require.Empty(t, s.round(domain.FetchAccounts, c.platform))
			for _, id := range ticked {
				want := domain.PageOK
				if slices.Contains(c.leaves, id) {
					want = domain.PageReconnect
				}
				require.Equal(t, want, s.statuses(c.platform)[id], id)
			}

			// Moves the page to another client.
			s.clock.Advance(time.Hour)
			s.connects(c.platform, south, "", covered, []string{c.page}, []string{c.page})
			require.Empty(t, s.round(domain.FetchAccounts, c.platform))
			account := only[string](s.fetchStage, `select account_id from tSAccounts where external_id like '%' || $1 and connected`, c.id)
			require.Equal(t, south, account)
			left := len(logged[domain.ConnectionStateChanged](s.fetchStage, domain.TopicOperations))
			require.Equal(t, 2*len(c.leaves), left, "once for each consent that leaves a page out")
			require.Empty(t, s.news(), "the client was notified when the first consent left it out")

			// Removes our app at the platform, which tells only Meta's apps (section 8: "calls us"): a reading
			// meets it. It is one event for all pages, and one notice for each client.
			s.clock.Advance(time.Hour)
			s.sim.RemoveApp(c.platform, simulator.Mara)
			require.NotEmpty(t, s.round(domain.FetchAccounts, c.platform))
			changes := logged[domain.ConnectionStateChanged](s.fetchStage, domain.TopicOperations)[left:]
			require.Len(t, changes, 1)
			require.NotEmpty(t, changes[0].Code)
			require.Zero(t, changes[0].SocialAccount)
			for _, id := range ticked {
				require.Equal(t, domain.PageReconnect, s.statuses(c.platform)[id], id)
			}
			clients := 1 // the page's, and that of the pages that did not move
			if len(c.others) > 0 {
				clients = 2
			}
			require.Len(t, s.news(), clients)
		})
	}
}

// news returns the connection events of the last minute.
func (c connecting) news() []stream.ConnectionNews {
	c.t.Helper()
	news, err := readmodels.Notices{Pool: c.log.DB.ReadOnly}.ConnectionNews(
		c.t.Context(), []string{agency}, c.clock.Now().Add(-time.Minute), c.clock.Now().Add(time.Minute))
	require.NoError(c.t, err)
	return news
}

// grantTokens returns the sealed tokens of the only grant.
func (c connecting) grantTokens() string {
	c.t.Helper()
	ref := only[string](c.fetchStage, `select ref from kept.secrets where ref like 'grant/%'`)
	raw, err := c.secrets.Get(c.t.Context(), ref)
	require.NoError(c.t, err)
	return string(raw)
}
