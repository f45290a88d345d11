package collect_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands/collect"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/dev/simulator"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
	"github.com/ledgerboard/ledgerboard/internal/vault"
)

// Each kind of failure: what is stored, how long the connection is left alone, whether a person is
// asked for.
func TestFailureKindSetsStateRetryAndSignIn(t *testing.T) {
	t.Parallel()
	throttle := func(code, minutes int) simulator.Traps {
		return simulator.Traps{Throttle: &simulator.Throttle{Code: code, Minutes: minutes}}
	}
	for name, test := range map[string]struct {
		traps     simulator.Traps
		kind      domain.StatusCode
		pause     time.Duration
		reconnect bool
		advice    string
	}{
		"token dead":    {simulator.Traps{TokenError: 460}, domain.StatusRefused, time.Minute, true, "sign in"},
		"permission":    {throttle(10, 0), domain.StatusPermission, time.Hour, false, "grant all requested permissions"},
		"throttled":     {throttle(32, 7), domain.StatusThrottled, 7 * time.Minute, false, "LEDGERBOARD_QUOTAS"},
		"hiccup":        {throttle(2, 0), domain.StatusRetry, 30 * time.Second, false, "retried automatically"},
		"deleted":       {throttle(803, 0), domain.StatusNotFound, time.Hour, false, "still exists"},
		"blocked":       {throttle(368, 0), domain.StatusBlocked, time.Hour, false, "policy"},
		"our fault":     {throttle(3001, 0), domain.StatusInvalid, time.Hour, false, "error in the configuration"},
		"somebody else": {simulator.Traps{OtherAccount: true}, domain.StatusRefused, time.Minute, true, "sign in"},
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
			require.Equal(t, test.kind, st.kind())
			require.Equal(t, s.clock.Now().Add(test.pause), st.DueAt.UTC())
			require.Contains(t, s.operatorReads(domain.FetchAccounts, bad), test.advice)
			if test.reconnect {
				require.Len(t, s.changes(bad), 1)
			} else {
				require.Empty(t, s.changes(bad))
			}

			s.clock.Advance(test.pause - time.Second)
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

func TestTemporaryFailureDelayDoublesUpToLimit(t *testing.T) {
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
		s.clock.Advance(pause)
	}
}

func TestReadingWithTemporarilyMissingPartIsStored(t *testing.T) {
	t.Parallel()
	s := newFetchStage(t)
	page := s.connect(domain.Facebook, 0)
	s.trap(page, simulator.Traps{FailEvery: 2}) // the page answers, its insights do not
	require.Empty(t, s.round(domain.FetchAccounts, domain.Facebook))
	require.Len(t, s.readings(page), 1)
	st := s.state(domain.FetchAccounts, page)
	require.NotNil(t, st.ReadAt)
	require.Equal(t, domain.StatusRetry, st.kind(), "the reason is shown with the connection")
}

// A platform that is down fails fast once its breaker is open, is not held against its connections,
// and the other platforms go on.
func TestPlatformOutageDoesNotFailConnections(t *testing.T) {
	t.Parallel()
	s := newFetchStage(t)
	var pages []connected
	for range 80 {
		pages = append(pages, s.connect(domain.Facebook, 0))
	}
	user := s.connect(domain.TikTok, 0)
	s.sim.SetOutages(simulator.Outage{Platform: domain.Facebook, From: fetchDay, Until: fetchDay.Add(time.Hour)})
	var calls atomic.Int32
	s.called = func(*http.Request) { calls.Add(1) }
	s.round(domain.FetchAccounts, domain.Facebook)
	require.GreaterOrEqual(t, calls.Load(), int32(20), "fewer failures do not open the breaker")
	s.round(domain.FetchAccounts, domain.TikTok)
	require.Len(t, s.readings(user), 1)
	failed, spared := 0, 0
	for _, p := range pages {
		st := s.state(domain.FetchAccounts, p)
		if st.Failures > 0 {
			require.Equal(t, domain.StatusRetry, st.kind())
			failed++
		} else {
			due := ledgertest.Value[time.Time](t, s.pool, `select due_at from fetch_state where social_account_id = $1`, p.ID)
			require.Equal(t, fetchDay, due.UTC(), "it keeps its place")
			spared++
		}
	}
	require.Positive(t, failed)
	require.NotZero(t, spared, "at most those that were under way when the breaker opened have met with it")
}

func TestPanicFailsOnlyOneConnection(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	client := &scripted{account: func(context.Context, platforms.AccountRequest) (platforms.AccountSnapshot, error) {
		if calls.Add(1) == 1 {
			panic("an odd answer")
		}
		return platforms.AccountSnapshot{}, nil
	}}
	s := newFetchStage(t, client.use)
	odd, good := s.connect(domain.Facebook, 0), s.connect(domain.Facebook, 0)
	s.round(domain.FetchAccounts, domain.Facebook)
	if len(s.readings(odd)) > 0 {
		odd, good = good, odd
	}
	require.Len(t, s.readings(good), 1)
	st := s.state(domain.FetchAccounts, odd)
	require.Equal(t, domain.StatusInternal, st.kind())
	require.Equal(t, &domain.StatusReason{Code: domain.StatusInternal}, st.Reason)
}

// Between the answer of the platform and the log: what is not in the log was not read.
func TestReadingIsRepeatedIfAppendFails(t *testing.T) {
	t.Parallel()
	s := newFetchStage(t)
	page := s.connectWithPosts(domain.Facebook, 0)
	for _, kind := range []string{domain.FetchAccounts, domain.FetchPosts} {
		s.log.Fail(errors.New("no broker"))
		s.round(kind, domain.Facebook)
		st := s.state(kind, page)
		require.Nil(t, st.ReadAt, kind)
		require.Equal(t, &domain.StatusReason{Code: domain.StatusInternal}, st.Reason)
		s.log.Fail(nil)
		require.Empty(t, s.roundAfter(tick, kind, domain.Facebook))
	}
	require.Equal(t, []time.Time{fetchDay.Add(tick)}, s.readings(page))
	require.Equal(t, s.number(`select count(*) from tSPosts`), s.number(`select count(*) from tSPostInsights`))
	require.Positive(t, s.number(`select count(*) from tSPosts`))
}

// batches is a log whose answers a test gives.
type batches func(ctx context.Context, drafts []domain.Draft) []error

func (b batches) AppendBatch(ctx context.Context, drafts []domain.Draft) []error {
	return b(ctx, drafts)
}

func TestReadingIsAppendedEvenIfClaimEnds(t *testing.T) {
	t.Parallel()
	s := newFetchStage(t)
	page := s.connect(domain.Facebook, 0)
	claimed, end := context.WithCancel(t.Context())
	slow := s.process(func(c *collect.Config) {
		c.Log = batches(func(ctx context.Context, drafts []domain.Draft) []error {
			end() // the log takes its time: the claim ends meanwhile
			if err := ctx.Err(); err != nil {
				return slices.Repeat([]error{err}, len(drafts))
			}
			return s.log.AppendBatch(ctx, drafts)
		})
	})
	require.ErrorIs(t, workOn(claimed, slow, s.claim(slow, domain.FetchAccounts, domain.Facebook)), context.Canceled)
	require.Len(t, s.readings(page), 1)
	require.NotNil(t, s.state(domain.FetchAccounts, page).ReadAt)
}

// planted is what a platform says in the test when it fails: it names a person.
const planted = "Erna Meier (erna@example.com) is no administrator any more"

// plant puts the sentence wherever an answer has words about a failure, also inside of a batch.
type plant struct{ http.RoundTripper }

var (
	platformWords = regexp.MustCompile(`"(message|error_description|error_user_title|error_user_msg|log_id)":"(?:[^"\\]|\\.)*"`)
	quotedWords   = regexp.MustCompile(`\\"(message|error_user_msg)\\":\\"[^"]*\\"`)
)

func (p plant) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := p.RoundTripper.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	raw, err := io.ReadAll(answer.Body)
	answer.Body.Close()
	if err != nil {
		return nil, err
	}
	if answer.StatusCode >= http.StatusBadRequest || bytes.Contains(raw, []byte(`"error`)) || bytes.Contains(raw, []byte(`\"error`)) {
		raw = platformWords.ReplaceAll(raw, []byte(`"$1":"`+planted+`"`))
		raw = quotedWords.ReplaceAll(raw, []byte(`\"$1\":\"`+planted+`\"`))
	}
	answer.Body, answer.ContentLength = io.NopCloser(bytes.NewReader(raw)), int64(len(raw))
	answer.Header.Del("Content-Length")
	return answer, nil
}

