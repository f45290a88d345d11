package connect_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/commands/connect"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/dev/pgtest"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
	"github.com/ledgerboard/ledgerboard/internal/vault"
	"github.com/ledgerboard/ledgerboard/readmodels/directory"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

const (
	agency  = "aaaaaaaaaaaaaaaaaaaaaaaa"
	rival   = "bbbbbbbbbbbbbbbbbbbbbbbb"
	north   = "c10000000000000000000001"
	south   = "c20000000000000000000002"
	theirs  = "c30000000000000000000003"
	staff   = "a11ce0000000000000000001"
	client  = "c11e00000000000000000001"
	public  = "https://boards.example"
	browser = "BROWSERONE"
)

var today = time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)

// stage runs the use cases on real stores, folds and queries. Only the clock and the platforms are
// scripted.
type stage struct {
	*connect.Connect

	t       *testing.T
	log     *ledgertest.Log
	kept    vault.Connecting
	secrets *vault.Secrets
	now     time.Time
	dialog  *dialog
	said    bytes.Buffer // the log of the process
	looks   []domain.FetchQueue
	gone    error // why the person may not come in any more
	behind  error // why the directory is not current
}

func (s *stage) links() connect.Links         { return connect.Links{Connect: s.Connect} }
func (s *stage) metaCalls() connect.MetaCalls { return connect.MetaCalls{Connect: s.Connect} }

func newStage(t *testing.T) *stage {
	t.Helper()
	s := &stage{t: t, log: ledgertest.New(t), now: today, dialog: &dialog{}}
	s.kept.Pool = ledgertest.OpenVault(t, s.log.DB.URL)
	s.secrets = ledgertest.Secrets(t, s.kept.Pool, ledgertest.Key)
	s.log.Put(
		t,
		domain.DirectoryAccount{ID: agency, Name: "Agency", Active: true}, domain.DirectoryAccount{ID: rival, Name: "Rival", Active: true},
		domain.DirectoryAccount{ID: north, ParentAccount: agency, Name: "North", Active: true},
		domain.DirectoryAccount{ID: south, ParentAccount: agency, Name: "South", Active: true},
		domain.DirectoryAccount{ID: theirs, ParentAccount: rival, Name: "Theirs", Active: true},
		domain.DirectorySubscription{ID: 1, AccountID: agency, StartsAt: today.AddDate(-1, 0, 0)},
		domain.DirectorySubscription{ID: 2, AccountID: rival, StartsAt: today.AddDate(-1, 0, 0)},
	)
	s.Connect = &connect.Connect{Config: connect.Config{
		Directory: directory.Connecting{Pool: s.log.DB.ReadOnly}, Store: s.kept, Secrets: s.secrets, Places: directory.Connections{Pool: s.log.DB.ReadOnly},
		SignIn: s.dialog.SignIn, Log: s.log, Gate: func() error { return s.behind }, Moved: func() <-chan struct{} { return nil }, PublicURL: public, ReturnOrigins: []string{"https://app.example"},
		WakeFetchers: func(_ context.Context, queue domain.FetchQueue) error {
			s.looks = append(s.looks, queue)
			return nil
		},
		Apps: map[domain.Platform]string{domain.Facebook: "app", domain.LinkedIn: "app", domain.TikTok: "app", domain.Instagram: "app"},
		Now:  func() time.Time { return s.now }, Logger: slog.New(slog.NewJSONHandler(&s.said, nil)),
	}}
	return s
}

func (s *stage) still(context.Context, domain.ConnectRequester) error { return s.gone }

func ofAgency(account string) domain.ConnectRequester {
	return domain.ConnectRequester{ParentAccount: agency, AccountID: account, UserID: staff, Role: "agency"}
}

// ofRival requests a sign-in in the other agency.
func ofRival(p domain.Platform) connect.Request {
	return connect.Request{
		ConnectRequester: domain.ConnectRequester{ParentAccount: rival, AccountID: theirs, UserID: staff, Role: "agency"}, Platform: p,
	}
}

// grantOf is what a person granted to our app.
func grantOf(p domain.Platform, person string) domain.GrantKey {
	return domain.GrantKey{Platform: p, App: "app", Person: person}
}

// personRef is the reference of the tokens of a person's grant.
func personRef(p domain.Platform, person string) string { return grantOf(p, person).SecretRef() }

