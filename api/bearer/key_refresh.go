package bearer

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/ledgerboard/ledgerboard/domain"
)

// How loaded keys stay fresh: they are read again after keyMaxAge, and at once for an unknown kid,
// but never more often than every keyMinAge, or made-up kids would make us hammer the provider.
// Where that goes wrong they are believed for keyBelieved after they were last read: the longest that a
// withdrawn key is accepted while the provider cannot be reached.
// github.com/MicahParks/keyfunc does not bound this: its last good keys stay for as long as the process runs.
const (
	keyMaxAge    = 15 * time.Minute
	keyBelieved  = time.Hour
	keyMinAge    = 10 * time.Second
	keyTimeout   = 5 * time.Second
	maxKeysBytes = 1 << 20

	maxKeyRedirects = 3
)

// tokenKeys are what tokens are verified with: a secret, or keys from a file or URL, which may be rotated while the
// program runs.
type tokenKeys struct {
	algorithms []string                              // that a key may pin; which one holds for a token is the key's matter
	load       func(context.Context) ([]byte, error) // nil: a secret does not change
	now        func() time.Time
	logger     *slog.Logger

	refreshing sync.Mutex // held while loading: one load at a time

	mu      sync.RWMutex
	keys    verifyKeys
	loaded  time.Time // last success
	tried   time.Time // last attempt
	lastErr error
}

func newTokenKeys(c Config) (*tokenKeys, error) {
	if c.Secret != "" {
		hs256 := jwt.SigningMethodHS256.Alg()
		return &tokenKeys{algorithms: []string{hs256}, now: c.Now, keys: verifyKeys{{algorithm: hs256, key: []byte(c.Secret)}}}, nil
	}
	k := &tokenKeys{
		now: c.Now, logger: c.Logger,
		algorithms: []string{jwt.SigningMethodRS256.Alg(), jwt.SigningMethodES256.Alg()},
	}
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

// keyClient follows redirects on the configured host alone: keys are trust, and anyone who can answer there could otherwise name
// any other place for them.
var keyClient = &http.Client{CheckRedirect: func(next *http.Request, via []*http.Request) error {
	first := via[0].URL
	if next.URL.Host != first.Host || next.URL.Scheme != first.Scheme || len(via) > maxKeyRedirects {
		return fmt.Errorf("it redirects to %s://%s; set that address if it is the right one", next.URL.Scheme, next.URL.Host)
	}
	return nil
}}

func fetchKeys(ctx context.Context, url string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, keyTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	response, err := keyClient.Do(request)
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
	case len(set.Keys) > 0 && age <= keyBelieved:
		if k.refreshing.TryLock() { // stale: one request refreshes, the others go on
			k.refreshIfDue(ctx)
			k.refreshing.Unlock()
		}
	default:
		k.refreshing.Lock()
		k.refreshIfDue(ctx)
		k.refreshing.Unlock()
	}
	if set, age = k.cached(kid, algorithm); len(set.Keys) > 0 && (age <= keyBelieved || k.load == nil) {
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
		return
	}
	level, until := slog.LevelWarn, k.loaded.Add(keyBelieved)
	if k.tried.After(until) {
		level = slog.LevelError // every token is refused
	}
	k.logger.Log(ctx, level, "the keys that verify tokens cannot be read", "error", err, "read_last", k.loaded, "believed_until", until)
}

var keyAge = prometheus.NewDesc("ledgerboard_jwt_keys_age_seconds",
	"Time since the keys that verify tokens were last read; tokens are refused once it is beyond an hour.", nil, nil)

// Describe implements [prometheus.Collector].
func (*JWT) Describe(descs chan<- *prometheus.Desc) { descs <- keyAge }

// Collect implements [prometheus.Collector]. A secret has no age, and neither have keys that were never read.
func (j *JWT) Collect(metrics chan<- prometheus.Metric) {
	j.keys.mu.RLock()
	defer j.keys.mu.RUnlock()
	if j.keys.load != nil && !j.keys.loaded.IsZero() {
		metrics <- prometheus.MustNewConstMetric(keyAge, prometheus.GaugeValue, j.keys.now().Sub(j.keys.loaded).Seconds())
	}
}
