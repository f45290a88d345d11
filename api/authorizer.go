package api

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/singleflight"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels/directory"
)

// PeopleDirectory looks up users, their accounts, and whether they are active.
type PeopleDirectory interface {
	// UserStatus returns the state of a user and of the account that the user claims. An unknown
	// user is not an error.
	UserStatus(ctx context.Context, user, account string) (directory.UserStatus, error)
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
func whyRefused(p Principal, withdrawn bool, s directory.UserStatus, unknownAllowed bool) string {
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
	directory.UserStatus

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
func (k *authorizer) admit(ctx context.Context, p Principal) error {
	withdrawn := k.deps.Withdrawn.Has(p.UserID)
	var status directory.UserStatus
	if p.isPerson() && !withdrawn {
		var err error
		if status, err = k.status(ctx, p.UserID, p.AccountID); err != nil {
			return err
		}
	}
	if why := whyRefused(p, withdrawn, status, k.deps.UnknownUsers); why != "" {
		k.refusals.add(ctx, why, "user", p.UserID, "account", p.AccountID, "why", why)
		return errAccessEnded
	}
	return nil
}

// status returns the status of a user. It queries the directory at most once per statusMaxAge for
// each user, even if requests are concurrent.
func (k *authorizer) status(ctx context.Context, user, account string) (directory.UserStatus, error) {
	key := user + "/" + account
	last, known := k.cached(key)
	if known && time.Since(last.at) < statusMaxAge {
		return last.UserStatus, nil
	}
	result, err, _ := k.queries.Do(key, func() (any, error) {
		if last, known := k.cached(key); known && time.Since(last.at) < statusMaxAge {
			return last.UserStatus, nil // from a query that has just ended
		}
		// The first caller may disconnect while others wait for the result.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), statusTimeout)
		defer cancel()
		start := time.Now()
		status, err := k.deps.People.UserStatus(ctx, user, account)
		if err == nil {
			k.cache(key, cachedStatus{status, start})
		}
		return status, err
	})
	switch {
	case err == nil:
		status, _ := result.(directory.UserStatus)
		return status, nil
	case known && time.Since(last.at) < statusMaxStale:
		k.mu.Lock()
		k.staleAt = time.Now()
		k.mu.Unlock()
		return last.UserStatus, nil
	default:
		return directory.UserStatus{}, fmt.Errorf("query status of caller: %w", err)
	}
}

// outdated returns why this process may still let in people whose access has ended; "" if it does
// not.
func (k *authorizer) outdated() string {
	k.mu.Lock()
	stale := time.Since(k.staleAt) < statusMaxStale
	k.mu.Unlock()
	switch {
	case k.deps.Withdrawn.Outdated():
		return "the list of withdrawn subjects (LEDGERBOARD_WITHDRAWN) cannot be read, so the previous list is used"
	case stale:
		return "the directory of people does not answer, so statuses that are up to a minute old are used"
	}
	return ""
}

// outdatedCheck reports [authorizer.outdated] in /readyz. Reads and changes still succeed.
func (k *authorizer) outdatedCheck() Check {
	return Check{Name: "ended access", Probe: func(context.Context) error {
		if why := k.outdated(); why != "" {
			return &DegradedError{Reason: why, Writes: true}
		}
		return nil
	}}
}

func (k *authorizer) outdatedMetric() prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "ledgerboard_access_lists_outdated",
		Help: "1 while outdated lists decide whose access has ended; see the check \"ended access\" of /readyz.",
	}, func() float64 {
		if k.outdated() == "" {
			return 0
		}
		return 1
	})
}

func (k *authorizer) cached(key string) (cachedStatus, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	s, known := k.statuses[key]
	return s, known
}

// cache stores a status. A full cache is emptied.
func (k *authorizer) cache(key string, s cachedStatus) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.statuses) >= maxStatuses {
		clear(k.statuses)
	}
	k.statuses[key] = s
}

const withdrawnMaxAge = time.Second // how long the list of withdrawn subjects is used before the file is read again

// WithdrawnSubjects is a file of subjects whose tokens are no longer accepted, one per line; #
// starts a comment. The file is reread at most once a second, when a request or a stream needs it.
// Its methods are safe for concurrent use. A nil *WithdrawnSubjects contains no subjects.
type WithdrawnSubjects struct {
	path   string
	logger *slog.Logger

	mu       sync.Mutex
	readAt   time.Time
	subjects map[string]bool
	failing  bool // the last read failed; a lasting failure is logged once
}

// OpenWithdrawnSubjects reads the file. An error contains the path and, for a malformed file, the
// line number. If path is empty, OpenWithdrawnSubjects returns nil.
func OpenWithdrawnSubjects(path string, logger *slog.Logger) (*WithdrawnSubjects, error) {
	if path == "" {
		return nil, nil //nolint:nilnil // a nil list is an empty one
	}
	w := &WithdrawnSubjects{path: path, logger: logger, readAt: time.Now()}
	var err error
	w.subjects, err = readWithdrawn(path)
	return w, err
}

// Has reports whether the subject is withdrawn. While the file cannot be read, the last list is
// used.
func (w *WithdrawnSubjects) Has(subject string) bool {
	if w == nil {
		return false
	}
	w.mu.Lock()
	due := time.Since(w.readAt) >= withdrawnMaxAge
	if due {
		w.readAt = time.Now() // other callers neither read the file nor wait for it
	}
	w.mu.Unlock()
	if due {
		w.reread()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.subjects[subject]
}

// Outdated reports whether the file cannot be read, so that the last list is used.
func (w *WithdrawnSubjects) Outdated() bool {
	if w == nil {
		return false
	}
	w.Has("") // reads the file if that is due
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.failing
}

func (w *WithdrawnSubjects) reread() {
	subjects, err := readWithdrawn(w.path)
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case err == nil:
		w.subjects = subjects
	case !w.failing:
		w.logger.Error("cannot read the list of withdrawn subjects; the previous list stays in use", "error", err)
	}
	w.failing = err != nil
}

func readWithdrawn(path string) (map[string]bool, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read withdrawn subjects: %w", err)
	}
	subjects, number := map[string]bool{}, 0
	for line := range strings.Lines(string(raw)) {
		number++
		text, _, _ := strings.Cut(line, "#")
		switch names := strings.Fields(text); len(names) {
		case 0:
		case 1:
			subject := names[0]
			if id, ok := domain.HexID(subject); ok { // in lower case, as in Principal
				subject = id
			}
			subjects[subject] = true
		default:
			return nil, fmt.Errorf("read withdrawn subjects: line %d of %s has more than one subject; "+
				"write one per line, and comments after #", number, path)
		}
	}
	return subjects, nil
}
