package api

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// PeopleDirectory knows who belongs to which account, and who has left.
type PeopleDirectory interface {
	// Standing returns what is known of a user and of the account that it claims; whom nobody knows is no error.
	Standing(ctx context.Context, user, account string) (readmodels.Standing, error)
}

// Who is judged how often. A stream looks every 8 s ([stream.Config.Recheck]), so that with what is remembered it ends
// within 10 s.
const (
	standingFor     = time.Second     // how long an answer of the directory is taken for another request of the same person
	standingHeld    = time.Minute     // how long the last answer holds while the directory cannot be asked
	standingTimeout = 2 * time.Second // for one question
	maxStandings    = 10_000          // that are remembered at once
)

// errAccessEnded says nothing of why: that is between the person and the agency.
var errAccessEnded = domain.NewError(domain.CodeForbidden, "Your access has ended. Ask your agency.")

// whyRefused is the rule of who has no rights, in one place for every request, stream and socket: why the caller is refused,
// "" when it may come in. Auditors and operators need not be in the directory: their token and the withdrawn list judge them.
func whyRefused(p Principal, withdrawn bool, s readmodels.Standing, unknownAllowed bool) string {
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

// doorkeeper finds out who is calling and for which agency, judges every verified caller by [whyRefused], counts its requests,
// and knows whose figures it may see.
type doorkeeper struct {
	authenticator Authenticator
	accounts      func(ctx context.Context, subAccount string) (parent string, err error)
	scopes        func(context.Context, readmodels.ScopeRequest) (readmodels.Scope, error)
	limits        *rateLimits
	passes        func(error) bool // may pass by itself

	directory      PeopleDirectory
	unknownAllowed bool
	withdrawn      *Withdrawn // nil: nobody
	logger         *slog.Logger

	asking singleflight.Group
	mu     sync.Mutex
	seen   map[string]sighting // by user/account: the same answer is judged by the roles of each token
}

// sighting is an answer of the directory.
type sighting struct {
	readmodels.Standing

	at time.Time // when it was asked
}

func newDoorkeeper(d Deps) *doorkeeper {
	return &doorkeeper{
		authenticator: d.Authenticator, accounts: d.ParentAccount, scopes: d.Scope, passes: d.Passes,
		limits: newRateLimits(d.Config.RateLimit, d.Now), directory: d.People,
		unknownAllowed: d.UnknownUsers, withdrawn: d.Withdrawn, logger: d.Logger, seen: map[string]sighting{},
	}
}

// admit returns nil when the caller may come in now, else forbidden, or why that cannot be known.
func (k *doorkeeper) admit(ctx context.Context, p Principal) error {
	withdrawn := k.withdrawn.Has(p.UserID)
	var standing readmodels.Standing
	if p.isPerson() && !withdrawn {
		var err error
		if standing, err = k.standing(ctx, p.UserID, p.AccountID); err != nil {
			return err
		}
	}
	if why := whyRefused(p, withdrawn, standing, k.unknownAllowed); why != "" {
		k.logger.DebugContext(ctx, "refused: the caller has no rights any more", "user", p.UserID, "why", why)
		return errAccessEnded
	}
	return nil
}

// standing asks the directory at most once in standingFor for one person, however many requests of it come at once.
func (k *doorkeeper) standing(ctx context.Context, user, account string) (readmodels.Standing, error) {
	who := user + "/" + account
	last, known := k.remembered(who)
	if known && time.Since(last.at) < standingFor {
		return last.Standing, nil
	}
	answer, err, _ := k.asking.Do(who, func() (any, error) {
		if last, known := k.remembered(who); known && time.Since(last.at) < standingFor {
			return last.Standing, nil // a question that ended just before this one began
		}
		// The one who asks may go while others wait for the answer.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), standingTimeout)
		defer cancel()
		asked := time.Now()
		standing, err := k.directory.Standing(ctx, user, account)
		if err == nil {
			k.remember(who, sighting{standing, asked})
		}
		return standing, err
	})
	switch {
	case err == nil:
		standing, _ := answer.(readmodels.Standing)
		return standing, nil
	case known && time.Since(last.at) < standingHeld:
		return last.Standing, nil
	default:
		return readmodels.Standing{}, fmt.Errorf("look at who is calling: %w", err)
	}
}

func (k *doorkeeper) remembered(who string) (sighting, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	s, known := k.seen[who]
	return s, known
}

// remember keeps an answer. When there is no room for more, all are forgotten, and looked up again.
func (k *doorkeeper) remember(who string, s sighting) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.seen) >= maxStandings {
		clear(k.seen)
	}
	k.seen[who] = s
}

const withdrawnEvery = time.Second // how often the file of withdrawn subjects is looked at, when somebody asks

// Withdrawn is a file of subjects whose tokens hold no more: one a line; # begins a comment. It is read again within a
// second of the next request or look at a stream. Safe for concurrent use; nil withdraws nobody.
type Withdrawn struct {
	path   string
	logger *slog.Logger

	mu       sync.Mutex
	looked   time.Time
	subjects map[string]bool
	failing  bool // the last look; a lasting fault is logged once
}

// OpenWithdrawn reads the file; an error names the file, and the line that is wrong. With an empty path nobody is withdrawn: nil.
func OpenWithdrawn(path string, logger *slog.Logger) (*Withdrawn, error) {
	if path == "" {
		return nil, nil //nolint:nilnil // a nil list is an empty one
	}
	w := &Withdrawn{path: path, logger: logger, looked: time.Now()}
	var err error
	w.subjects, err = readWithdrawn(path)
	return w, err
}

// Has tells whether the subject is withdrawn. While the file cannot be read the last list holds.
func (w *Withdrawn) Has(subject string) bool {
	if w == nil {
		return false
	}
	w.mu.Lock()
	due := time.Since(w.looked) >= withdrawnEvery
	if due {
		w.looked = time.Now() // nobody else looks meanwhile, or waits for a slow disk
	}
	w.mu.Unlock()
	if due {
		w.look()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.subjects[subject]
}

func (w *Withdrawn) look() {
	subjects, err := readWithdrawn(w.path)
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case err == nil:
		w.subjects = subjects
	case !w.failing:
		w.logger.Error("withdrawn subjects: the list cannot be read, the last one holds; fix the file", "error", err)
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
			subjects[canonicalSubject(names[0])] = true
		default:
			return nil, fmt.Errorf("read withdrawn subjects: line %d of %s has more than one; write one a line, remarks behind #", number, path)
		}
	}
	return subjects, nil
}

// canonicalSubject writes a user id as [Principal] has it; operators' subjects are any text.
func canonicalSubject(subject string) string {
	if id, ok := domain.HexID(subject); ok {
		return id
	}
	return subject
}
