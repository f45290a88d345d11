package collect_test

import (
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/simulator"
	"github.com/ledgerboard/ledgerboard/internal/quota"
)

// LinkedIn counts by the member whose token it is: a profile and two pages that one person connected share that member's day, at a pace
// that says so, and LinkedIn never refuses a call of it.
func TestPagesOfOneMemberShareItsQuota(t *testing.T) {
	t.Parallel()
	s := newFetchStage(t)
	const aDay = 100
	s.sim = simulator.New(simulator.Config{Seed: fetchSeed, Clock: s.clock.Now, LinkedInPerUser: aDay})
	server := httptest.NewServer(s.sim)
	t.Cleanup(server.Close)
	s.base = server.URL
	s.reach(t)
	given := s.signIn(domain.LinkedIn).Tokens
	accounts := s.mainApps(205, domain.LinkedIn, domain.LinkedInCompanyPage, "90041", "90042")
	profile := connected{domain.DirectorySocialAccount{
		ID: 2059, ParentAccount: agency, AccountID: north, MemberID: 5, ConnectionID: 205, Platform: domain.LinkedIn,
		AccountType: domain.LinkedInProfile, ExternalID: "mLq7xW2a", Connected: true,
	}, accounts[0].ref}
	s.log.Put(t, profile.DirectorySocialAccount)
	s.store(profile, commands.StoredTokens{AccessToken: given.AccessToken, ExpiresAt: given.ExpiresAt})
	s.clock.advance(12 * time.Hour) // to midnight: what the sign-in cost is of the day before
	limits, err := quota.ParseLimits([]string{"linkedin:account:100/24h"})
	require.NoError(t, err)
	s.collect = s.processWithin(limits)

	const step, days = 10 * time.Minute, 3
	for range days * 24 * time.Hour / step {
		s.roundWithin(tick, domain.FetchAccounts, domain.LinkedIn)
		s.roundWithin(tick, domain.FetchPosts, domain.LinkedIn)
		s.clock.advance(step)
	}
	for op, times := range s.sim.Stats().Throttled {
		require.Zero(t, times, "%s: the member's day was used up", op)
	}
	for _, account := range append(accounts, profile) {
		require.GreaterOrEqual(t, len(s.readings(account)), 2*days, account.ExternalID)
		var pace string
		require.NoError(t, s.pool.QueryRow(t.Context(), `select pace from fetch_state where kind = $1 and social_account_id = $2`,
			domain.FetchAccounts, account.ID).Scan(&pace))
		require.Contains(t, pace, "100 calls a day for 3 connections")
	}
	for queue, pace := range s.collect.Slowest() {
		require.Equal(t, 3, pace.Sharing, "%s is told as it is read", queue.Kind)
	}
}
