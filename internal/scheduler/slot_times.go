package scheduler

import (
	"fmt"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// MinInterval is the shortest time between two slots.
const MinInterval = time.Second

// manySlots bounds a count of slots: beyond it only "very many" matters.
const manySlots = 1_000_000

// Schedule says when slots begin. Slots are a function of the wall clock in UTC alone, so that all
// processes agree on them. The zero Schedule is not valid.
type Schedule struct {
	interval time.Duration // 0: cron is set
	cron     cron.Schedule
}

// Every begins a slot at each multiple of d since midnight UTC of Monday, 1 January of the year 1:
// 30 s at :00 and :30, 12 h at midnight and noon.
func Every(d time.Duration) (Schedule, error) {
	if d < MinInterval {
		return Schedule{}, fmt.Errorf("interval %s is shorter than %s", d, MinInterval)
	}
	return Schedule{interval: d}, nil
}

// Cron begins slots by an expression of five fields (minute, hour, day, month, weekday),
// in UTC.
func Cron(expression string) (Schedule, error) {
	if strings.Contains(expression, "TZ=") {
		return Schedule{}, fmt.Errorf("cron expression %q: time zones are not supported, slots are in UTC", expression)
	}
	parser := cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow)
	parsed, err := parser.Parse(expression)
	if err != nil {
		return Schedule{}, fmt.Errorf("cron expression %q: %w", expression, err)
	}
	if parsed.Next(time.Unix(0, 0).UTC()).IsZero() {
		return Schedule{}, fmt.Errorf("cron expression %q never comes", expression)
	}
	return Schedule{cron: parsed}, nil
}

// Due returns the first slot in which an account is due again that was served in the slot of t: the one
// that begins at least the interval after it; with an interval of 0 the next one.
func (s Schedule) Due(interval time.Duration) func(t time.Time) time.Time {
	return func(t time.Time) time.Time {
		return s.Next(s.At(t).Add(max(interval-1, 0)))
	}
}

// Next returns the first slot after t, which is also the end of a slot that begins at t.
func (s Schedule) Next(t time.Time) time.Time {
	t = t.UTC()
	if s.interval > 0 {
		return t.Truncate(s.interval).Add(s.interval)
	}
	return s.cron.Next(t)
}

// At returns the slot that t lies in: the last one that has begun.
func (s Schedule) At(t time.Time) time.Time {
	t = t.UTC()
	if s.interval > 0 {
		return t.Truncate(s.interval)
	}
	// cron only looks forward: look from ever further back, then walk to the last one.
	for back := time.Minute; ; back *= 2 {
		slot := s.cron.Next(t.Add(-back))
		if slot.After(t) || slot.IsZero() {
			continue
		}
		for next := s.cron.Next(slot); !next.After(t) && !next.IsZero(); next = s.cron.Next(slot) {
			slot = next
		}
		return slot
	}
}

// between counts the slots that lie after one slot and before another.
func (s Schedule) between(after, before time.Time) int {
	if s.interval > 0 {
		return int(min(max(before.Sub(after)/s.interval-1, 0), manySlots))
	}
	count := 0
	for slot := s.Next(after); slot.Before(before) && count < manySlots; slot = s.Next(slot) {
		count++
	}
	return count
}
