package api

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/singleflight"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/operator"
)

// PeopleDirectory looks up users, their accounts, and whether they are active.
type PeopleDirectory interface {
	// UserStatus returns the state of a user and of the account that the user claims. An unknown
	// user is not an error.
	UserStatus(ctx context.Context, user, account string) (domain.UserStatus, error)
}

// Limits of the cache of statuses. A stream checks its caller every 8 s ([stream.Config.Recheck]).
// Together with the cache, the stream is closed within 10 s after the caller loses access.
const (
	statusMaxAge   = time.Second     // how long a status is used for other requests of the same user
	statusMaxStale = time.Minute     // how long the last status is used while the directory is unavailable
	statusTimeout  = 2 * time.Second // of a query
	maxStatuses    = 10_000          // in the cache
)

// errAccessEnded does not contain the reason, which is between the user and the agency.
var errAccessEnded = domain.NewError(domain.CodeForbidden, "Your access has ended. Ask your agency.")

// whyRefused is the only rule for refusing a verified caller; every request, stream and socket uses
// it. It returns the reason, or "" if the caller has access. Auditors and operators need not be in
// the directory: only their token and the list of withdrawn subjects count.
func whyRefused(p Principal, withdrawn bool, s domain.UserStatus, unknownAllowed bool) string {
	switch {
	case withdrawn:
		return "withdrawn"
	case !p.isPerson():
		return ""
	case s.Erased:
		return "erased"
	case !s.Known && !unknownAllowed:
		return "not in the directory"
	case s.Known && !s.Active:
		return "not active"
	case s.Known && s.Account != p.AccountID:
		return "of another account"
	case !s.AccountKnown && !unknownAllowed:
		return "of an account that is not in the directory"
	case !s.AccountKnown:
		return ""
	case !s.AccountActive:
		return "of an account that is not active"
	case p.Roles.Has(RoleAgency) && s.SubAccount:
		return "claims an agency's rights with a client's account"
	case p.Roles.Has(RoleClient) && !s.SubAccount:
		return "claims a client's rights with an agency's account"
	default:
		return ""
	}
}

// authorizer identifies callers and their agencies, checks every verified caller with [whyRefused],
// limits the rate of requests, and determines the scope of a caller.
type authorizer struct {
	deps     Deps
	limits   *rateLimits
	refusals *refusalLog

	queries  singleflight.Group
	mu       sync.Mutex
	statuses map[string]cachedStatus // by user/account; each request applies the roles of its own token
	staleAt  time.Time               // when a status was last used although the directory was unavailable
}

type cachedStatus struct {
	domain.UserStatus

	at time.Time
}

func newAuthorizer(d Deps) *authorizer {
	return &authorizer{
		deps: d, limits: newRateLimits(d.Config.RateLimit, d.Now), statuses: map[string]cachedStatus{},
		refusals: &refusalLog{logger: d.Logger, reasons: map[string]refusalCount{}},
	}
}

// admit returns nil if the caller has access now, forbidden if not, and any other error if that
// cannot be determined.
func (a *authorizer) admit(ctx context.Context, p Principal) error {
	withdrawn := a.deps.Withdrawn.Has(p.UserID) || a.deps.Withdrawn.Has(p.KnownAs...)
	var status domain.UserStatus
	if p.isPerson() && !withdrawn {
		var err error
		if status, err = a.status(ctx, p.UserID, p.AccountID); err != nil {
			return err
		}
		withdrawn = a.deps.Withdrawn.Has(status.Email)
	}
	if why := whyRefused(p, withdrawn, status, a.deps.UnknownUsers); why != "" {
		a.refusals.add(ctx, why, "user", p.UserID, "account", p.AccountID, "why", why)
		return errAccessEnded
	}
	return nil
}

// status returns the status of a user. It queries the directory at most once per statusMaxAge for
// each user, even if requests are concurrent.
func (a *authorizer) status(ctx context.Context, user, account string) (domain.UserStatus, error) {
	key := user + "/" + account
	last, known := a.cached(key)
	if known && time.Since(last.at) < statusMaxAge {
		return last.UserStatus, nil
	}
	result, err, _ := a.queries.Do(key, func() (any, error) {
		if last, known := a.cached(key); known && time.Since(last.at) < statusMaxAge {
			return last.UserStatus, nil // from a query that has just ended
		}
		// The first caller may disconnect while others wait for the result.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), statusTimeout)
		defer cancel()
		start := time.Now()
		status, err := a.deps.People.UserStatus(ctx, user, account)
		if err == nil {
			a.cache(key, cachedStatus{status, start})
		}
		return status, err
	})
	switch {
	case err == nil:
		status, _ := result.(domain.UserStatus)
		return status, nil
	case known && time.Since(last.at) < statusMaxStale:
		a.mu.Lock()
		a.staleAt = time.Now()
		a.mu.Unlock()
		return last.UserStatus, nil
	default:
		return domain.UserStatus{}, fmt.Errorf("query status of caller: %w", err)
	}
}

// outdated returns why this process may still let in people whose access has ended; "" if it does
// not.
func (a *authorizer) outdated() []operator.HealthReason {
	a.mu.Lock()
	stale := time.Since(a.staleAt) < statusMaxStale
	a.mu.Unlock()
	switch {
	case a.deps.Withdrawn.Outdated():
		return []operator.HealthReason{{Code: operator.HealthWithdrawnOld}}
	case stale:
		return []operator.HealthReason{{Code: operator.HealthPeopleOld}}
	}
	return nil
}

// outdatedCheck reports [authorizer.outdated] in /readyz. Reads and changes still succeed.
func (a *authorizer) outdatedCheck() Check {
	return Check{Name: "ended access", Probe: func(context.Context) []operator.HealthReason { return a.outdated() }}
}

func (a *authorizer) outdatedMetric() prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "ledgerboard_access_lists_outdated",
		Help: "1 while outdated lists decide whose access has ended; see the check \"ended access\" of /readyz.",
	}, func() float64 {
		return float64(len(a.outdated()))
	})
}

func (a *authorizer) cached(key string) (cachedStatus, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	s, known := a.statuses[key]
	return s, known
}

// cache stores a status. A full cache is emptied.
func (a *authorizer) cache(key string, s cachedStatus) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.statuses) >= maxStatuses {
		clear(a.statuses)
	}
	a.statuses[key] = s
}
