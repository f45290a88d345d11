package collect

import (
	"fmt"
	"strconv"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// String is the pace for people: "every 262 minutes: 100 calls a day, 7 a reading of a profile".
func (p Pace) String() string {
	reading := " a reading"
	switch p.Account {
	case domain.LinkedInProfile:
		reading += " of a profile"
	case domain.LinkedInCompanyPage:
		reading += " of a company page"
	}
	if p.Quota.Calls == 0 {
		return fmt.Sprintf("every %s, as configured: %s", spoken(p.Every), counted(p.Calls, "call")+reading)
	}
	quota := fmt.Sprintf("%s %s", counted(p.Quota.Calls, "call"), perWindow(p.Quota.Window))
	if p.Sharing > 1 {
		quota += fmt.Sprintf(" for %d connections", p.Sharing)
	}
	if p.Quota.Assumed {
		quota += " (taken for an app in development, as LEDGERBOARD_QUOTAS sets none)"
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

// spoken is a time in its largest unit that leaves little away.
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
