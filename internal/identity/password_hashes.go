package identity

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/crypto/bcrypt"

	"github.com/ledgerboard/ledgerboard/domain"
)

var (
	// ErrHash says that a hash is of no form that is checked here.
	ErrHash = errors.New("is no bcrypt hash that can be checked here ($2a$, $2b$ or $2y$, with a cost from 04 to 14): nobody could sign in with it. " +
		"Leave the row out, and let the person in by a link")
	// ErrBusy (unavailable): too many passwords are being checked.
	ErrBusy = domain.NewError(domain.CodeUnavailable, "Too many passwords are being checked now. Nobody was signed in. Try again shortly.")
)

const (
	// usualCost is what a try costs at least that is not right. As a hash with a higher cost is met, it becomes that.
	usualCost = 10
	// maxTries is how many tries may be under way, or wait for their turn; further ones are refused.
	maxTries = 32
)

// checkable are the hashes that are checked. A hash says itself what a try costs: with 14 that is about a second.
var checkable = regexp.MustCompile(`^\$2[aby]\$(0[4-9]|1[0-4])\$[./A-Za-z0-9]{53}$`)

// CheckHash tells whether passwords can be checked against a hash. Error: [ErrHash], which does not quote it.
func CheckHash(hash string) error {
	if !checkable.MatchString(hash) {
		return ErrHash
	}
	return nil
}

// Passwords checks passwords against hashes that another system made. Few are checked at once: each takes a processor for a while.
type Passwords struct {
	tries chan struct{} // one is held by each try
	turns chan struct{} // one is held by whoever computes

	mu   sync.Mutex
	even int // the cost of each try that is not right
}

// NewPasswords returns a checker; a process has one.
func NewPasswords() *Passwords {
	return &Passwords{tries: make(chan struct{}, maxTries), turns: make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/4)), even: usualCost}
}

// Matches tells whether a password is that of a hash; "" is the hash of nobody. Whatever is not right takes alike long. As with the systems that made
// the hashes, the first 72 bytes count. Errors: [ErrHash], [ErrBusy].
func (p *Passwords) Matches(ctx context.Context, hash, password string) (right bool, err error) {
	select {
	case p.tries <- struct{}{}:
		defer func() { <-p.tries }()
	default:
		return false, ErrBusy
	}
	select {
	case p.turns <- struct{}{}:
		defer func() { <-p.turns }()
	case <-ctx.Done():
		return false, ErrBusy
	}
	cost := 0
	if hash != "" {
		if err = CheckHash(hash); err == nil {
			cost, _ = strconv.Atoi(hash[4:6])
			right = compare(hash, password)
		}
	}
	if !right {
		for _, c := range p.rest(cost) {
			compare(nobodys(c), password)
		}
	}
	return right, err
}

func compare(hash, password string) bool {
	return bcrypt.CompareHashAndPassword([]byte(hash), []byte(password)) == nil
}

// nobodys is a hash of a cost that is of no password that is known.
func nobodys(cost int) string { return fmt.Sprintf("$2b$%02d$%s", cost, strings.Repeat(".", 53)) }

// rest are the costs of what is computed after a try of a cost that was not right, 0 for none: together all tries cost the same, since each step of
// the cost doubles the work.
func (p *Passwords) rest(cost int) (costs []int) {
	p.mu.Lock()
	p.even = max(p.even, cost)
	even := p.even
	p.mu.Unlock()
	if cost == 0 {
		return []int{even}
	}
	for ; cost < even; cost++ {
		costs = append(costs, cost)
	}
	return costs
}
