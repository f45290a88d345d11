package collect

import (
	"context"
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
	"github.com/ledgerboard/ledgerboard/internal/quota"
)

// leftOver is the part of a quota that the pace leaves: to back-fill, renewed tokens, and what takes more calls than usual.
const leftOver = 0.1

// Pace is how often a connection is read.
type Pace struct {
	Account domain.AccountType // that is read; LinkedIn only

	Every  time.Duration // between two readings; never less than configured
	Wanted time.Duration // as configured
	Calls  int           // that a reading takes
	// Quota is what makes Every longer than configured; zero: nothing does.
	Quota quota.Limit
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
	members  map[string]map[domain.AccountType]int // LinkedIn's, by whom it counts them: what each one's token reads
}

// of is the demand as an account meets it.
func (d Demand) of(account domain.ConnectedAccount) Demand {
	d.Together = d.members[countedBy(account)]
	return d
}

// PaceOf spreads each quota over its window. Where it is too small for all, posts keep half of it at most, accounts share
// what is left, and each connection is read as often as the others of its kind.
func PaceOf(kind string, account domain.AccountType, d Demand, quotas []quota.Rate) Pace {
	pace := Pace{Account: account, Wanted: d.wanted(kind), Calls: CallsOf(kind, d.Platform, account)}
	pace.Every = pace.Wanted
	for _, q := range quotas {
		sharing := d.sharing(q.Scope, account)
		accounts, posts := d.calls(domain.FetchAccounts, q.Scope, sharing), d.calls(domain.FetchPosts, q.Scope, sharing)
		usable := q.PerSecond * (1 - leftOver)
		if q.Scope == platforms.ScopeOperation { // the kinds call different endpoints
			if kind == domain.FetchAccounts {
				posts = 0
			} else {
				accounts = 0
			}
		}
		asks, others := posts, accounts
		if kind == domain.FetchAccounts {
			asks, others = accounts, posts
		}
		has := max(usable/2, usable-others)
		every := time.Duration(float64(pace.Wanted) * asks / has)
		if every = roundUp(every); every > pace.Every {
			pace.Every, pace.Quota, pace.Sharing = every, q.Limit, 0
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
func (d Demand) sharing(scope platforms.Scope, account domain.AccountType) map[domain.AccountType]int {
	switch {
	case scope != platforms.ScopeAccount:
		return d.Connections
	case d.Together != nil:
		return d.Together
	default:
		return map[domain.AccountType]int{account: 1}
	}
}

// calls are the calls a second that these connections would make if they were read as configured.
func (d Demand) calls(kind string, scope platforms.Scope, connections map[domain.AccountType]int) (perSecond float64) {
	for account, n := range connections {
		each := CallsOf(kind, d.Platform, account)
		if scope == platforms.ScopeOperation {
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

// countedFor is how long a claim goes by what was counted last: claims are many, and each count looks at all connections.
const countedFor = 10 * time.Second

// countedDemand is a demand and when it was counted.
type countedDemand struct {
	Demand
	at time.Time
}

// demandFor is what reads a platform, counted a moment ago at most. That count has not seen those of the tasks that were connected since,
// maybe hundreds that another process found due: by it all of them would be due again at once. So what was never read is counted anew.
func (c *Collector) demandFor(ctx context.Context, platform domain.Platform, tasks []domain.FetchTask, now time.Time) (Demand, error) {
	last, ok := c.demands.Load(platform)
	if ok && !slices.ContainsFunc(tasks, func(t domain.FetchTask) bool { return t.ReadAt == nil }) {
		last := last.(countedDemand) //nolint:forcetypeassert // demandNow stores these
		if age := now.Sub(last.at); age >= 0 && age < countedFor && last.total() >= len(tasks) {
			return last.Demand, nil
		}
	}
	return c.demandNow(ctx, platform, now)
}

// total is how many connections there are of all types.
func (d Demand) total() (n int) {
	for _, connections := range d.Connections {
		n += connections
	}
	return n
}

// demandNow is what reads a platform now.
func (c *Collector) demandNow(ctx context.Context, platform domain.Platform, now time.Time) (Demand, error) {
	counts, err := c.Connections.Counts(ctx, domain.FetchQueue{Kind: domain.FetchAccounts, Platform: platform}, now)
	demand := Demand{Platform: platform, Connections: counts, Accounts: c.AccountInterval, Posts: c.PostInterval}
	if err == nil && platform == domain.LinkedIn && slices.ContainsFunc(c.Budget.Rates(platform), ofAccount) {
		demand.members, err = c.Connections.ReadTogether(ctx, domain.FetchQueue{Kind: domain.FetchAccounts, Platform: platform}, now)
	}
	if err == nil {
		c.demands.Store(platform, countedDemand{demand, now})
	}
	return demand, err
}

func ofAccount(q quota.Rate) bool { return q.Scope == platforms.ScopeAccount }

// slowest is the pace of the accounts of a type that are read least often.
func (d Demand) slowest(kind string, account domain.AccountType, quotas []quota.Rate) Pace {
	slowest := PaceOf(kind, account, d, quotas)
	for _, d.Together = range d.members {
		if pace := PaceOf(kind, account, d, quotas); d.Together[account] > 0 && pace.Every > slowest.Every {
			slowest = pace
		}
	}
	return slowest
}

// tellPaces says, in the log, how often connections are read, at the start and when it changes.
func (c *Collector) tellPaces(ctx context.Context, queue domain.FetchQueue, d Demand) {
	for account, n := range d.Connections {
		key := paceKey{queue, account}
		pace := d.slowest(queue.Kind, account, c.Budget.Rates(queue.Platform))
		if said, _ := c.paceSaid.Swap(key, pace); said != pace {
			logger := c.Logger.With("kind", queue.Kind, "platform", queue.Platform.String(), "account_type", int(account), "connections", n)
			if pace.Quota.Assumed {
				logger.WarnContext(ctx, "connections are read as seldom as an app in development must: the platform publishes no quota, "+
					"and none is set. An approved app has more: set what its page there says", "pace", pace.String(),
					"set", fmt.Sprintf("LEDGERBOARD_QUOTAS=%s:app:N/24h", queue.Platform))
				continue
			}
			logger.InfoContext(ctx, "connections are read", "pace", pace.String())
		}
	}
}

type paceKey struct {
	domain.FetchQueue
	account domain.AccountType
}

// Slowest returns, of each kind of fetching and platform that has connections, the pace of those that are read least often, as it was
// when this process looked last.
func (c *Collector) Slowest() map[domain.FetchQueue]Pace {
	slowest := map[domain.FetchQueue]Pace{}
	c.paceSaid.Range(func(key, said any) bool {
		queue, pace := key.(paceKey).FetchQueue, said.(Pace) //nolint:forcetypeassert // tellPaces stores these
		if known := slowest[queue]; pace.Every > known.Every || pace.Every == known.Every && pace.Calls > known.Calls {
			slowest[queue] = pace
		}
		return true
	})
	return slowest
}
