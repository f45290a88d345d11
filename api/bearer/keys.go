package bearer

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/MicahParks/keyfunc/v3"
	"github.com/golang-jwt/jwt/v5"
	"golang.org/x/time/rate"

	"github.com/ledgerboard/ledgerboard/domain"
)

// Keys behind a URL are read again after keyMaxAge, and at once for an unknown kid, but then at
// most once in keyMinAge: made-up kids must not flood the provider. If reading fails, the last keys
// stay in use.
const (
	keyMaxAge  = 15 * time.Minute
	keyMinAge  = 10 * time.Second
	keyTimeout = 5 * time.Second

	maxKeyRedirects = 3
	minRSABits      = 2048
)

// tokenKeys verify tokens: a secret, or public keys from a file or URL.
type tokenKeys struct {
	algorithms []string // that a key may pin
	fixed      []verifyKey
	url        func() (keyfunc.Keyfunc, error) // nil: the keys are fixed

	mu      sync.Mutex // held while an unknown kid is looked up
	unknown *rate.Limiter
	logger  *slog.Logger
}

// verifyKey is one public key (or the shared secret) with the one algorithm it may be used for.
type verifyKey struct {
	id        string // kid; empty matches any token
	algorithm string
	key       any
}

func newTokenKeys(ctx context.Context, c Config) (*tokenKeys, error) {
	if c.Secret != "" {
		hs256 := jwt.SigningMethodHS256.Alg()
		return &tokenKeys{algorithms: []string{hs256}, fixed: []verifyKey{{"", hs256, []byte(c.Secret)}}}, nil
	}
	k := &tokenKeys{logger: c.Logger, algorithms: []string{jwt.SigningMethodRS256.Alg(), jwt.SigningMethodES256.Alg()}}
	if strings.HasPrefix(c.Keys, "https://") || strings.HasPrefix(c.Keys, "http://") {
		k.unknown = rate.NewLimiter(rate.Every(keyMinAge), 1)
		k.url = sync.OnceValues(func() (keyfunc.Keyfunc, error) { return openURL(ctx, c) })
		return k, nil
	}
	raw, err := os.ReadFile(c.Keys)
	if err == nil {
		k.fixed, err = parseKeys(raw)
	}
	if err != nil {
		return nil, fmt.Errorf("JWT keys: %w", err)
	}
	return k, nil
}

// openURL reads a JWKS, and reads it again in the background until ctx ends.
func openURL(ctx context.Context, c Config) (keyfunc.Keyfunc, error) {
	return keyfunc.NewDefaultOverrideCtx(ctx, []string{c.Keys}, keyfunc.Override{
		Client: keyClient(), HTTPTimeout: keyTimeout, RateLimitWaitMax: keyTimeout, RefreshInterval: keyMaxAge,
		RefreshUnknownKID: rate.NewLimiter(rate.Inf, 1), // tokenKeys.unknown limits it without waiting
		RefreshErrorHandlerFunc: func(string) func(context.Context, error) {
			return func(ctx context.Context, err error) {
				c.Logger.WarnContext(ctx, "the keys that verify tokens cannot be read", "error", err)
			}
		},
	})
}

// keyClient follows redirects on the configured host alone: an answer from it must not name other
// keys.
func keyClient() *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DisableKeepAlives = true
	return &http.Client{Transport: transport, CheckRedirect: func(next *http.Request, via []*http.Request) error {
		first := via[0].URL
		if next.URL.Host != first.Host || next.URL.Scheme != first.Scheme || len(via) > maxKeyRedirects {
			return fmt.Errorf("it redirects to %s://%s; set that address if it is the right one", next.URL.Scheme, next.URL.Host)
		}
		return nil
	}}
}

