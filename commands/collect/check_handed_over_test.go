package collect_test

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/commands/collect"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/simulator"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
	"github.com/ledgerboard/ledgerboard/readmodels/directory"
)

// checked is the use case as it is served over HTTP: the platforms are asked first.
func (f *fetchStage) checked() collect.HandOverTokens {
	f.t.Helper()
	use := f.handOver()
	use.Consent = f.set.ConsentOf
	return use
}

// reach makes the process one that knows its apps, and people who can sign in.
func (f *fetchStage) reach(t *testing.T) {
	t.Helper()
	f.app = "ourapp"
	f.sim.AddPeople(fetchDay.AddDate(0, -1, 0))
	f.collect = f.process()
}

// signIn is what the dialog of a main application's own app brings: Mara's token, with everything
// ticked.
func (f *fetchStage) signIn(p domain.Platform) platforms.Consent {
	f.t.Helper()
	dialog, err := f.set.SignIn(p)
	require.NoError(f.t, err)
	const back = "https://app.example/back"
	address := dialog.Address("state", back) + "&as=" + simulator.Mara
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	apps := platforms.Config{}.WithDefaults()
	form := url.Values{
		"decision": {"consent"}, "scope": slices.Concat(apps.Facebook.Scopes, apps.Instagram.Scopes, apps.TikTok.Scopes),
		"page": {"90011", "90012", "90013"},
	}
	done, err := client.PostForm(address, form) //nolint:noctx // of the test's own server
	require.NoError(f.t, err)
	defer done.Body.Close()
	at, err := done.Location()
	require.NoError(f.t, err)
	consent, err := dialog.Redeem(f.t.Context(), at.Query().Get("code"), back)
	require.NoError(f.t, err)
	return consent
}

// mainApps registers accounts of one connection, as a main application tells them.
func (f *fetchStage) mainApps(connection int64, p domain.Platform, kind domain.AccountType, externalIDs ...string) (all []connected) {
	f.t.Helper()
	ref := "connection:" + externalIDs[0]
	f.log.Put(f.t, domain.DirectoryConnection{ID: connection, MemberID: 5, Platform: p, AccountType: kind, SecretRef: ref})
	for i, id := range externalIDs {
		c := connected{domain.DirectorySocialAccount{
			ID: connection*10 + int64(i), ParentAccount: agency, AccountID: north, MemberID: 5, ConnectionID: connection, Platform: p, AccountType: kind,
			ExternalID: id, Connected: true,
		}, ref}
		f.log.Put(f.t, c.DirectorySocialAccount)
		all = append(all, c)
	}
	return all
}

// A page whose own token the platform refuses does not end the grant, with which other pages are
// read. The end of the grant is recorded once, whichever page meets it, and a new sign-in ends both.
func TestRefusedPageTokenKeepsGrant(t *testing.T) {
	t.Parallel()
	s := newFetchStage(t)
	s.reach(t)
	pages := s.mainApps(201, domain.Facebook, 0, "90011", "90012")
	given := s.signIn(domain.Facebook).Tokens
	handOver := func() {
		t.Helper()
		_, err := s.checked().HandOver(t.Context(), 201, collect.NewTokens{AccessToken: given.AccessToken, ExpiresAt: given.ExpiresAt})
		require.NoError(t, err)
	}
	handOver()
	for trapped, traps := range []simulator.Traps{
		{Faults: []simulator.Fault{{Kind: simulator.RoleLost}}}, {TokenError: 460},
	} {
		page := pages[trapped]
		s.trap(page, traps)
		require.Equal(t, []int64{page.ID}, s.roundAfter(time.Hour, domain.FetchAccounts, domain.Facebook))
		changes := s.changes(page)
		require.Equal(t, page.ID, changes[len(changes)-1].SocialAccount)
		require.NotEmpty(t, changes[len(changes)-1].Code)
		require.Empty(t, s.roundAfter(time.Hour, domain.FetchAccounts, domain.Facebook), "it waits, and the other one is read")
		require.Len(t, s.readings(pages[1-trapped]), 2+trapped)
		s.trap(page, simulator.Traps{})
		handOver()
		require.Empty(t, s.roundAfter(time.Hour, domain.FetchAccounts, domain.Facebook))
		require.Len(t, s.changes(page), 2*(trapped+1), "it works again")
	}

	dialog, err := s.set.SignIn(domain.Facebook)
	require.NoError(t, err)
	require.NoError(t, dialog.RevokeConsent(t.Context(), given))
	require.NotEmpty(t, s.roundAfter(time.Hour, domain.FetchAccounts, domain.Facebook))
	changes := s.changes(pages[0])
	require.Len(t, changes, 5)
	require.Zero(t, changes[4].SocialAccount, "all pages")
}

