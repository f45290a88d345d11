package api

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/ledgerboard/ledgerboard/domain"
)

// How loaded keys stay fresh: they are read again after keyMaxAge, and at once for an unknown kid,
// but never more often than every keyMinAge, or made-up kids would make us hammer the provider.
const (
	keyMaxAge    = 15 * time.Minute
	keyMinAge    = 10 * time.Second
	keyTimeout   = 5 * time.Second
	maxKeysBytes = 1 << 20
)

// tokenKeys are what tokens are verified with: a secret, or keys from a file or URL, which may be rotated while the
// program runs.
type tokenKeys struct {
	algorithms []string                              // that a key may pin; which one holds for a token is the key's matter
	load       func(context.Context) ([]byte, error) // nil: a secret does not change
	now        func() time.Time

	refreshing sync.Mutex // held while loading: one load at a time

	mu      sync.RWMutex
	keys    verifyKeys
	loaded  time.Time // last success
	tried   time.Time // last attempt
	lastErr error
}

func newTokenKeys(c JWTConfig) (*tokenKeys, error) {
	if c.Secret != "" {
		hs256 := jwt.SigningMethodHS256.Alg()
		return &tokenKeys{algorithms: []string{hs256}, now: c.Now, keys: verifyKeys{{algorithm: hs256, key: []byte(c.Secret)}}}, nil
	}
	k := &tokenKeys{now: c.Now, algorithms: []string{jwt.SigningMethodRS256.Alg(), jwt.SigningMethodES256.Alg()}}
	if strings.HasPrefix(c.Keys, "https://") || strings.HasPrefix(c.Keys, "http://") {
		k.load = func(ctx context.Context) ([]byte, error) { return fetchKeys(ctx, c.Keys) }
		return k, nil
	}
	k.load = func(context.Context) ([]byte, error) { return os.ReadFile(c.Keys) }
	k.refresh(context.Background())
	if k.lastErr != nil {
		return nil, fmt.Errorf("JWT keys: %w", k.lastErr)
	}
	return k, nil
}

func fetchKeys(ctx context.Context, url string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, keyTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answered %s", url, response.Status)
	}
	return io.ReadAll(io.LimitReader(response.Body, maxKeysBytes))
}

func (k *tokenKeys) lookup(ctx context.Context, kid, algorithm string) (any, error) {
	set, age := k.cached(kid, algorithm)
	switch {
	case len(set.Keys) > 0 && (age <= keyMaxAge || k.load == nil):
		return set, nil
	case len(set.Keys) > 0:
		if k.refreshing.TryLock() { // stale: one request refreshes, the others go on
			k.refreshIfDue(ctx)
			k.refreshing.Unlock()
		}
	default:
		k.refreshing.Lock()
		k.refreshIfDue(ctx)
		k.refreshing.Unlock()
	}
	if set, _ = k.cached(kid, algorithm); len(set.Keys) > 0 {
		return set, nil
	}
	k.mu.RLock()
	defer k.mu.RUnlock()
	if k.lastErr != nil {
		e := domain.NewError(domain.CodeUnavailable, "The keys that verify tokens cannot be loaded now. Try again shortly.")
		e.RetryAfter = int(keyMinAge / time.Second)
		return nil, e
	}
	return nil, jwt.ErrTokenUnverifiable
}

func (k *tokenKeys) cached(kid, algorithm string) (jwt.VerificationKeySet, time.Duration) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.keys.matching(kid, algorithm), k.now().Sub(k.loaded)
}

func (k *tokenKeys) refreshIfDue(ctx context.Context) {
	k.mu.RLock()
	due := k.load != nil && k.now().Sub(k.tried) >= keyMinAge
	k.mu.RUnlock()
	if due {
		// Not cut short by the caller that happens to wait: its end would count as the provider's failure.
		k.refresh(context.WithoutCancel(ctx))
	}
}

// refresh keeps the last good keys when loading goes wrong.
func (k *tokenKeys) refresh(ctx context.Context) {
	raw, err := k.load(ctx)
	var keys verifyKeys
	if err == nil {
		keys, err = parseKeys(raw)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.tried, k.lastErr = k.now(), err
	if err == nil {
		k.keys, k.loaded = keys, k.tried
	}
}
