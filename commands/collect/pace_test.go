package collect_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ledgerboard/ledgerboard/commands/collect"
	"github.com/ledgerboard/ledgerboard/domain"
	_ "github.com/ledgerboard/ledgerboard/internal/dev/draws"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
	"github.com/ledgerboard/ledgerboard/internal/quota"
)

// rates are what a gate makes of limits.
func rates(t require.TestingT, p domain.Platform, texts ...string) []quota.Rate {
	gate, err := quota.New(quota.Config{Store: noStore{}, Limits: limits(t, texts...)})
	require.NoError(t, err)
	return gate.Rates(p)
}

// paceOf is how often profiles of LinkedIn are read where there are so many, and so many pages.
func paceOf(t *testing.T, limit string, profiles, pages int) collect.Pace {
	t.Helper()
	demand := collect.Demand{
		Platform: domain.LinkedIn, Accounts: 30 * time.Second, Posts: halfDay,
		Connections: map[domain.AccountType]int{domain.LinkedInProfile: profiles, domain.LinkedInCompanyPage: pages},
	}
	return collect.PaceOf(domain.FetchAccounts, domain.LinkedInProfile, demand, rates(t, domain.LinkedIn, limit))
}

// noStore keeps no budgets: nothing is drawn.
type noStore struct{ quota.Store }

// What readings are reckoned with is what they cost.
func TestCallsOfReadingsAreAsMeasured(t *testing.T) {
	t.Parallel()
	measured, reckoned := map[string]int{}, map[string]int{}
	for _, test := range []struct {
		platform domain.Platform
		account  domain.AccountType
	}{
		{domain.Facebook, 0},
		{domain.Instagram, 0},
		{domain.TikTok, 0},
		{domain.LinkedIn, domain.LinkedInProfile},
		{domain.LinkedIn, domain.LinkedInCompanyPage},
	} {
		s := newFetchStage(t)
		s.connectWithPosts(test.platform, test.account)
		for _, kind := range []string{domain.FetchAccounts, domain.FetchPosts} {
			require.Empty(t, s.round(kind, test.platform)) // the first one looks whose the token is, and for old posts
			s.clock.advance(halfDay)
			before := s.calls("")
			require.Empty(t, s.round(kind, test.platform))
			what := fmt.Sprintf("%s of %s, type %d", kind, test.platform, test.account)
			measured[what], reckoned[what] = s.calls("")-before, collect.CallsOf(kind, test.platform, test.account)
		}
	}
	require.Equal(t, measured, reckoned)
}

func TestPaceIsToldToPeople(t *testing.T) {
	t.Parallel()
	page := collect.Demand{Platform: domain.Facebook, Connections: map[domain.AccountType]int{0: 7}, Accounts: time.Hour, Posts: 12 * time.Hour}
	for want, pace := range map[string]collect.Pace{
		"every 262 minutes: 100 calls a day, 7 a reading of a profile":                        paceOf(t, "linkedin:account:100/24h", 1, 0),
		"every 28 hours: 500 calls a day for 40 connections, 7 a reading of a profile":        paceOf(t, "linkedin:app:500/24h", 30, 10),
		"every 263 seconds: 100,000 calls a day for 40 connections, 7 a reading of a profile": paceOf(t, "linkedin:app:100000/24h", 30, 10),
		"every 1 hour, as configured: 2 calls a reading":                                      collect.PaceOf(domain.FetchAccounts, 0, page, rates(t, domain.Facebook)),
		"every 12 hours, as configured: 9 calls a reading":                                    collect.PaceOf(domain.FetchPosts, 0, page, nil),
	} {
		require.Equal(t, want, pace.String())
	}
}