// What a main application's own dialog brought is checked and read, on every platform: a person's
// token of Facebook brings each page's own.
func TestHandedOverTokensReadTheirAccounts(t *testing.T) {
	t.Parallel()
	s := newFetchStage(t)
	s.reach(t)
	for connection, c := range map[int64]struct {
		platform domain.Platform // of the accounts
		dialog   domain.Platform
		kind     domain.AccountType
		accounts []string
		pages    int // with tokens of their own
	}{
		201: {domain.Facebook, domain.Facebook, 0, []string{"90011", "90012"}, 2},
		202: {domain.Instagram, domain.Facebook, 0, []string{"90021"}, 1},
		203: {domain.Instagram, domain.Instagram, 0, []string{"90031"}, 0},
		204: {domain.LinkedIn, domain.LinkedIn, domain.LinkedInProfile, []string{"mLq7xW2a"}, 0},
		205: {domain.LinkedIn, domain.LinkedIn, domain.LinkedInCompanyPage, []string{"urn:li:organization:90041", "90042"}, 0},
		206: {domain.TikTok, domain.TikTok, 0, []string{"open-mara"}, 0},
	} {
		accounts := s.mainApps(connection, c.platform, c.kind, c.accounts...)
		given := s.signIn(c.dialog).Tokens
		login := c.dialog == domain.Instagram
		tokens := collect.NewTokens{
			AccessToken: given.AccessToken, RefreshToken: given.RefreshToken, ExpiresAt: given.ExpiresAt, RefreshExpiresAt: given.RefreshExpiresAt,
		}
		if c.platform == domain.Instagram {
			tokens.OwnLogin = &login
		}
		_, err := s.checked().HandOver(t.Context(), connection, tokens)
		require.NoError(t, err, "connection %d", connection)
		require.Len(t, s.tokens(accounts[0]).Pages, c.pages, "connection %d", connection)
		for _, account := range accounts {
			require.NoError(t, s.readOne(t.Context(), s.collect, domain.FetchAccounts, account), "connection %d, %s", connection, account.ExternalID)
			require.NotEmpty(t, s.readings(account))
		}
		before := s.tokens(accounts[0])
		again, err := s.checked().HandOver(t.Context(), connection, tokens)
		require.NoError(t, err, "connection %d", connection)
		require.True(t, again.Unchanged, "connection %d", connection)
		require.Equal(t, before, s.tokens(accounts[0]), "connection %d", connection)
		if c.pages > 0 { // a page's own token reads that page
			own := collect.NewTokens{AccessToken: s.tokens(accounts[0]).Pages[c.accounts[0]], OwnLogin: tokens.OwnLogin}
			_, err := s.checked().HandOver(t.Context(), connection, own)
			if len(accounts) == 1 {
				require.NoError(t, err)
				require.Empty(t, s.tokens(accounts[0]).Pages)
			} else {
				require.ErrorContains(t, err, "cannot read 90012")
				require.Equal(t, domain.CodeUnprocessable, domain.CodeOf(err))
			}
		}
	}
}

