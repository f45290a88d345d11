package collect_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands/collect"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/simulator"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

// Each class of failure: what is stored, how long the connection is left alone, whether a person is
// asked for.
func TestEveryClassOfFailure(t *testing.T) {
	t.Parallel()
	throttle := func(code, minutes int) simulator.Traps {
		return simulator.Traps{Throttle: &simulator.Throttle{Code: code, Minutes: minutes}}
	}
	for name, test := range map[string]struct {
		traps     simulator.Traps
		class     platforms.Class
		pause     time.Duration
		reconnect bool
		advice    string
	}{
		"token dead":    {simulator.Traps{TokenError: 460}, platforms.ClassReconnect, time.Minute, true, "sign in"},
		"permission":    {throttle(10, 0), platforms.ClassPermission, time.Hour, false, "grant all permissions"},
		"throttled":     {throttle(32, 7), platforms.ClassThrottled, 7 * time.Minute, false, "LEDGERBOARD_QUOTAS"},
		"hiccup":        {throttle(2, 0), platforms.ClassRetry, 30 * time.Second, false, "tried again"},
		"deleted":       {throttle(803, 0), platforms.ClassNotFound, time.Hour, false, "still exists"},
		"blocked":       {throttle(368, 0), platforms.ClassBlocked, time.Hour, false, "policy"},
		"our fault":     {throttle(100, 0), platforms.ClassInvalid, time.Hour, false, "fault of the configuration"},
		"somebody else": {simulator.Traps{OtherAccount: true}, platforms.ClassReconnect, time.Minute, true, "sign in"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newFetchStage(t, func(c *collect.Config) { c.AccountInterval = 0 }) // each slot
			bad, good := s.connect(domain.Facebook, 0), s.connect(domain.Facebook, 0)
			s.trap(bad, test.traps)
			require.Equal(t, []int64{bad.ID}, s.round(domain.FetchAccounts, domain.Facebook))
			require.Len(t, s.readings(good), 1, "the others are read")
			require.Empty(t, s.readings(bad))
			st := s.state(domain.FetchAccounts, bad)
			require.Nil(t, st.ReadAt)
			require.Equal(t, 1, st.Failures)
			require.Equal(t, string(test.class), st.Class)
			require.Equal(t, s.clock.Now().Add(test.pause), st.DueAt.UTC())
			require.Contains(t, st.Reason, test.advice)
			require.NotContains(t, st.Reason, "Simacc", "a token")
			if test.reconnect {
				require.Len(t, s.changes(bad), 1)
			} else {
				require.Empty(t, s.changes(bad))
			}

			s.clock.advance(test.pause - time.Second)
			calls := s.calls("facebook/node")
			s.round(domain.FetchAccounts, domain.Facebook)
			require.Len(t, s.readings(good), 2)
			require.Equal(t, 1, s.state(domain.FetchAccounts, bad).Failures, "left alone: %d calls", s.calls("facebook/node")-calls)
			if test.reconnect {
				return
			}
			s.trap(bad, simulator.Traps{})
			s.roundAfter(time.Second, domain.FetchAccounts, domain.Facebook)
			require.Len(t, s.readings(bad), 1)
			st = s.state(domain.FetchAccounts, bad)
			require.Equal(t, s.clock.Now(), st.ReadAt.UTC())
			require.Equal(t, state{ReadAt: st.ReadAt, DueAt: st.DueAt}, st, "a success forgets")
		})
	}
}

func TestPausesAfterHiccupsDouble(t *testing.T) {
	t.Parallel()
	s := newFetchStage(t)
	page := s.connect(domain.Facebook, 0)
	s.trap(page, simulator.Traps{HTML: 502})
	for failures, pause := range []time.Duration{
		30 * time.Second, time.Minute, 2 * time.Minute, 4 * time.Minute, 8 * time.Minute, 16 * time.Minute, 32 * time.Minute, time.Hour, time.Hour,
	} {
		s.round(domain.FetchAccounts, domain.Facebook)
		st := s.state(domain.FetchAccounts, page)
		require.Equal(t, failures+1, st.Failures)
		require.Equal(t, s.clock.Now().Add(pause), st.DueAt.UTC())
		s.clock.advance(pause)
	}
}

func TestReadingWithAPartMissingForNowCounts(t *testing.T) {
	t.Parallel()
	s := newFetchStage(t)
	page := s.connect(domain.Facebook, 0)
	s.trap(page, simulator.Traps{FailEvery: 2}) // the page answers, its insights do not
	require.Empty(t, s.round(domain.FetchAccounts, domain.Facebook))
	require.Len(t, s.readings(page), 1)
	st := s.state(domain.FetchAccounts, page)
	require.NotNil(t, st.ReadAt)
	require.Equal(t, string(platforms.ClassRetry), st.Class, "whoever looks at the connection sees why")
}