// Whatever the quotas, connections and intervals are: over a long time the readings of all connections, each at its pace, make
// no more calls than the quota has, leave something for the rest, starve nobody, and nobody is read more
// often than configured.
func TestPaceKeepsQuotas(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		const p = domain.LinkedIn
		scope := rapid.SampledFrom([]platforms.Scope{platforms.ScopeApp, platforms.ScopeAccount}).Draw(r, "scope")
		limit := quota.Limit{Platform: p, Scope: scope, Calls: rapid.IntRange(50, 5000).Draw(r, "calls"), Window: 24 * time.Hour}
		gate, err := quota.New(quota.Config{Store: noStore{}, Limits: []quota.Limit{limit}})
		require.NoError(r, err)
		demand := collect.Demand{
			Platform: p, Connections: map[domain.AccountType]int{
				domain.LinkedInProfile:     rapid.IntRange(1, 40).Draw(r, "profiles"),
				domain.LinkedInCompanyPage: rapid.IntRange(0, 40).Draw(r, "pages"),
			},
			Accounts: time.Duration(rapid.IntRange(30, 86_400).Draw(r, "interval")) * time.Second, Posts: 12 * time.Hour,
		}
		var days float64 = 30
		begin := fetchDay
		end := begin.Add(time.Duration(days) * 24 * time.Hour)
		sum := 0.0
		id := int64(0)
		for _, kind := range []string{domain.FetchAccounts, domain.FetchPosts} {
			for account, n := range demand.Connections {
				pace := collect.PaceOf(kind, account, demand, gate.Rates(p))
				require.GreaterOrEqual(r, pace.Every, pace.Wanted)
				perAccount := 0.0
				for range n {
					id++
					late := time.Duration(rapid.IntRange(0, 30).Draw(r, "late")) * time.Second
					due, reads := begin, 0
					for due.Before(end) {
						began := due.Add(late)
						reads++
						next := pace.Next(due, began, reads == 1, id)
						require.False(r, next.Before(due.Add(pace.Wanted)), "more often than configured")
						require.LessOrEqual(r, next.Sub(began), 2*pace.Every, "starved")
						due = next
					}
					perAccount = float64(reads*pace.Calls) / days
					sum += perAccount
				}
				if scope == platforms.ScopeAccount && n > 0 {
					require.LessOrEqual(r, perAccount, float64(limit.Calls)+2*float64(pace.Calls)/days, "%s of one account", kind)
				}
			}
		}
		if scope == platforms.ScopeApp {
			// The first readings come at once, and are one more for each connection.
			require.LessOrEqual(r, sum, float64(limit.Calls)*0.95+float64(14*id)/days)
		}
	})
}

// Connections that were made at one moment are read at different ones, when the quota sets the pace.
func TestConnectionsDoNotBunch(t *testing.T) {
	t.Parallel()
	pace := paceOf(t, "linkedin:app:50000/24h", 1000, 0)
	parts := make([]int, 10)
	for id := range int64(1000) {
		due := fetchDay
		for n := range 5 {
			due = pace.Next(due, due.Add(time.Second), n == 0, id)
		}
		parts[due.Sub(fetchDay)%pace.Every*10/pace.Every]++
	}
	require.Greater(t, slices.Min(parts), 60)
	require.Less(t, slices.Max(parts), 140)
}

// When connections come or go, the others are read as far apart as before: their due times move by the change of the pace alone. What
// was late by more than a turn finds a place of its own again.
func TestPaceThatChangesMovesNobodyFar(t *testing.T) {
	t.Parallel()
	before, after := paceOf(t, "linkedin:app:50000/24h", 1000, 0), paceOf(t, "linkedin:app:50000/24h", 1001, 0)
	require.Greater(t, after.Every, before.Every)
	places := map[time.Time]bool{}
	for id := range int64(50) {
		due := before.Next(fetchDay, fetchDay, true, id)
		next := after.Next(due, due.Add(time.Second), false, id)
		require.Equal(t, after.Every, next.Sub(due))
		late := due.Add(3 * after.Every)
		places[after.Next(due, late, false, id)] = true
		require.LessOrEqual(t, after.Next(due, late, false, id).Sub(late), 2*after.Every)
	}
	require.Greater(t, len(places), 45)
}

// Many were connected a moment after a process has counted, and another one has found them due: the claim's pace is that of all of them,
// or they would be due again at once. So is that of a claim of one of them, and of a claim of more than were counted.
func TestClaimsKnowOfThoseConnectedSinceTheCount(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		accounts int // of the claim
		read     bool
	}{"all": {13, false}, "one that is new": {1, false}, "more than were counted": {13, true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newFetchStage(t)
			finds, works := s.processWithin(limits(t, "linkedin:app:50000/24h")), s.processWithin(limits(t, "linkedin:app:50000/24h"))
			queue := queueOf(domain.FetchAccounts, domain.LinkedIn)
			accounts := []connected{s.connect(domain.LinkedIn, domain.LinkedInProfile)}
			_, err := works.Due(t.Context(), queue, tick)
			require.NoError(t, err)
			for range 12 {
				accounts = append(accounts, s.connect(domain.LinkedIn, domain.LinkedInProfile))
			}
			s.clock.advance(time.Second)
			due, err := finds.Due(t.Context(), queue, tick)
			require.NoError(t, err)
			require.Len(t, due, len(accounts))
			claim := s.claimOf(due[:c.accounts], domain.FetchAccounts, domain.LinkedIn)
			if c.read {
				_, err = s.pool.Exec(t.Context(), `update fetch_state set read_at = $1`, s.clock.Now().Add(-time.Hour))
				require.NoError(t, err)
			}
			require.NoError(t, works.Work(t.Context(), claim))
			for _, a := range accounts {
				if slices.Contains(claim.Accounts, a.ID) {
					require.Greater(t, s.state(domain.FetchAccounts, a).DueAt, s.clock.Now().Add(tick), "social account %d", a.ID)
				}
			}
		})
	}
}