// One account that does not fit refuses all, by its platform id; so do dead tokens, a connection
// that reads nothing, and a platform that does not answer. What was stored stays.
func TestHandOverWithOneWrongAccountStoresNothing(t *testing.T) {
	t.Parallel()
	s := newFetchStage(t)
	s.reach(t)
	facebook := collect.NewTokens{AccessToken: s.signIn(domain.Facebook).Tokens.AccessToken}
	mixed := s.mainApps(301, domain.Facebook, 0, "90011", "90014", "90013") // the second is somebody else's, the third lacks a task
	s.log.Put(t, domain.DirectoryConnection{ID: 302, MemberID: 5, Platform: domain.Facebook, SecretRef: "connection:302"})
	s.mainApps(303, domain.TikTok, 0, "another")
	stored := commands.StoredTokens{AccessToken: "before"}
	s.store(mixed[0], stored)
	for name, c := range map[string]struct {
		connection int64
		given      collect.NewTokens
		code       domain.Code
		want       string
	}{
		"accounts of others": {301, facebook, domain.CodeUnprocessable, "cannot read 90014, 90013 (missing: ANALYZE), which"},
		"refused":            {301, collect.NewTokens{AccessToken: "invented"}, domain.CodeUnprocessable, "refused access_token"},
		"reads nothing":      {302, facebook, domain.CodeConflict, "This connection reads no accounts"},
		"another's":          {303, collect.NewTokens{AccessToken: s.signIn(domain.TikTok).Tokens.AccessToken}, domain.CodeUnprocessable, "cannot read another"},
	} {
		_, err := s.checked().HandOver(t.Context(), c.connection, c.given)
		require.ErrorContains(t, err, c.want, name)
		require.Equal(t, c.code, domain.CodeOf(err), name)
		require.NotContains(t, err.Error(), c.given.AccessToken, name)
	}
	use := s.checked()
	use.Consent = func(_ context.Context, p domain.Platform, _ platforms.Target) (platforms.Consent, error) {
		return platforms.Consent{}, &platforms.Error{Reason: domain.StatusRetry, Platform: p, Op: "sign_in_who"} // it does not answer
	}
	_, err := use.HandOver(t.Context(), 301, facebook)
	require.Equal(t, domain.CodeUnavailable, domain.CodeOf(err))
	require.Equal(t, stored, s.tokens(mixed[0]))
}

// A main application that repeats what it handed over gives back nothing that was renewed since:
// TikTok's refresh token works once. Renewals and hand-overs at the same time lose neither.
func TestRepeatedHandOverKeepsRenewedTokens(t *testing.T) {
	t.Parallel()
	s := newFetchStage(t)
	s.reach(t)
	user := s.mainApps(401, domain.TikTok, 0, "open-mara")[0]
	first := s.signIn(domain.TikTok).Tokens
	given := collect.NewTokens{AccessToken: first.AccessToken, RefreshToken: first.RefreshToken, ExpiresAt: first.ExpiresAt, RefreshExpiresAt: first.RefreshExpiresAt}
	done, err := s.checked().HandOver(t.Context(), 401, given)
	require.NoError(t, err)
	require.False(t, done.Unchanged)
	s.clock.Advance(first.ExpiresAt.Sub(s.clock.Now()) - 10*time.Minute)
	require.NoError(t, s.readOne(t.Context(), s.collect, domain.FetchTokens, user))
	renewed := s.tokens(user)
	require.NotEqual(t, first.RefreshToken, renewed.RefreshToken)

	for range 2 {
		done, err = s.checked().HandOver(t.Context(), 401, given)
		require.NoError(t, err)
		require.True(t, done.Unchanged)
		require.Equal(t, renewed.AccessToken, s.tokens(user).AccessToken)
	}
	s.clock.Advance(110 * time.Minute)
	second := s.signIn(domain.TikTok).Tokens
	newer := collect.NewTokens{AccessToken: second.AccessToken, RefreshToken: second.RefreshToken, ExpiresAt: second.ExpiresAt}
	var both sync.WaitGroup
	both.Go(func() { _ = s.readOne(t.Context(), s.collect, domain.FetchTokens, user) })
	both.Go(func() { _, err = s.checked().HandOver(t.Context(), 401, newer) })
	both.Wait()
	require.NoError(t, err)
	require.NotEqual(t, renewed.RefreshToken, s.tokens(user).RefreshToken)
	require.NoError(t, s.readOne(t.Context(), s.collect, domain.FetchAccounts, user), "what is stored reads")
	s.clock.Advance(110 * time.Minute)
	require.NoError(t, s.readOne(t.Context(), s.collect, domain.FetchTokens, user), "and can be renewed")
}

