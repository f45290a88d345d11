package collect

import (
	"hash/fnv"
	"strconv"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/quota"
)

// leftOver is the share of a quota that the pace does not use. It is for backfills, token renewals,
// and readings with more calls than usual.
const leftOver = 0.1

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
func PaceOf(kind string, account domain.AccountType, d Demand, quotas []quota.Budget) domain.Pace {
	pace := domain.Pace{
		Platform: d.Platform, AccountType: account, Wanted: d.wanted(kind), Calls: callsOf(kind, d.Platform, account),
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

// NextReading returns when a connection is due again. due is its previous due time, startedAt the
// start of its reading, and first whether this was its first reading. If the quota sets the pace,
// the result is derived from the previous due time, so that a changed pace moves it only by the
// difference. Connections that were made at the same time, or were delayed together by downtime,
// are spread by a phase derived from the id.
func NextReading(p domain.Pace, due, startedAt time.Time, first bool, socialAccount int64) time.Time {
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
		return least.Add(phase(p, socialAccount))
	}
	return later(least, due.Add(p.Every))
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func phase(p domain.Pace, socialAccount int64) time.Duration {
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

func callsOf(kind string, platform domain.Platform, account domain.AccountType) int {
	read, known := platform.Kind(account)
	if !known {
		return 0
	}
	return read.Calls[kind]
}
