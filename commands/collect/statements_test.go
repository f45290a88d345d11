package collect_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands/collect"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
)

// statements counts what is sent to the database, by text.
type statements struct {
	mu   sync.Mutex
	sent map[string]int
}

func (s *statements) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent[strings.Join(strings.Fields(data.SQL), " ")]++
	return ctx
}

func (*statements) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// take returns what was counted since the last call, the most frequent first.
func (s *statements) take() (all int, lines []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	texts := slices.SortedFunc(maps.Keys(s.sent), func(a, b string) int { return s.sent[b] - s.sent[a] })
	for _, text := range texts {
		all += s.sent[text]
		lines = append(lines, fmt.Sprintf("%5d %.150s", s.sent[text], text))
	}
	clear(s.sent)
	return all, lines
}

func (s *statements) of(t *testing.T, pool *pgxpool.Pool) *pgxpool.Pool {
	t.Helper()
	config := pool.Config()
	config.ConnConfig.Tracer = s
	traced, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(traced.Close)
	return traced
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
			s, counted := newFetchStage(t), &statements{sent: map[string]int{}}
			s.pool, s.log.DB.ReadOnly = counted.of(t, s.pool), counted.of(t, s.log.DB.ReadOnly)
			s.secrets = ledgertest.Secrets(t, s.pool, ledgertest.Key)
			for range 40 {
				s.connectWithPosts(domain.Facebook, 0)
				s.connectWithPosts(domain.Instagram, 0)
				s.connectWithPosts(domain.LinkedIn, domain.LinkedInCompanyPage)
				s.connectWithPosts(domain.TikTok, 0)
			}
			s.collect = s.processWithin(test.quotas)
			counted.take() // those of the stage
			for _, kind := range []string{domain.FetchAccounts, domain.FetchPosts} {
				readings := 0
				for range 3 {
					s.clock.Advance(13 * time.Hour)
					for _, p := range domain.Platforms() {
						readings += readAll(t, s, queueOf(kind, p))
					}
				}
				sent, lines := counted.take()
				each := float64(sent) / float64(readings)
				t.Logf("%s: %.2f statements a reading", kind, each)
				require.LessOrEqual(t, each, test.most[kind], strings.Join(lines, "\n"))
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