// handOver is the use case at a platform that takes every token for one of all accounts of the
// stage.
func (f *fetchStage) handOver() collect.HandOverTokens {
	return collect.HandOverTokens{
		Places: directory.Connections{Pool: f.log.DB.ReadOnly}, Secrets: f.secrets, Now: f.clock.Now,
		Pages:        directory.Connecting{Pool: f.log.DB.ReadOnly},
		WakeFetchers: func(context.Context, domain.FetchQueue) error { return nil },
		Consent: func(context.Context, domain.Platform, platforms.Target) (platforms.Consent, error) {
			return platforms.Consent{Offered: f.offered}, nil
		},
	}
}

// From a dead token to figures again, by what is handed over alone.
func TestHandOverRevivesConnectionWithDeadToken(t *testing.T) {
	t.Parallel()
	s := newFetchStage(t)
	user := s.connect(domain.TikTok, 0)
	s.store(user, commands.StoredTokens{AccessToken: "revoked", RefreshToken: "revoked too"})
	s.round(domain.FetchAccounts, domain.TikTok)
	require.NotEmpty(t, s.changes(user)[0].Code)
	s.roundAfter(time.Hour, domain.FetchAccounts, domain.TikTok)
	require.Empty(t, s.readings(user), "it waits")

	fresh := s.sim.Tokens(domain.TikTok, user.ExternalID)
	given := collect.NewTokens{
		AccessToken: fresh.Access, RefreshToken: fresh.Refresh, ExpiresAt: s.clock.Now().Add(2 * time.Hour),
		RefreshExpiresAt: s.clock.Now().Add(180 * 24 * time.Hour),
	}
	done, err := s.handOver().HandOver(t.Context(), user.ConnectionID, given)
	require.NoError(t, err)
	require.Equal(t, collect.HandedOver{
		Connection: user.ConnectionID, Platform: domain.TikTok, Replaced: true, Awaited: true, Renewable: true,
		ExpiresAt: &given.ExpiresAt, RefreshExpiresAt: &given.RefreshExpiresAt,
	}, done)
	require.Equal(t, given.RefreshExpiresAt, s.tokens(user).RefreshExpiresAt)
	s.round(domain.FetchAccounts, domain.TikTok)
	require.Len(t, s.readings(user), 1)
	require.Empty(t, s.changes(user)[1].Code)
}