// open begins a sign-in and opens it in a browser. It returns the state that the platform sends
// back.
func (s *stage) open(r connect.Request, cookie string) (begun connect.StartedSignIn, state string) {
	s.t.Helper()
	begun, err := s.Begin(s.t.Context(), r, s.still)
	require.NoError(s.t, err)
	return begun, s.stateOf(strings.TrimPrefix(begun.StartURL, public+"/connect/start/"), cookie)
}

// stateOf opens a sign-in that has begun, and returns the state that the platform sends back.
func (s *stage) stateOf(start, cookie string) string {
	s.t.Helper()
	opened, err := s.Open(s.t.Context(), start, cookie, s.still)
	require.NoError(s.t, err)
	u, err := url.Parse(opened.Address)
	require.NoError(s.t, err)
	return u.Query().Get("state")
}

// signIn completes a sign-in up to the choice.
func (s *stage) signIn(r connect.Request) (id string, view connect.View) {
	s.t.Helper()
	begun, state := s.open(r, browser)
	id, err := s.CallBack(s.t.Context(), connect.Callback{Platform: r.Platform, State: state, Code: "CODE", Cookie: browser}, s.still)
	require.NoError(s.t, err)
	require.Equal(s.t, begun.ID, id)
	view, err = s.View(s.t.Context(), id, browser, s.still)
	require.NoError(s.t, err)
	return id, view
}

// connects signs in, chooses pages and returns the outcome.
func (s *stage) connects(r connect.Request, keys ...string) *domain.ConnectOutcome {
	s.t.Helper()
	id, view := s.signIn(r)
	return s.choose(id, view, keys...)
}

// connected connects pages of person 77 for client north, and returns the first one's id.
func (s *stage) connected(ids ...string) int64 {
	s.t.Helper()
	var pages []platforms.Offered
	var keys []string
	for _, id := range ids {
		pages, keys = append(pages, page(id)), append(keys, "1.0."+id)
	}
	s.dialog.consent = consent("77", pages...)
	return s.connects(facebook(north), keys...).Connected[0].SocialAccountID
}

// disconnect disconnects an account as staff.
func (s *stage) disconnect(account int64) connect.Disconnected {
	s.t.Helper()
	done, err := s.Disconnect(s.t.Context(), ofAgency(""), account, s.still)
	require.NoError(s.t, err)
	return done
}

// held is a page that the main application has connected for a client.
func held(client, externalID string) domain.DirectorySocialAccount {
	return domain.DirectorySocialAccount{
		ID: 7, ParentAccount: agency, AccountID: client, MemberID: 5, ConnectionID: 70, Platform: domain.Facebook, ExternalID: externalID,
		Name: "Page " + externalID, Connected: true,
	}
}

// uses are the ways to use a link, and to open a sign-in that was begun with it.
func (s *stage) uses(token, start string) map[string]func() error {
	return map[string]func() error{
		"look": func() error { _, err := s.links().Page(s.t.Context(), token, browser, s.still); return err },
		"follow": func() error {
			_, err := s.links().Follow(s.t.Context(), token, browser, domain.Facebook, s.still)
			return err
		},
		"open": func() error { _, err := s.Open(s.t.Context(), start, browser, s.still); return err },
	}
}

// link returns a link for Facebook pages, and its token.
func (s *stage) link(by domain.ConnectRequester) (token, id string) {
	s.t.Helper()
	made, err := s.links().Make(s.t.Context(), connect.LinkRequest{ConnectRequester: by, Platforms: []domain.Platform{domain.Facebook}, Days: 14}, s.still)
	require.NoError(s.t, err)
	return strings.TrimPrefix(made.URL, public+"/connect/link/"), made.ID
}

// follow begins a sign-in with a link in a browser, and returns the address that opens it.
func (s *stage) follow(token string) (start string) {
	s.t.Helper()
	begun, err := s.links().Follow(s.t.Context(), token, browser, domain.Facebook, s.still)
	require.NoError(s.t, err)
	return strings.TrimPrefix(begun.StartURL, public+"/connect/start/")
}

// again returns the page of a choice as it is shown now.
func (s *stage) again(id string) connect.View {
	s.t.Helper()
	view, err := s.View(s.t.Context(), id, browser, s.still)
	require.NoError(s.t, err)
	return view
}

// choose connects pages and returns the outcome.
func (s *stage) choose(id string, view connect.View, keys ...string) *domain.ConnectOutcome {
	s.t.Helper()
	require.NoError(s.t, s.Choose(s.t.Context(), id, connect.Selection{Cookie: browser, Pages: keys, Seen: view.Choice.Seen}, s.still))
	view, err := s.View(s.t.Context(), id, browser, s.still)
	require.NoError(s.t, err)
	return view.Outcome
}

