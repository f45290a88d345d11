package collect_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/simulator"
)

// LinkedIn counts by the member whose token it is: a profile and two pages that one person connected share that member's day, at a pace
// that says so, and LinkedIn never refuses a call of it.
func TestPagesOfOneMemberShareItsQuota(t *testing.T) {
	t.Parallel()
	s := newFetchStage(t)
	const aDay = 100
	s.simulate(simulator.Config{LinkedInPerUser: aDay})
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
	s.collect = s.processWithin(limits(t, "linkedin:account:100/24h"))

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
		require.Contains(t, s.pace(account), "100 calls a day for 3 connections")
	}
	for queue, pace := range s.collect.Slowest() {
		require.Equal(t, 3, pace.Sharing, "%s is told as it is read", queue.Kind)
	}
}
