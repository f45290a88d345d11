package collect

import (
	"fmt"
	"hash/fnv"
	"strconv"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/quota"
)

// leftOver is the share of a quota that the pace does not use. It is for backfills, token renewals,
// and readings with more calls than usual.
const leftOver = 0.1

// Pace is how often a connection is read.
type Pace struct {
	Read string // kind of account, for people; "" if the platform has only one

	Every  time.Duration // between two readings; never less than Wanted
	Wanted time.Duration // the configured interval
	Calls  int           // number of calls that a reading takes
	// Quota is the quota that makes Every longer than Wanted; zero if no quota does.
	Quota domain.Quota
	// Sharing is the number of connections that share the quota.
	Sharing int
}

// Demand is the load on a platform: the number of connections of each type, and the configured
// intervals.
type Demand struct {
	Platform        domain.Platform
	Connections     map[domain.AccountType]int
	Accounts, Posts time.Duration // configured time between two readings

	// Together holds the numbers of accounts, by type, that a per-account quota counts together;
	// nil if it counts each account separately.
	Together map[domain.AccountType]int
	members  map[string]map[domain.AccountType]int // Together by [countedBy]
	at       time.Time                             // when the connections were counted
}

// PaceOf returns the pace at which connections use each quota evenly over its window. If a quota is
// too small for all, accounts and posts get half of it each, or more if the other kind needs less.
// Connections of one kind are read equally often.
func PaceOf(kind string, account domain.AccountType, d Demand, quotas []quota.Budget) Pace {
	pace := Pace{Wanted: d.wanted(kind), Calls: callsOf(kind, d.Platform, account)}
	if read, _ := d.Platform.Kind(account); account != 0 {
		pace.Read = read.Title()
	}
	pace.Every = pace.Wanted
	other := domain.FetchPosts
	if kind == other {
		other = domain.FetchAccounts
	}
	for _, q := range quotas {
		sharing := d.sharing(q.Scope, account)
		kindCalls, otherCalls := d.calls(kind, q.Scope, sharing), d.calls(other, q.Scope, sharing)
		if q.Scope == domain.QuotaPerOperation { // the kinds use different endpoints
			otherCalls = 0
		}
		usable := q.Rate * (1 - leftOver)
		available := max(usable/2, usable-otherCalls)
		every := time.Duration(float64(pace.Wanted) * kindCalls / available)
		if every = roundUp(every); every > pace.Every {
			pace.Every, pace.Quota, pace.Sharing = every, q.Quota, 0
			for _, n := range sharing {
				pace.Sharing += n
			}
		}
	}
	return pace
}

func (d Demand) wanted(kind string) time.Duration {
	if kind == domain.FetchPosts {
		return d.Posts
	}
	// An interval of zero means a reading in each round. For the number of calls, it is treated as
	// one second.
	return max(d.Accounts, time.Second)
}

func (d Demand) sharing(scope domain.QuotaScope, account domain.AccountType) map[domain.AccountType]int {
	switch {
	case scope != domain.QuotaPerAccount:
		return d.Connections
	case d.Together != nil:
		return d.Together
	default:
		return map[domain.AccountType]int{account: 1}
	}
}

func (d Demand) calls(
	kind string, scope domain.QuotaScope, connections map[domain.AccountType]int,
) (perSecond float64) {
	for account, n := range connections {
		each := callsOf(kind, d.Platform, account)
		if scope == domain.QuotaPerOperation {
			each = 1 // one call of the counted endpoint
		}
		perSecond += float64(n*each) / d.wanted(kind).Seconds()
	}
	return perSecond
}

// roundUp makes a pace readable, and keeps it the same if a few connections are added or removed.
func roundUp(d time.Duration) time.Duration {
	step := time.Second
	if d > 10*time.Minute {
		step = time.Minute
	}
	return (d + step - 1).Truncate(step)
}

// Limited reports whether a quota makes the pace slower than configured. No call may then be
// wasted.
func (p Pace) Limited() bool { return p.Quota.Calls > 0 }

// Next returns when a connection is due again. due is its previous due time, startedAt the start of
// its reading, and first whether this was its first reading. If the quota sets the pace, the result
// is derived from the previous due time, so that a changed pace moves it only by the difference.
// Connections that were made at the same time, or were delayed together by downtime, are spread by
// a phase derived from the id.
func (p Pace) Next(due, startedAt time.Time, first bool, socialAccount int64) time.Time {
	if due.After(startedAt) { // a new token made the connection due early
		due = startedAt
	}
	if p.Every <= p.Wanted {
		if next := due.Add(p.Wanted); next.After(startedAt) {
			return next
		}
		return startedAt.Add(p.Wanted) // readings missed during downtime are not repeated
	}
	least := later(due.Add(p.Wanted), startedAt.Add(p.Every/4))
	if first || startedAt.Sub(due) >= p.Every {
		return least.Add(p.phase(socialAccount))
	}
	return later(least, due.Add(p.Every))
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func (p Pace) phase(socialAccount int64) time.Duration {
	hash := fnv.New64a()
	hash.Write(strconv.AppendInt(nil, socialAccount, 10))
	return time.Duration(float64(p.Every) * float64(mixed(hash.Sum64())>>11) / (1 << 53))
}

// mixed spreads adjacent hashes (the finalizer of splitmix64).
func mixed(h uint64) uint64 {
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return h ^ h>>31
}

func (p Pace) callsADay() int { return int((day + p.Every - 1) / p.Every * time.Duration(p.Calls)) }

func callsOf(kind string, platform domain.Platform, account domain.AccountType) int {
	read, known := platform.Kind(account)
	if !known {
		return 0
	}
	return read.Calls[kind]
}

// String returns the pace for people: "every 262 minutes: 100 calls a day, 7 a reading of a
// profile".
func (p Pace) String() string {
	reading := " a reading"
	if p.Read != "" {
		reading += " of a " + p.Read
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
