package domain

import (
	"fmt"
	"strconv"
	"time"
)

// Pace is how often a connection is read, and why not more often.
type Pace struct {
	Platform    Platform    `json:"p_id"`
	AccountType AccountType `json:"a_type"` // 0 if the platform has only one

	Every  time.Duration `json:"every"`  // between two readings; never less than Wanted
	Wanted time.Duration `json:"wanted"` // the configured interval
	Calls  int           `json:"calls"`  // number of calls that a reading takes
	// Quota is the quota that makes Every longer than Wanted; zero if no quota does.
	Quota Quota `json:"quota,omitzero"`
	// Sharing is the number of connections that share the quota.
	Sharing int `json:"sharing,omitempty"`
}

// Limited reports whether a quota makes the pace slower than configured. No call may then be
// wasted.
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
	if p.Quota.Calls == 0 {
		return fmt.Sprintf("every %s, as configured: %s", spoken(p.Every), counted(p.Calls, "call")+reading)
	}
	quota := fmt.Sprintf("%s %s", counted(p.Quota.Calls, "call"), perWindow(p.Quota.Window))
	if p.Sharing > 1 {
		quota += fmt.Sprintf(" for %d connections", p.Sharing)
	}
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
