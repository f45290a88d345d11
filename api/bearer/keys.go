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
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/MicahParks/keyfunc/v3"
	"github.com/golang-jwt/jwt/v5"
	"golang.org/x/time/rate"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/jwks"
	"github.com/ledgerboard/ledgerboard/internal/secret"
)

// Keys from a URL are reloaded after keyMaxAge. For a token that no loaded key verifies, they are
// reloaded immediately, but at most once per keyMinAge, so that invented tokens cannot flood the
// provider. If a reload fails, the last keys stay in use.
const (
	keyMaxAge  = 15 * time.Minute
	keyMinAge  = 10 * time.Second
	keyTimeout = 5 * time.Second

	maxKeyRedirects = 3
	minRSABits      = 2048
)

// tokenKeys verify tokens: a secret, or public keys from a file or URL.
type tokenKeys struct {
	algorithms []string                        // the algorithms of the keys
	local      func() ([]verifyKey, error)     // the keys of a secret or file
	url        func() (keyfunc.Keyfunc, error) // nil if the keys are local
	source     string                          // where the keys are from, for the log

	mu      sync.Mutex // held during a reload
	reloads atomic.Int64
	reload  *rate.Limiter
	logger  *slog.Logger
}

// verifyKey is a key with the one algorithm that it may be used for.
type verifyKey struct {
	id        string // kid; empty matches any token
	algorithm string
	key       any
}

func newTokenKeys(ctx context.Context, c Config) (*tokenKeys, error) {
	if c.Secret != "" {
		k := &tokenKeys{logger: c.Logger, source: "the shared secret", algorithms: []string{jwt.SigningMethodHS256.Alg()}}
		k.local = secret.Cached(c.Secret, secretKey)
		_, err := k.local()
		return k, err
	}
	k := &tokenKeys{logger: c.Logger, source: c.Keys, algorithms: []string{jwt.SigningMethodRS256.Alg(), jwt.SigningMethodES256.Alg()}}
	if strings.HasPrefix(c.Keys, "https://") || strings.HasPrefix(c.Keys, "http://") {
		k.reload = rate.NewLimiter(rate.Every(keyMinAge), 1)
		k.url = sync.OnceValues(func() (keyfunc.Keyfunc, error) { return openURL(ctx, c) })
		return k, nil
	}
	k.local = secret.Cached("file:"+strings.TrimPrefix(c.Keys, "file:"), parseKeys)
	if _, err := k.local(); err != nil {
		return nil, fmt.Errorf("JWT keys: %w", err)
	}
	return k, nil
}

func secretKey(text string) ([]verifyKey, error) {
	if len(text) < minSecretBytes {
		return nil, fmt.Errorf("JWT: the secret has %d bytes; HS256 needs at least %d", len(text), minSecretBytes)
	}
	return []verifyKey{{"", jwt.SigningMethodHS256.Alg(), []byte(text)}}, nil
}

// openURL loads a JWKS, and reloads it in the background until ctx is done.
func openURL(ctx context.Context, c Config) (keyfunc.Keyfunc, error) {
	return keyfunc.NewDefaultOverrideCtx(ctx, []string{c.Keys}, keyfunc.Override{
		Client: keyClient(), HTTPTimeout: keyTimeout, RateLimitWaitMax: keyTimeout, RefreshInterval: keyMaxAge,
		RefreshUnknownKID: rate.NewLimiter(rate.Inf, 1), // tokenKeys.reload limits it without waiting
		RefreshErrorHandlerFunc: func(address string) func(context.Context, error) {
			return func(ctx context.Context, err error) {
				c.Logger.WarnContext(ctx, "cannot load the token verification keys", "url", address, "error", err)
			}
		},
	})
}

// keyClient follows redirects on the configured host only: a response must not point to keys of
// another host.
func keyClient() *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DisableKeepAlives = true
	return &http.Client{Transport: jwks.Transport{RoundTripper: transport, Decode: checkKey}, CheckRedirect: func(next *http.Request, via []*http.Request) error {
		first := via[0].URL
		if next.URL.Host != first.Host || next.URL.Scheme != first.Scheme || len(via) > maxKeyRedirects {
			return fmt.Errorf("the URL redirects to %s://%s; configure that URL if it is correct", next.URL.Scheme, next.URL.Host)
		}
		return nil
	}}
}

