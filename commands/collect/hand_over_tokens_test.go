package collect_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/commands/collect"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/simulator"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

func (s *fetchStage) handOver() collect.HandOverTokens {
	return collect.HandOverTokens{
		Places: readmodels.Connections{Pool: s.log.DB.ReadOnly}, Secrets: s.secrets, Now: s.clock.Now,
	}
}

// From a dead token to figures again, by what is handed over alone.
func TestTokensOfANewSignInBringAConnectionBack(t *testing.T) {
	t.Parallel()
	s := newFetchStage(t)
	user := s.connect(domain.TikTok, 0)
	s.store(user, commands.StoredTokens{AccessToken: "revoked", RefreshToken: "revoked too"})
	s.round(domain.FetchAccounts, domain.TikTok)
	require.Equal(t, domain.ConnectionReconnect, s.changes(user)[0].State)
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
	require.Equal(t, domain.ConnectionOK, s.changes(user)[1].State)
}

func TestTokensThatCannotWorkAreNotStored(t *testing.T) {
	t.Parallel()
	s := newFetchStage(t)
	page, user, member := s.connect(domain.Facebook, 0), s.connect(domain.TikTok, 0), s.connect(domain.LinkedIn, domain.LinkedInProfile)
	own := s.connect(domain.Instagram, 0, func(a *simulator.Account) { a.InstagramLogin = true })
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
		"end without token":  {user.ConnectionID, collect.NewTokens{AccessToken: "invented", RefreshExpiresAt: soon}, "not given"},
		"over, no login":     {own.ConnectionID, collect.NewTokens{AccessToken: "invented", RefreshToken: "invented", ExpiresAt: past}, "in the past"},
		"login of Instagram": {user.ConnectionID, collect.NewTokens{AccessToken: "invented", InstagramLogin: &yes}, "this one is of tiktok"},
		"nobody's":           {999, collect.NewTokens{AccessToken: "invented"}, "does not know this connection"},
		"without a place":    {77, collect.NewTokens{AccessToken: "invented"}, "secret_ref"},
	} {
		use := s.handOver()
		use.Secrets = interrupted{Secrets: s.secrets, lease: func() { require.Fail(t, "what is wrong in any case waits for a renewal", name) }}
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

func TestInstagramLoginStaysUnlessItIsSaid(t *testing.T) {
	t.Parallel()
	s := newFetchStage(t)
	own := s.connect(domain.Instagram, 0, func(a *simulator.Account) { a.InstagramLogin = true })
	no := false
	for _, c := range []struct {
		said *bool
		want bool
	}{{nil, true}, {&no, false}, {nil, false}} {
		done, err := s.handOver().HandOver(t.Context(), own.ConnectionID, collect.NewTokens{AccessToken: "another", InstagramLogin: c.said})
		require.NoError(t, err)
		require.Equal(t, c.want, s.tokens(own).InstagramLogin)
		require.Equal(t, c.want, done.Renewable)
	}
}

// Where the tokens belong may change while a renewal is waited for: they are stored in neither place, and the request is to be repeated.
func TestPlaceThatMovesDuringAHandOver(t *testing.T) {
	t.Parallel()
	s := newFetchStage(t)
	page := s.connect(domain.Facebook, 0)
	before := s.tokens(page)
	use := s.handOver()
	use.Secrets = interrupted{Secrets: s.secrets, lease: func() {
		s.log.Put(t, domain.DirectoryConnection{ID: page.ConnectionID, MemberID: 5, Platform: domain.Facebook, SecretRef: "connection:moved"})
	}}
	_, err := use.HandOver(t.Context(), page.ConnectionID, collect.NewTokens{AccessToken: "another"})
	require.Equal(t, domain.CodeUnavailable, domain.CodeOf(err))
	require.ErrorContains(t, err, "Send the same request again")
	require.Equal(t, before, s.tokens(page))
	_, err = s.secrets.Get(t.Context(), "connection:moved")
	require.Equal(t, domain.CodeNotFound, domain.CodeOf(err))
}

// The command line asks no platform: the same tokens again keep what the platform said before, also where a sign-in is waited for.
func TestSameTokensKeepThePagesOwn(t *testing.T) {
	t.Parallel()
	s := newFetchStage(t)
	s.reach(t)
	page := s.mainApps(201, domain.Facebook, 0, "90011", "90012")[0]
	given := collect.NewTokens{AccessToken: s.signIn(domain.Facebook).Tokens.AccessToken}
	_, err := s.checked().HandOver(t.Context(), page.ConnectionID, given)
	require.NoError(t, err)
	pages := s.tokens(page).Pages
	require.Len(t, pages, 2)
	s.clock.advance(time.Hour)
	require.NoError(t, s.log.Append(t.Context(), commands.NewDraft(domain.TopicOperations, agency, domain.ConnectionStateChanged{
		ConnectionID: page.ConnectionID, Platform: domain.Facebook, State: domain.ConnectionReconnect, At: s.clock.Now(),
	}, s.clock.Now())))
	done, err := s.handOver().HandOver(t.Context(), page.ConnectionID, given)
	require.NoError(t, err)
	require.True(t, done.Awaited)
	require.Equal(t, pages, s.tokens(page).Pages)
	_, err = s.handOver().HandOver(t.Context(), page.ConnectionID, collect.NewTokens{AccessToken: "another"})
	require.NoError(t, err)
	require.Empty(t, s.tokens(page).Pages, "they are of the tokens before")
}
