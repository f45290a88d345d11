package domain

import (
	"fmt"
	"strconv"
	"time"
)

// Pace is the time between the last two readings of a connection, and why it was not shorter.
type Pace struct {
	Platform    Platform    `json:"p_id"`
	AccountType AccountType `json:"a_type"` // 0 if the platform has only one

	Every  time.Duration `json:"every"`  // between the last two readings; at least Wanted; 0 before the first
	Wanted time.Duration `json:"wanted"` // the configured interval
	Calls  int           `json:"calls"`  // number of calls that a reading takes
	// Quota is the quota that last made a reading wait; zero if none did.
	Quota Quota `json:"quota,omitzero"`
}

// Limited reports whether a quota makes the pace slower than configured.
func (p Pace) Limited() bool { return p.Quota.Calls > 0 }

// CallsADay returns the number of calls of a platform per day; 0 if the pace is unknown.
func (p Pace) CallsADay() int {
	if p.Every <= 0 {
		return 0
	}
	return int((day + p.Every - 1) / p.Every * time.Duration(p.Calls))
}

// String returns the pace for people: "every 262 minutes: 100 calls a day, 7 a reading of a
// profile"; "" if the pace is unknown.
func (p Pace) String() string {
	if p.Every <= 0 {
		return ""
	}
	reading := " a reading"
	if read, known := p.Platform.Kind(p.AccountType); known && p.AccountType != 0 {
		reading += " of a " + read.Title()
	}
	switch calls := counted(p.Calls, "call") + reading; {
	case p.Every <= p.Wanted:
		return fmt.Sprintf("every %s, as configured: %s", spoken(p.Every), calls)
	case p.Quota.Calls == 0:
		return fmt.Sprintf("every %s, configured are %s: %s", spoken(p.Every), spoken(p.Wanted), calls)
	}
	quota := fmt.Sprintf("%s %s", counted(p.Quota.Calls, "call"), perWindow(p.Quota.Window))
	if p.Quota.Assumed {
		quota += " (the quota of an app in development, because LEDGERBOARD_QUOTAS sets none)"
	}
	return fmt.Sprintf("every %s: %s, %d%s", spoken(p.Every), quota, p.Calls, reading)
}

func perWindow(window time.Duration) string {
	switch window {
	case day:
		return "a day"
	case time.Hour:
		return "an hour"
	case time.Minute:
		return "a minute"
	default:
		return "in " + spoken(window)
	}
}

// spoken formats a duration in its largest unit that loses little precision.
func spoken(d time.Duration) string {
	switch {
	case d%day == 0:
		return counted(int(d/day), "day")
	case d >= 6*time.Hour:
		return counted(int((d+time.Hour/2)/time.Hour), "hour")
	case d%time.Hour == 0:
		return counted(int(d/time.Hour), "hour")
	case d%time.Minute == 0 || d > 10*time.Minute:
		return counted(int((d+time.Minute/2)/time.Minute), "minute")
	default:
		return counted(int((d+time.Second/2)/time.Second), "second")
	}
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	digits := strconv.Itoa(n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits + " " + what + "s"
}