// loaded returns the keys that were last loaded. If no key is loaded, the error has code
// [domain.CodeUnavailable].
func (t *tokenKeys) loaded(ctx context.Context) (keys []verifyKey, err error) {
	if t.url == nil {
		if keys, err = t.local(); err != nil {
			t.logger.WarnContext(ctx, "cannot read the token verification keys again; the last ones stay in use", "error", err)
		}
		return keys, nil
	}
	if set, err := t.url(); err == nil {
		all, _ := set.Storage().KeyReadAll(ctx) // from memory
		keys = usable(all)
	}
	if len(keys) == 0 {
		e := domain.NewError(domain.CodeUnavailable, "The keys for verifying tokens are temporarily unavailable. Try again shortly.")
		e.RetryAfter = int(keyMinAge / time.Second)
		return nil, e
	}
	return keys, nil
}

// reloadedSince reports whether the keys were reloaded after the given number of reloads, and
// reloads them if that may be done now.
func (t *tokenKeys) reloadedSince(ctx context.Context, reloads int64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.url == nil || t.reloads.Load() == reloads && !t.reload.Allow() {
		return false
	}
	if t.reloads.Load() == reloads {
		t.reloads.Add(1)
		if set, err := t.url(); err == nil {
			// KeyRead reloads the URL, because no key has this kid. The reload is not canceled with
			// this request, because other requests need the keys too.
			_, _ = set.Storage().KeyRead(context.WithoutCancel(ctx), "\x00")
		}
		if _, err := t.loaded(ctx); err != nil {
			t.logger.WarnContext(ctx, "no token verification keys are loaded: the last response of the URL contains no "+
				"public RSA (RS256) or P-256 (ES256) key for signatures, or there was none", "url", t.source)
		}
	}
	return true
}

// matching returns the keys that may verify a token.
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

func parseKeys(text string) (keys []verifyKey, err error) {
	raw := []byte(text)
	if json.Valid(raw) {
		var document jwkset.JWKSMarshal
		if err := json.Unmarshal(jwks.Understood(raw, checkKey), &document); err != nil {
			return nil, fmt.Errorf("read JWKS: %w", err)
		}
		all, err := document.JWKSlice()
		if err != nil {
			return nil, fmt.Errorf("read JWKS: %w", err)
		}
		if keys = usable(all); len(keys) == 0 {
			return nil, errors.New("read JWKS: it contains no public RSA (RS256) or P-256 (ES256) key for signatures")
		}
		return keys, nil
	}
	unusable := errors.New("read keys: the file is neither JWKS nor PEM")
	for block, rest := pem.Decode(raw); block != nil; block, rest = pem.Decode(rest) {
		var key any
		if key, err = jwt.ParseRSAPublicKeyFromPEM(pem.EncodeToMemory(block)); err != nil {
			key, err = jwt.ParseECPublicKeyFromPEM(pem.EncodeToMemory(block))
		}
		switch {
		case strings.HasSuffix(block.Type, "PRIVATE KEY"): // it must not be here at all
			return nil, fmt.Errorf("read keys: a PEM block has the type %q; use public keys or certificates only", block.Type)
		case err != nil:
			unusable = fmt.Errorf("read keys: a PEM block has the type %q; use public keys or certificates only: %w", block.Type, err)
		case algorithmOf(key) == "":
			unusable = fmt.Errorf("read keys: unsupported key %T; use RSA keys of at least %d bits (RS256) or P-256 keys (ES256)", key, minRSABits)
		default:
			keys = append(keys, verifyKey{algorithm: algorithmOf(key), key: key})
		}
	}
	if len(keys) == 0 {
		return nil, unusable
	}
	return keys, nil
}

// checkKey returns an error if a key of a set is not usable.
func checkKey(raw []byte) error {
	var key jwkset.JWKMarshal
	if err := json.Unmarshal(raw, &key); err != nil {
		return err
	}
	jwk, err := jwkset.NewJWKFromMarshal(key, jwkset.JWKMarshalOptions{Private: true}, jwkset.JWKValidateOptions{})
	if err == nil && len(usable([]jwkset.JWK{jwk})) == 0 {
		err = errors.New("not a public key for signatures")
	}
	return err
}

// usable returns the public keys of a set for verifying signatures. It drops private keys, secrets,
// keys for encryption, other curves and other algorithms.
func usable(set []jwkset.JWK) (keys []verifyKey) {
	for _, k := range set {
		jwk, algorithm := k.Marshal(), algorithmOf(k.Key())
		otherUse := jwk.USE != "" && jwk.USE != jwkset.UseSig
		if algorithm == "" || otherUse || jwk.ALG != "" && jwk.ALG.String() != algorithm {
			continue
		}
		keys = append(keys, verifyKey{id: jwk.KID, algorithm: algorithm, key: k.Key()})
	}
	return keys
}

// algorithmOf returns the algorithm of a public key; "" if the key is not supported.
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