// tokens returns the token of a person under a ref; "" for nothing.
func (s *stage) tokens(ref string) string { return s.stored(ref).AccessToken }

// pageToken returns the token with which a page of person 77 is read; "" for none.
func (s *stage) pageToken(id string) string {
	return s.stored(personRef(domain.Facebook, "77")).Pages[id]
}

// stored returns what the fetchers find under a ref.
func (s *stage) stored(ref string) (stored commands.StoredTokens) {
	s.t.Helper()
	raw, err := s.secrets.Get(s.t.Context(), ref)
	if domain.CodeOf(err) == domain.CodeNotFound {
		return stored
	}
	require.NoError(s.t, err)
	require.NoError(s.t, json.Unmarshal(raw, &stored))
	return stored
}

// due returns the social accounts that the fetchers of a platform would read now.
func (s *stage) due(p domain.Platform) (ids []int64) {
	s.t.Helper()
	queue := domain.FetchQueue{Kind: domain.FetchAccounts, Platform: p}
	claim, err := directory.Connections{Pool: s.log.DB.ReadOnly}.Claim(s.t.Context(), domain.FetchWanted{FetchQueue: queue, Limit: 1000, Lasts: time.Minute}, s.now)
	require.NoError(s.t, err)
	require.NoError(s.t, vault.Fetching{Pool: s.kept.Pool}.Release(s.t.Context(), claim))
	return claim.Accounts()
}

// silent requires that no secret is in the process's log or in the event log.
func (s *stage) silent(words ...string) {
	s.t.Helper()
	for _, word := range words {
		require.NotContains(s.t, s.said.String(), word)
		for _, topic := range []string{domain.TopicDirectory, domain.TopicOperations} {
			for _, r := range s.log.Records(topic) {
				require.NotContains(s.t, string(r.Value), word)
			}
		}
	}
}

// storeBefore is a store that runs a function before a call.
type storeBefore struct {
	connect.Store

	keepGrant, detach func()
	stopGrant         func(domain.GrantKey)
}

func (s storeBefore) KeepGrant(ctx context.Context, g domain.Grant, connection int64) error {
	if s.keepGrant != nil {
		s.keepGrant()
	}
	return s.Store.KeepGrant(ctx, g, connection)
}

func (s storeBefore) StopGrant(ctx context.Context, g domain.GrantKey, seen time.Time) (bool, error) {
	if s.stopGrant != nil {
		s.stopGrant(g)
	}
	return s.Store.StopGrant(ctx, g, seen)
}

func (s storeBefore) DetachConnection(ctx context.Context, connection int64, seen time.Time) (domain.GrantKey, int, bool, error) {
	if s.detach != nil {
		s.detach()
	}
	return s.Store.DetachConnection(ctx, connection, seen)
}

// dialog is a scripted sign-in for every platform.
type dialog struct {
	mu        sync.Mutex
	consent   platforms.Consent
	err       error
	redeemed  []string // codes
	givenBack []string // access tokens
	backErr   error
	onBack    func() // when a consent is given back
}

func (d *dialog) SignIn(domain.Platform) (platforms.SignIn, error) { return d, nil }

func (d *dialog) Address(state, redirectURI string) string {
	return "https://platform.example/dialog?" + url.Values{"state": {state}, "redirect_uri": {redirectURI}}.Encode()
}

func (d *dialog) Redeem(_ context.Context, code, _ string) (platforms.Consent, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.redeemed = append(d.redeemed, code)
	return d.consent, d.err
}

func (d *dialog) RevokeConsent(_ context.Context, tokens platforms.Tokens) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.givenBack = append(d.givenBack, tokens.AccessToken)
	if d.onBack != nil {
		d.onBack()
	}
	return d.backErr
}

// page returns a Facebook page with its own token.
func page(id string) platforms.Offered {
	return platforms.Offered{Platform: domain.Facebook, ExternalID: id, Name: "Page " + id, AccessToken: "PAGETOKEN" + id, MayRead: true}
}

// consent returns a person's consent with pages.
func consent(person string, offered ...platforms.Offered) platforms.Consent {
	return platforms.Consent{
		PersonID: person, Name: "Person " + person, Tokens: platforms.Tokens{AccessToken: "PERSONTOKEN" + person}, Granted: []string{"read"}, Offered: offered,
	}
}

func decimal(id int64) string { return strconv.FormatInt(id, 10) }
