package collect

import (
	"fmt"
	"hash/fnv"
	"strconv"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/quota"
)

// leftOver is the part of a quota that the pace leaves: to back-fill, renewed tokens, and what takes more calls than usual.
const leftOver = 0.1

// Pace is how often a connection is read.
type Pace struct {
	Read string // what is read, in words, where the platform has several kinds of account

	Every  time.Duration // between two readings; never less than configured
	Wanted time.Duration // as configured
	Calls  int           // that a reading takes
	// Quota is what makes Every longer than configured; zero: nothing does.
	Quota domain.Quota
	// Sharing is how many connections share that quota.
	Sharing int
}

// Demand is what reads a platform: how many connections there are of each type, and how often they are to be read.
type Demand struct {
	Platform        domain.Platform
	Connections     map[domain.AccountType]int
	Accounts, Posts time.Duration // between two readings, as configured

	// Together are the accounts that a quota of the account counts as one; nil: it counts each alone.
	Together map[domain.AccountType]int
	members  map[string]map[domain.AccountType]int // by whom the platform counts them: what each one's token reads
	at       time.Time                             // when it was counted
}

// of is the demand as an account meets it.
func (d Demand) of(account domain.ConnectedAccount) Demand {
	d.Together = d.members[countedBy(account)]
	return d
}

// PaceOf spreads each quota over its window. Where it is too small for all, posts keep half of it at most, accounts share
// what is left, and each connection is read as often as the others of its kind.
func PaceOf(kind string, account domain.AccountType, d Demand, quotas []quota.Budget) Pace {
	pace := Pace{Wanted: d.wanted(kind), Calls: callsOf(kind, d.Platform, account)}
	if read, _ := d.Platform.Kind(account); account != 0 {
		pace.Read = read.Words()
	}
	pace.Every = pace.Wanted
	other := domain.FetchPosts
	if kind == other {
		other = domain.FetchAccounts
	}
	for _, q := range quotas {
		sharing := d.sharing(q.Scope, account)
		asks, others := d.calls(kind, q.Scope, sharing), d.calls(other, q.Scope, sharing)
		if q.Scope == domain.QuotaPerOperation { // the kinds call different endpoints
			others = 0
		}
		usable := q.Rate * (1 - leftOver)
		has := max(usable/2, usable-others)
		every := time.Duration(float64(pace.Wanted) * asks / has)
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
	// An interval of nothing means at each look, which the calls are reckoned for as if it were a second.
	return max(d.Accounts, time.Second)
}

// sharing are the connections that a quota counts together.
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

// calls are the calls a second that these connections would make if they were read as configured.
func (d Demand) calls(kind string, scope domain.QuotaScope, connections map[domain.AccountType]int) (perSecond float64) {
	for account, n := range connections {
		each := callsOf(kind, d.Platform, account)
		if scope == domain.QuotaPerOperation {
			each = 1 // of one endpoint
		}
		perSecond += float64(n*each) / d.wanted(kind).Seconds()
	}
	return perSecond
}

// roundUp makes a pace readable, and the same while few connections come or go.
func roundUp(d time.Duration) time.Duration {
	step := time.Second
	if d > 10*time.Minute {
		step = time.Minute
	}
	return (d + step - 1).Truncate(step)
}

// Short tells whether a quota makes the pace longer than configured: no call may be spent for nothing then.
func (p Pace) Short() bool { return p.Quota.Calls > 0 }

// Next is when a connection is due again that was due at a time and whose reading, its first or not, began at another. Where the
// quota sets the pace it follows from the due time before: a pace that changes, because connections come or go, moves it by no more
// than the change. Those that were made at one moment, or that a downtime has brought together, part by a phase which the id gives.
func (p Pace) Next(due, began time.Time, first bool, socialAccount int64) time.Time {
	if due.After(began) { // a new token made it due before its time
		due = began
	}
	if p.Every <= p.Wanted {
		if next := due.Add(p.Wanted); next.After(began) {
			return next
		}
		return began.Add(p.Wanted) // what a downtime missed is not made up for
	}
	least := later(due.Add(p.Wanted), began.Add(p.Every/4))
	if first || began.Sub(due) >= p.Every {
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

// mixed spreads neighbouring hashes (the finalizer of splitmix64).
func mixed(h uint64) uint64 {
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return h ^ h>>31
}

// CallsADay is what readings of this pace cost.
func (p Pace) CallsADay() int { return int((day + p.Every - 1) / p.Every * time.Duration(p.Calls)) }

// callsOf is how many calls a reading takes, see [domain.AccountKind].
func callsOf(kind string, platform domain.Platform, account domain.AccountType) int {
	read, known := platform.Kind(account)
	if !known {
		return 0
	}
	return read.Calls[kind]
}

// String is the pace for people: "every 262 minutes: 100 calls a day, 7 a reading of a profile".
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
