package collect_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/commands/collect"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// tellingPlatform says of tokens what a test says.
type tellingPlatform struct {
	scripted
	facts platforms.TokenFacts
	err   error
}

func (p *tellingPlatform) use(c *collect.Config) { c.Clients = p }

func (p *tellingPlatform) For(domain.Platform) (platforms.Client, error) { return p, nil }

func (p *tellingPlatform) Inspects(platforms.Target) bool { return true }

func (p *tellingPlatform) Inspect(context.Context, platforms.Target) (platforms.TokenFacts, error) {
	return p.facts, p.err
}

// The daily look at a token learns what it may do and until when Meta gives data with it, also of one that is never renewed: it is
// stored, shown, and counts as an end of the token.
func TestWhatATokenMayDoIsKept(t *testing.T) {
	t.Parallel()
	ends := fetchDay.AddDate(0, 0, 10)
	meta := &tellingPlatform{facts: platforms.TokenFacts{Granted: []string{"pages_read_engagement", "read_insights"}, DataAccessUntil: ends}}
	observed := &planned{}
	s := newFetchStage(t, meta.use, func(c *collect.Config) { c.Observe = observed })
	page := s.connect(domain.Facebook, 0)
	from := readmodels.Connections{Pool: s.log.DB.ReadOnly}
	shown := func() readmodels.ConnectionReading {
		readings, err := from.Readings(t.Context(), readmodels.ReadingsQuery{Connections: []int64{page.ConnectionID}}, s.clock.Now())
		require.NoError(t, err)
		require.Len(t, readings, 1)
		return readings[0]
	}
	require.Nil(t, shown().Granted)

	require.Empty(t, s.round(domain.FetchTokens, domain.Facebook))
	require.Equal(t, &[]string{"pages_read_engagement", "read_insights"}, shown().Granted)
	require.Len(t, shown().Ungranted, 2, "likes and comments of posts")
	require.True(t, ends.Equal(*shown().DataAccessExpiresAt))
	require.True(t, ends.Equal(*shown().SignInBefore))
	require.Nil(t, shown().ExpiresAt)
	require.Equal(t, fetchDay.Add(24*time.Hour), s.state(domain.FetchTokens, page).DueAt)
	s.clock.advance(24 * time.Hour)
	meta.facts.DataAccessUntil = ends.AddDate(0, 0, 60) // the person used the app meanwhile
	s.round(domain.FetchTokens, domain.Facebook)
	require.Equal(t, 1, observed.signIns, "told at the beginning of the look")
	s.roundAfter(24*time.Hour, domain.FetchTokens, domain.Facebook)
	require.Zero(t, observed.signIns)

	meta.facts.Granted = []string{}
	s.roundAfter(24*time.Hour, domain.FetchTokens, domain.Facebook)
	require.Equal(t, &[]string{}, shown().Granted, "none is not the same as not known")
}

// A platform that cannot be asked costs no connection; one that says that the token is dead does.
func TestOnlyTheTokensOwnEndKillsTheConnection(t *testing.T) {
	t.Parallel()
	meta := &tellingPlatform{err: &platforms.Error{Class: platforms.ClassInvalid, Message: "our app's id or secret was refused"}}
	s := newFetchStage(t, meta.use)
	page := s.connect(domain.Facebook, 0)
	require.Empty(t, s.round(domain.FetchTokens, domain.Facebook))
	require.Empty(t, s.changes(page))
	s.clock.advance(24 * time.Hour)
	meta.err = &platforms.Error{Class: platforms.ClassReconnect, Message: "the platform says that the token is not valid"}
	require.Equal(t, []int64{page.ID}, s.round(domain.FetchTokens, domain.Facebook))
	require.Len(t, s.changes(page), 1)
	s.clock.advance(time.Minute)
	s.store(page, commands.StoredTokens{AccessToken: "n3w"})
	meta.err = nil
	require.Empty(t, s.round(domain.FetchTokens, domain.Facebook))
}