// What platforms say when they fail names people: it is in schema kept, and in no event, log line
// or reason that answers show; 30 days later it is nowhere.
func TestPlatformErrorMessagesAreDeletedAfter30Days(t *testing.T) {
	t.Parallel()
	var logged bytes.Buffer
	s := newFetchStage(t)
	s.logger = slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
	s.wire = func(transport http.RoundTripper) http.RoundTripper { return plant{transport} }
	s.collect = s.process(func(c *collect.Config) { c.AccountInterval = 0 })

	var failing []connected
	bad := func(p domain.Platform, kind domain.AccountType, traps simulator.Traps) {
		c := s.connect(p, kind)
		s.trap(c, traps)
		failing = append(failing, c)
	}
	for _, p := range []domain.Platform{domain.Facebook, domain.Instagram, domain.TikTok} {
		bad(p, 0, simulator.Traps{TokenError: 460})
	}
	for _, code := range []int{10, 32, 2, 803, 368, 100} {
		bad(domain.Facebook, 0, simulator.Traps{Throttle: &simulator.Throttle{Code: code}})
	}
	bad(domain.LinkedIn, domain.LinkedInProfile, simulator.Traps{TokenError: 1})
	bad(domain.LinkedIn, domain.LinkedInCompanyPage, simulator.Traps{Faults: []simulator.Fault{{Kind: simulator.RoleLost}}})
	bad(domain.TikTok, 0, simulator.Traps{Faults: []simulator.Fault{{Kind: simulator.Refused}}})
	// These are read, and lack figures for what the platform says.
	for _, traps := range []simulator.Traps{{RetiredMetrics: []string{"page_media_view"}}, {Faults: []simulator.Fault{{Kind: simulator.Refused, About: "pages_read_user_content"}}}} {
		c := s.connect(domain.Facebook, 0)
		s.trap(c, traps)
	}
	c := s.connect(domain.Instagram, 0)
	s.trap(c, simulator.Traps{BeforeBusiness: true})
	var told []string
	for _, kind := range []string{domain.FetchAccounts, domain.FetchPosts, domain.FetchTokens} {
		for _, p := range domain.Platforms() {
			s.round(kind, p)
		}
		s.clock.Advance(2 * time.Hour)
	}
	for _, c := range failing { // the error that the log shows
		err := s.readOne(t.Context(), s.collect, domain.FetchAccounts, c)
		require.Error(t, err, c.ID)
		told = append(told, err.Error())
	}

	require.Equal(t, len(failing), s.number(`select count(distinct social_account_id) from kept.platform_words where words like '%Erna Meier%'`),
		"each failure's words are kept")
	for _, topic := range []string{domain.TopicMetrics, domain.TopicOperations, domain.TopicDirectory} {
		records := s.log.Records(topic)
		require.NotEmpty(t, records, topic)
		for _, r := range records {
			require.NotContains(t, string(r.Value), "Erna", topic)
		}
	}
	require.Contains(t, logged.String(), "connection not read")
	require.NotContains(t, logged.String(), "Erna")
	require.NotContains(t, strings.Join(told, "\n"), "Erna", "the error itself")
	require.Zero(t, s.number(`select count(*) from kept.fetch_state f where f::text like '%Erna%'`), "answers show its reasons")
	require.Zero(t, s.number(`select count(*) from connection_states c where c::text like '%Erna%'`))

	eraser := vault.NewEraser(s.pool)
	newest := s.clock.Now()
	const day = 24 * time.Hour
	forgotten, err := eraser.ForgetWords(t.Context(), newest.Add(30*day-time.Second))
	require.NoError(t, err)
	require.Positive(t, s.number(`select count(*) from kept.platform_words`), "the newest are kept for 30 days; %d older ones went", forgotten)
	_, err = eraser.ForgetWords(t.Context(), newest.Add(30*day))
	require.NoError(t, err)
	require.Zero(t, s.number(`select count(*) from kept.platform_words`))
}
