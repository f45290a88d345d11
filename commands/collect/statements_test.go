package collect_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands/collect"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/dev/pgtest"
)

// frequencies are the texts of statements with how often each was sent, the most frequent first.
func frequencies(sent []pgtest.Statement) (lines []string) {
	times := map[string]int{}
	for _, s := range sent {
		times[strings.Join(strings.Fields(s.SQL), " ")]++
	}
	for _, text := range slices.SortedFunc(maps.Keys(times), func(a, b string) int { return times[b] - times[a] }) {
		lines = append(lines, fmt.Sprintf("%5d %.150s", times[text], text))
	}
	return lines
}

// A reading sends few statements, with quotas or without: a claim brings what it needs, a step takes its
// calls at once, and its result and unused calls are stored with those of others.
func TestStatementsPerReadingAreBounded(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		quotas []domain.Quota
		most   map[string]float64
	}{
		"default quotas": {ledgertest.Limits(t), map[string]float64{domain.FetchAccounts: 2.6, domain.FetchPosts: 4.8}},
		"no quotas":      {ledgertest.Unlimited(t), map[string]float64{domain.FetchAccounts: 1.8, domain.FetchPosts: 4}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newFetchStage(t)
			var kept, read *pgtest.Statements
			s.pool, kept = pgtest.Traced(t, s.pool)
			s.log.DB.ReadOnly, read = pgtest.Traced(t, s.log.DB.ReadOnly)
			take := func() []pgtest.Statement { return append(kept.Take(), read.Take()...) }
			s.secrets = ledgertest.Secrets(t, s.pool, ledgertest.Key)
			for range 40 {
				s.connectWithPosts(domain.Facebook, 0)
				s.connectWithPosts(domain.Instagram, 0)
				s.connectWithPosts(domain.LinkedIn, domain.LinkedInCompanyPage)
				s.connectWithPosts(domain.TikTok, 0)
			}
			s.collect = s.processWithin(test.quotas)
			take() // those of the stage
			for _, kind := range []string{domain.FetchAccounts, domain.FetchPosts} {
				readings := 0
				for range 3 {
					s.clock.Advance(13 * time.Hour)
					for _, p := range domain.Platforms() {
						readings += readAll(t, s, queueOf(kind, p))
					}
				}
				sent := take()
				each := float64(len(sent)) / float64(readings)
				t.Logf("%s: %.2f statements a reading", kind, each)
				require.LessOrEqual(t, each, test.most[kind], strings.Join(frequencies(sent), "\n"))
			}
		})
	}
}

// readAll reads all due accounts of a queue, as the scheduler does.
func readAll(t *testing.T, s *fetchStage, queue domain.FetchQueue) (readings int) {
	t.Helper()
	for {
		claim, err := s.collect.Claim(t.Context(), domain.FetchWanted{FetchQueue: queue, Limit: collect.ClaimSize, Lasts: time.Hour})
		require.NoError(t, err)
		if len(claim.Tasks) == 0 {
			return readings
		}
		readings += len(claim.Tasks)
		require.NoError(t, workOn(t.Context(), s.collect, claim))
	}
}
