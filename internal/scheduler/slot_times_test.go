package scheduler_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ledgerboard/ledgerboard/internal/scheduler"
)

func moment(t testing.TB, text string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339Nano, text)
	require.NoError(t, err)
	return at
}

// parse reads an interval ("30s") or a cron expression.
func parse(text string) (scheduler.Schedule, error) {
	if d, err := time.ParseDuration(text); err == nil {
		return scheduler.Every(d)
	}
	return scheduler.Cron(text)
}

func TestSlotsOfTheWallClock(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ schedule, at, slot, next string }{
		"half minute":         {"30s", "2026-03-01T12:00:29.999Z", "2026-03-01T12:00:00Z", "2026-03-01T12:00:30Z"},
		"on the boundary":     {"30s", "2026-03-01T12:00:30Z", "2026-03-01T12:00:30Z", "2026-03-01T12:01:00Z"},
		"twelve hours":        {"12h", "2026-03-01T23:00:00Z", "2026-03-01T12:00:00Z", "2026-03-02T00:00:00Z"},
		"another zone":        {"12h", "2026-03-02T01:00:00+02:00", "2026-03-01T12:00:00Z", "2026-03-02T00:00:00Z"},
		"cron":                {"0 */12 * * *", "2026-03-01T23:59:59.5Z", "2026-03-01T12:00:00Z", "2026-03-02T00:00:00Z"},
		"cron on the dot":     {"0 */12 * * *", "2026-03-01T12:00:00Z", "2026-03-01T12:00:00Z", "2026-03-02T00:00:00Z"},
		"cron every minute":   {"* * * * *", "2026-03-01T12:00:59.999Z", "2026-03-01T12:00:00Z", "2026-03-01T12:01:00Z"},
		"cron, another zone":  {"10 3 * * *", "2026-03-01T04:00:00+02:00", "2026-02-28T03:10:00Z", "2026-03-01T03:10:00Z"},
		"cron on a leap day":  {"0 0 29 2 *", "2027-06-01T00:00:00Z", "2024-02-29T00:00:00Z", "2028-02-29T00:00:00Z"},
		"cron with long rest": {"*/5 0 1 1 *", "2026-12-31T00:00:00Z", "2026-01-01T00:55:00Z", "2027-01-01T00:00:00Z"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := parse(test.schedule)
			require.NoError(t, err)
			at := moment(t, test.at)
			require.Equal(t, moment(t, test.slot), s.At(at))
			require.Equal(t, moment(t, test.next), s.Next(at))
		})
	}
}

func anySchedule(t *rapid.T) scheduler.Schedule {
	text := rapid.OneOf(
		rapid.Custom(func(t *rapid.T) string {
			return (time.Duration(rapid.IntRange(1, 100_000).Draw(t, "seconds")) * time.Second).String()
		}),
		rapid.SampledFrom([]string{"* * * * *", "*/7 * * * *", "0 */12 * * *", "10 0,12 * * 1-5", "0 0 31 * *", "30 4 1 1 *"}),
	).Draw(t, "schedule")
	s, err := parse(text)
	require.NoError(t, err)
	return s
}

func TestEveryMomentLiesInOneSlot(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := anySchedule(t)
		at := time.Unix(rapid.Int64Range(1.5e9, 2.5e9).Draw(t, "second"), rapid.Int64Range(0, 999_999_999).Draw(t, "nanosecond")).UTC()
		slot, end := s.At(at), s.Next(at)
		require.False(t, slot.After(at))
		require.True(t, end.After(at))
		require.Equal(t, slot, s.At(slot), "a slot lies in itself")
		require.Equal(t, end, s.Next(slot), "a slot ends where the next begins")
		require.Equal(t, slot, s.At(end.Add(-1)))
		require.Zero(t, slot.Nanosecond(), "slots are stored by the second")
	})
}

func TestMissedSlotsAreCounted(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := anySchedule(t)
		first := s.At(time.Unix(rapid.Int64Range(1.5e9, 2.0e9).Draw(t, "second"), 0))
		require.Zero(t, s.Between(first, first))
		slot := first
		for missed := range rapid.IntRange(1, 20).Draw(t, "slots") {
			slot = s.Next(slot)
			require.Equal(t, missed, s.Between(first, slot))
		}
	})
}

func TestSchedulesThatNeverBeginASlotAreRefused(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                         "cron expression",
		"soon":                     "expected exactly 5 fields",
		"500ms":                    "shorter than 1s",
		"-30s":                     "shorter than 1s",
		"@every 30s":               "descriptors",
		"0 0 30 2 *":               "never comes",
		"61 * * * *":               "above maximum",
		"* * * *":                  "expected exactly 5 fields",
		"TZ=Asia/Tokyo 0 0 * * *":  "time zones are not supported",
		"CRON_TZ=Asia/Tokyo":       "time zones are not supported",
		"CRON_TZ=Europe/Rome * * ": "time zones are not supported",
	} {
		_, err := parse(text)
		require.ErrorContains(t, err, want, "%q", text)
	}
}

// After a sleep of the machine River asks for the slot after one of long ago.
func TestSlotsThatPassedAreNotGoneThroughOneByOne(t *testing.T) {
	t.Parallel()
	s := every(t, time.Hour)[kind]
	before := s.At(time.Now())
	next := s.NextForRiver(before.Add(-1000 * time.Hour))
	require.False(t, next.Before(before))
	require.Equal(t, s.At(time.Now()), next)
	require.Equal(t, s.Next(next), s.NextForRiver(next))
}

func FuzzCron(f *testing.F) {
	f.Add("0 */12 * * *")
	f.Add("*/5 1-3 1,15 jan-mar mon#")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := scheduler.Cron(text)
		if err != nil {
			return
		}
		now := time.Date(2026, 3, 1, 12, 0, 0, 1, time.UTC)
		require.True(t, s.Next(now).After(now))
	})
}

func TestDueAgainAfterTheInterval(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		schedule  string
		interval  time.Duration
		read, due string
	}{
		"at every slot":              {"30s", 30 * time.Second, "2026-03-01T12:00:29Z", "2026-03-01T12:00:30Z"},
		"without an interval":        {"0 */12 * * *", 0, "2026-03-01T12:00:07Z", "2026-03-02T00:00:00Z"},
		"six hours, by ticks of 30s": {"30s", 6 * time.Hour, "2026-03-01T12:00:29Z", "2026-03-01T18:00:00Z"},
		"no multiple of the slot":    {"30s", 45 * time.Second, "2026-03-01T12:00:00Z", "2026-03-01T12:01:00Z"},
		"cron on the dot":            {"0 * * * *", time.Hour, "2026-03-01T12:30:00Z", "2026-03-01T13:00:00Z"},
	} {
		s, err := parse(test.schedule)
		require.NoError(t, err)
		require.Equal(t, moment(t, test.due), s.Due(test.interval)(moment(t, test.read)), name)
	}
}
