package commands_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
)

// Commands that were refused or changed nothing are not remembered. A repetition is decided again.
func TestIdempotencyKeyOfRefusedCommandIsReusable(t *testing.T) {
	t.Parallel()
	s := newStage()
	p := s.process(t)
	_, err := p.Update(t.Context(), put(north, users("nobody"), key("k")))
	require.Equal(t, domain.CodeUnprocessable, domain.CodeOf(err))
	update(t, p, put(north, users(nina), key("k"), digest("corrected")))
	require.Len(t, s.records, 1)

	update(t, p, put(north, users(nina), key("nothing to do")))
	result := update(t, p, put(north, users(sam), key("nothing to do"), digest("another")))
	require.False(t, result.Replayed)
}

// Refused with 503 and a reason before anything is written.
func TestUnavailableCommandAppendsNothing(t *testing.T) {
	t.Parallel()
	lagging := domain.NewError(domain.CodeUnavailable, "dashboards lags 4000 events behind")
	for name, set := range map[string]func(*stage, *commands.DashboardsConfig) string{
		"the stream stands still": func(s *stage, _ *commands.DashboardsConfig) string {
			s.refusal = "a record of its stream is parked and waits for an operator"
			return s.refusal
		},
		"the projection lags": func(_ *stage, c *commands.DashboardsConfig) string {
			c.Gate = func() error { return lagging }
			return lagging.Message
		},
	} {
		s := newStage()
		var reason string
		p := s.process(t, func(c *commands.DashboardsConfig) { reason = set(s, c) })
		for _, err := range []error{
			second(p.Update(t.Context(), put(north, users(nina)))),
			second(p.Open(t.Context(), commands.OpenDashboard{Caller: put(north).Caller, SubAccount: north})),
			second(p.Update(t.Context(), put(agency))), // before any other verdict
		} {
			e := asError(t, err)
			require.Equal(t, domain.CodeUnavailable, e.Code, name)
			require.Contains(t, e.Message, reason)
			require.Empty(t, e.CommandID)
		}
		require.Zero(t, s.appends, name)
	}
}

func second(_ commands.Result, err error) error { return err }

// A record's time is max(now, head's time + 1 µs), whatever the clock says.
func TestRecordTimeIsLaterThanItsPredecessors(t *testing.T) {
	t.Parallel()
	noon := time.Date(2026, 3, 1, 12, 0, 0, 1234567, time.FixedZone("", 3600))
	step := time.Microsecond
	for name, c := range map[string]struct {
		clock []time.Time
		want  []time.Duration // after the first record
	}{
		"a clock that stands still":  {[]time.Time{noon, noon, noon}, []time.Duration{step, 2 * step}},
		"a clock that goes back":     {[]time.Time{noon, noon.Add(-time.Hour), noon.Add(-2 * time.Hour)}, []time.Duration{step, 2 * step}},
		"a clock that goes on":       {[]time.Time{noon, noon.Add(time.Second), noon.Add(time.Minute)}, []time.Duration{time.Second, time.Minute}},
		"that jumped ahead and back": {[]time.Time{noon, noon.Add(time.Hour), noon.Add(time.Second)}, []time.Duration{time.Hour, time.Hour + step}},
		"below a microsecond":        {[]time.Time{noon, noon.Add(300), noon.Add(600)}, []time.Duration{step, 2 * step}},
	} {
		s := newStage()
		n := 0
		p := s.process(t, func(cfg *commands.DashboardsConfig) {
			cfg.Now = func() time.Time { return c.clock[n] }
		})
		for i, user := range []string{nina, sam, nina} {
			n = i
			update(t, p, put(north, users(user)))
		}
		first := s.records[0].Envelope.Time
		require.Equal(t, noon.UTC().Truncate(time.Microsecond), first)
		require.Equal(t, time.UTC, first.Location())
		for i, want := range c.want {
			require.Equal(t, want, s.records[i+1].Envelope.Time.Sub(first), name)
		}
	}
}

// The log keeps everything forever, so it gets only the digest of a caller's key. Repetitions are
// still recognized.
func TestIdempotencyKeysAreStoredAsDigests(t *testing.T) {
	t.Parallel()
	s := newStage()
	p := s.process(t)
	const address = "nina@example.com"
	update(t, p, put(north, users(nina), key(address)))
	update(t, p, put(north, users(sam)))
	require.NotContains(t, fmt.Sprintf("%+v", s.records), address)
	for _, r := range s.records {
		require.Regexp(t, "^[0-9a-f]{64}$", r.Envelope.Audit.IdempotencyKey)
	}
	again := update(t, p, put(north, users(nina), key(address)))
	require.True(t, again.Replayed)
	again = update(t, p, put(north, users(sam), key(s.records[1].Envelope.Audit.CommandID)))
	require.True(t, again.Replayed, "a command without a key is known by its id")
	_, err := p.Update(t.Context(), put(north, users(sam), key(address), digest("another")))
	require.Equal(t, domain.CodeUnprocessable, domain.CodeOf(err), "another request with the same key")

	mine := s.records[0].Envelope.Audit
	update(t, p, put(north, users(nina, sam), key(address), func(u *commands.UpdateDashboard) { u.UserID = "bob" }))
	last := s.records[len(s.records)-1].Envelope.Audit
	require.Equal(t, "bob", last.Actor)
	require.NotEqual(t, mine.IdempotencyKey, last.IdempotencyKey, "one key of two callers is no link between them")
}