// A platform that is down fails fast once its breaker is open, is not held against its connections, and
// the other platforms go on.
func TestPlatformThatIsDown(t *testing.T) {
	t.Parallel()
	s := newFetchStage(t, func(c *collect.Config) { c.Parallel = 1 })
	var pages []connected
	for range 40 {
		pages = append(pages, s.connect(domain.Facebook, 0))
	}
	user := s.connect(domain.TikTok, 0)
	s.sim.SetOutages(simulator.Outage{Platform: domain.Facebook, From: fetchDay, Until: fetchDay.Add(time.Hour)})
	s.round(domain.FetchAccounts, domain.Facebook)
	s.round(domain.FetchAccounts, domain.TikTok)
	require.Len(t, s.readings(user), 1)
	failed, spared := 0, 0
	for _, p := range pages {
		st := s.state(domain.FetchAccounts, p)
		require.Equal(t, string(platforms.ClassRetry), st.Class)
		if st.Failures > 0 {
			failed++
		} else {
			require.Equal(t, fetchDay.Add(30*time.Second), st.DueAt.UTC(), "it is tried as soon as the platform is back")
			spared++
		}
	}
	require.Equal(t, 20, failed)
	require.Equal(t, 20, spared)
}

func TestPanicCostsOneConnectionOnly(t *testing.T) {
	t.Parallel()
	calls := 0
	client := &scripted{account: func(context.Context, platforms.AccountRequest) (platforms.AccountSnapshot, error) {
		if calls++; calls == 1 {
			panic("an odd answer")
		}
		return platforms.AccountSnapshot{}, nil
	}}
	s := newFetchStage(t, client.use, func(c *collect.Config) { c.Parallel = 1 })
	odd, good := s.connect(domain.Facebook, 0), s.connect(domain.Facebook, 0)
	s.round(domain.FetchAccounts, domain.Facebook)
	require.Len(t, s.readings(good), 1)
	st := s.state(domain.FetchAccounts, odd)
	require.Equal(t, "internal", st.Class)
	require.Contains(t, st.Reason, "an odd answer")
}

// Between the answer of the platform and the log: what is not in the log was not read.
func TestReadingThatIsNotAppendedIsReadAgain(t *testing.T) {
	t.Parallel()
	s := newFetchStage(t)
	page := s.connectWithPosts(domain.Facebook, 0)
	for _, kind := range []string{domain.FetchAccounts, domain.FetchPosts} {
		s.log.Fail(errors.New("no broker"))
		s.round(kind, domain.Facebook)
		st := s.state(kind, page)
		require.Nil(t, st.ReadAt, kind)
		require.Contains(t, st.Reason, "no broker")
		s.log.Fail(nil)
		require.Empty(t, s.roundAfter(tick, kind, domain.Facebook))
	}
	require.Equal(t, []time.Time{fetchDay.Add(tick)}, s.readings(page))
	require.Equal(t, s.number(`select count(*) from tSPosts`), s.number(`select count(*) from tSPostInsights`))
	require.Positive(t, s.number(`select count(*) from tSPosts`))
}

// slowLog takes its time: the claim ends meanwhile.
type slowLog struct {
	collect.BatchAppender
	end func()
}

func (l slowLog) AppendBatch(ctx context.Context, drafts []domain.Draft) []error {
	l.end()
	if err := ctx.Err(); err != nil {
		return slices.Repeat([]error{err}, len(drafts))
	}
	return l.BatchAppender.AppendBatch(ctx, drafts)
}

func TestWhatWasAnsweredIsRecordedAlthoughTheClaimEnds(t *testing.T) {
	t.Parallel()
	s := newFetchStage(t)
	page := s.connect(domain.Facebook, 0)
	claimed, end := context.WithCancel(t.Context())
	slow := s.process(func(c *collect.Config) { c.Metrics = &collect.Metrics{Log: slowLog{s.log, end}, Now: s.clock.Now} })
	require.ErrorIs(t, slow.Work(claimed, s.claim(slow, domain.FetchAccounts, domain.Facebook)), context.Canceled)
	require.Len(t, s.readings(page), 1)
	require.NotNil(t, s.state(domain.FetchAccounts, page).ReadAt)
}

// What a failure says is stored whatever its bytes are: PostgreSQL takes neither half a letter nor a NUL,
// and would refuse the results of all connections of the claim with it.
func TestReasonsAreBoundedAndCanBeStored(t *testing.T) {
	t.Parallel()
	s := newFetchStage(t)
	for name, c := range map[string]struct{ said, stored string }{
		"a letter at the bound":  {"s" + strings.Repeat("ü", 1000), "üü"},
		"another, a byte beside": {strings.Repeat("ü", 1000), "üü"},
		"no UTF-8":               {"caf\xe9 is closed", "caf\uFFFD is closed"},
		"NUL":                    {"a\x00b", "a\uFFFDb"},
	} {
		page := s.connect(domain.Facebook, 0)
		s.log.Fail(errors.New(c.said))
		s.round(domain.FetchAccounts, domain.Facebook)
		s.log.Fail(nil)
		reason := s.state(domain.FetchAccounts, page).Reason
		require.Contains(t, reason, c.stored, name)
		require.LessOrEqual(t, len(reason), 600, name)
	}
}