func (k *tokenKeys) lookup(ctx context.Context, kid, algorithm string) (any, error) {
	if k.url == nil {
		return matching(k.fixed, kid, algorithm)
	}
	set, err := k.readAll(ctx, kid, algorithm)
	if err == nil {
		return set, nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if set, err = k.readAll(ctx, kid, algorithm); err != nil && k.unknown.Allow() {
		if set, failed := k.url(); failed == nil {
			// The set reads the URL again for a kid that it does not hold, also not for encryption.
			// Others need the keys, too.
			_, _ = set.Storage().KeyRead(context.WithoutCancel(ctx), "\x00")
		}
		if set, err = k.readAll(ctx, kid, algorithm); domain.CodeOf(err) == domain.CodeUnavailable {
			k.logger.WarnContext(ctx, "no key is known that can verify tokens")
		}
	}
	return set, err
}

// readAll finds keys among those that were last read. Without any, verification is
// unavailable.
func (k *tokenKeys) readAll(ctx context.Context, kid, algorithm string) (any, error) {
	var keys []verifyKey
	if set, err := k.url(); err == nil {
		all, _ := set.Storage().KeyReadAll(ctx) // from memory
		keys = usable(all)
	}
	if len(keys) == 0 {
		e := domain.NewError(domain.CodeUnavailable, "The keys that verify tokens cannot be loaded now. Try again shortly.")
		e.RetryAfter = int(keyMinAge / time.Second)
		return nil, e
	}
	return matching(keys, kid, algorithm)
}

func matching(keys []verifyKey, kid, algorithm string) (any, error) {
	var set jwt.VerificationKeySet
	for _, key := range keys {
		if key.algorithm == algorithm && (kid == "" || key.id == "" || key.id == kid) {
			set.Keys = append(set.Keys, key.key)
		}
	}
	if len(set.Keys) == 0 {
		return nil, jwt.ErrTokenUnverifiable
	}
	return set, nil
}

// parseKeys reads a JWKS document or a file of PEM blocks.
func parseKeys(raw []byte) (keys []verifyKey, err error) {
	if json.Valid(raw) {
		var document jwkset.JWKSMarshal
		if err := json.Unmarshal(raw, &document); err != nil {
			return nil, fmt.Errorf("read JWKS: %w", err)
		}
		all, err := document.JWKSlice()
		if err != nil {
			return nil, fmt.Errorf("read JWKS: %w", err)
		}
		if keys = usable(all); len(keys) == 0 {
			return nil, errors.New("read JWKS: it holds no public RSA (RS256) or P-256 (ES256) key for signatures")
		}
		return keys, nil
	}
	for block, rest := pem.Decode(raw); block != nil; block, rest = pem.Decode(rest) {
		var key any
		if key, err = jwt.ParseRSAPublicKeyFromPEM(pem.EncodeToMemory(block)); err != nil {
			key, err = jwt.ParseECPublicKeyFromPEM(pem.EncodeToMemory(block))
		}
		if err != nil {
			return nil, fmt.Errorf("read keys: a PEM block is a %q; give public keys or certificates only: %w", block.Type, err)
		}
		algorithm := algorithmOf(key)
		if algorithm == "" {
			return nil, fmt.Errorf("use RSA keys of %d bits or more (RS256) or P-256 (ES256), not %T", minRSABits, key)
		}
		keys = append(keys, verifyKey{algorithm: algorithm, key: key})
	}
	if len(keys) == 0 {
		return nil, errors.New("read keys: neither JWKS nor PEM")
	}
	return keys, nil
}

// usable are the public keys of a set that are for signatures. Private keys, secrets, keys for
// encryption, other curves and other algorithms are left out.
func usable(set []jwkset.JWK) (keys []verifyKey) {
	for _, k := range set {
		said, algorithm := k.Marshal(), algorithmOf(k.Key())
		if algorithm == "" || said.USE != "" && said.USE != jwkset.UseSig || said.ALG != "" && said.ALG.String() != algorithm {
			continue
		}
		keys = append(keys, verifyKey{id: said.KID, algorithm: algorithm, key: k.Key()})
	}
	return keys
}

// algorithmOf is the one algorithm that a public key is used for; empty: none.
func algorithmOf(key any) string {
	switch k := key.(type) {
	case *rsa.PublicKey:
		if k.N.BitLen() >= minRSABits {
			return jwt.SigningMethodRS256.Alg()
		}
	case *ecdsa.PublicKey:
		if k.Curve == elliptic.P256() {
			return jwt.SigningMethodES256.Alg()
		}
	}
	return ""
}