func TestHandOverRefusesUnusableTokens(t *testing.T) {
	t.Parallel()
	s := newFetchStage(t)
	page, user, member := s.connect(domain.Facebook, 0), s.connect(domain.TikTok, 0), s.connect(domain.LinkedIn, domain.LinkedInProfile)
	own := s.connect(domain.Instagram, 0, func(a *simulator.Account) { a.OwnLogin = true })
	s.log.Put(t, domain.DirectoryConnection{ID: 77, MemberID: 5, Platform: domain.Facebook})
	past, soon, yes := fetchDay.Add(-time.Second), fetchDay.Add(time.Hour), true
	before := map[int64]commands.StoredTokens{page.ConnectionID: s.tokens(page), user.ConnectionID: s.tokens(user), member.ConnectionID: s.tokens(member)}
	for name, c := range map[string]struct {
		connection int64
		given      collect.NewTokens
		want       string
	}{
		"empty":              {page.ConnectionID, collect.NewTokens{RefreshToken: "invented"}, "never replaces"},
		"two words":          {page.ConnectionID, collect.NewTokens{AccessToken: "invented token"}, "visible ASCII"},
		"a line end":         {page.ConnectionID, collect.NewTokens{AccessToken: "invented\n"}, "visible ASCII"},
		"refresh token":      {user.ConnectionID, collect.NewTokens{AccessToken: "invented", RefreshToken: "ä"}, "visible ASCII"},
		"endless":            {page.ConnectionID, collect.NewTokens{AccessToken: strings.Repeat("x", 20_000)}, "16384"},
		"over":               {page.ConnectionID, collect.NewTokens{AccessToken: "invented", ExpiresAt: past}, "in the past"},
		"over, no renewal":   {member.ConnectionID, collect.NewTokens{AccessToken: "invented", ExpiresAt: past}, "in the past"},
		"renewals over":      {user.ConnectionID, collect.NewTokens{AccessToken: "invented", RefreshToken: "invented", RefreshExpiresAt: past}, "refresh_expires_at"},
		"end without token":  {user.ConnectionID, collect.NewTokens{AccessToken: "invented", RefreshExpiresAt: soon}, "requires refresh_token"},
		"over, no login":     {own.ConnectionID, collect.NewTokens{AccessToken: "invented", RefreshToken: "invented", ExpiresAt: past}, "in the past"},
		"login of Instagram": {user.ConnectionID, collect.NewTokens{AccessToken: "invented", OwnLogin: &yes}, "This is a tiktok connection"},
		"nobody's":           {999, collect.NewTokens{AccessToken: "invented"}, "is not in the directory"},
		"without a place":    {77, collect.NewTokens{AccessToken: "invented"}, "secret_ref"},
	} {
		use := s.handOver()
		use.Secrets = interrupted{Secrets: s.secrets, get: func() { require.Fail(t, "what is wrong in any case is compared with the stored tokens", name) }}
		_, err := use.HandOver(t.Context(), c.connection, c.given)
		require.ErrorContains(t, err, c.want, name)
		require.NotContains(t, err.Error(), "invented", name)
	}
	for _, c := range []connected{page, user, member} {
		require.Equal(t, before[c.ConnectionID], s.tokens(c))
	}
	// TikTok's live two hours: one that ended on its way is renewed.
	_, err := s.handOver().HandOver(t.Context(), user.ConnectionID, collect.NewTokens{
		AccessToken: "late", RefreshToken: before[user.ConnectionID].RefreshToken, ExpiresAt: past,
	})
	require.NoError(t, err)
	s.round(domain.FetchAccounts, domain.TikTok)
	require.Len(t, s.readings(user), 1)
}

func TestHandOverKeepsOwnLoginUnlessSpecified(t *testing.T) {
	t.Parallel()
	s := newFetchStage(t)
	own := s.connect(domain.Instagram, 0, func(a *simulator.Account) { a.OwnLogin = true })
	no := false
	for _, c := range []struct {
		said *bool
		want bool
	}{{nil, true}, {&no, false}, {nil, false}} {
		done, err := s.handOver().HandOver(t.Context(), own.ConnectionID, collect.NewTokens{AccessToken: "another", OwnLogin: c.said})
		require.NoError(t, err)
		require.Equal(t, c.want, s.tokens(own).OwnLogin)
		require.Equal(t, c.want, done.Renewable)
	}
}

// Where the tokens belong may change during the request: they are stored in neither
// place, and the request is to be repeated.
func TestHandOverRefusedIfConnectionMoves(t *testing.T) {
	t.Parallel()
	s := newFetchStage(t)
	page := s.connect(domain.Facebook, 0)
	before := s.tokens(page)
	use := s.handOver()
	use.Secrets = interrupted{Secrets: s.secrets, get: func() {
		s.log.Put(t, domain.DirectoryConnection{ID: page.ConnectionID, MemberID: 5, Platform: domain.Facebook, SecretRef: "connection:moved"})
	}}
	_, err := use.HandOver(t.Context(), page.ConnectionID, collect.NewTokens{AccessToken: "another"})
	require.Equal(t, domain.CodeUnavailable, domain.CodeOf(err))
	require.ErrorContains(t, err, "Send the same request again")
	require.Equal(t, before, s.tokens(page))
	_, err = s.secrets.Get(t.Context(), "connection:moved")
	require.Equal(t, domain.CodeNotFound, domain.CodeOf(err))
}
