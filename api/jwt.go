package api

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/ledgerboard/ledgerboard/domain"
)

// leeway is how far a token's times may lie beyond ours: two well-kept clocks differ by
// less, and an expired token lives on by no more than this.
const leeway = 10 * time.Second

const (
	minSecretBytes = 32 // RFC 7518 §3.2: as long as the hash
	maxTokenBytes  = 16 << 10
)

// JWTConfig configures [NewJWT]. Exactly one of Secret and Keys is set.
type JWTConfig struct {
	Secret   string // HS256, at least 32 bytes
	Keys     string // RS256 and ES256: a PEM or JWKS file, or the http(s) URL of either
	Issuer   string // required value of `iss`
	Audience string // required member of `aud`

	// KeysMaxAge is for how long keys from Keys are believed after they were last read: the longest that a withdrawn key is
	// accepted while the provider cannot be reached. Default one hour.
	KeysMaxAge time.Duration

	Logger *slog.Logger     // told when keys cannot be read; discards by default
	Now    func() time.Time // time.Now
}

func (c JWTConfig) validate() error {
	fault := func(wrong bool, format string, args ...any) error {
		if !wrong {
			return nil
		}
		return fmt.Errorf("JWT: "+format, args...)
	}
	return errors.Join(
		fault((c.Secret == "") == (c.Keys == ""), "set either the secret (HS256) or the keys (RS256, ES256), not both and not neither"),
		fault(c.Secret != "" && len(c.Secret) < minSecretBytes, "the secret has %d bytes; HS256 needs at least %d",
			len(c.Secret), minSecretBytes),
		fault(c.Issuer == "", "set the issuer that tokens must name in iss"),
		fault(c.KeysMaxAge != 0 && c.KeysMaxAge < keyMaxAge,
			"keys are read again every %s; believe them for that long or longer, not %s",
			keyMaxAge, c.KeysMaxAge),
		fault(c.Audience == "", "set the audience that tokens must name in aud"),
	)
}

// JWT verifies bearer tokens. The algorithm is pinned by the key, never chosen by the token.
type JWT struct {
	parser *jwt.Parser
	keys   *tokenKeys
}

// NewJWT checks the configuration and loads keys that lie in a file; keys behind a URL are fetched
// when the first token comes, so that a slow identity provider does not hold up the start.
func NewJWT(c JWTConfig) (*JWT, error) {
	if err := c.validate(); err != nil {
		return nil, err
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	c.KeysMaxAge = cmp.Or(c.KeysMaxAge, keyBelieved)
	keys, err := newTokenKeys(c)
	if err != nil {
		return nil, err
	}
	return &JWT{keys: keys, parser: jwt.NewParser(
		jwt.WithValidMethods(keys.algorithms),
		jwt.WithIssuer(c.Issuer),
		jwt.WithAudience(c.Audience),
		jwt.WithExpirationRequired(),
		jwt.WithIssuedAt(),
		jwt.WithLeeway(leeway),
		jwt.WithTimeFunc(c.Now),
		jwt.WithStrictDecoding(),
	)}, nil
}

// Authenticate implements [Authenticator] with the bearer token of r.
func (j *JWT) Authenticate(r *http.Request) (Principal, error) {
	token, err := bearer(r)
	if err != nil {
		return Principal{}, err
	}
	return j.Verify(r.Context(), token)
}

// Verify returns the principal of a token. Errors carry the code unauthenticated and say what to do,
// not which check of the signature failed; unavailable means that the keys cannot be had now.
func (j *JWT) Verify(ctx context.Context, token string) (Principal, error) {
	if len(token) > maxTokenBytes {
		return Principal{}, unauthenticated("The token is longer than %d bytes. Get a new one.", maxTokenBytes)
	}
	if err := checkForm(token); err != nil {
		return Principal{}, tokenError(fmt.Errorf("%w: %w", jwt.ErrTokenMalformed, err))
	}
	var c claims
	_, err := j.parser.ParseWithClaims(token, &c, func(t *jwt.Token) (any, error) {
		kid, _ := t.Header["kid"].(string)
		return j.keys.lookup(ctx, kid, t.Method.Alg())
	})
	if err != nil {
		return Principal{}, tokenError(err)
	}
	if c.Role == nil {
		return Principal{}, unauthenticated("The token names no role. Get a new one.")
	}
	return Principal{UserID: c.Subject, AccountID: c.AccountID, Roles: Roles(c.Role), ExpiresAt: c.ExpiresAt.Time}.Canonical()
}

// tokenError tells a person what to do about a refused token. Only an expiry is told apart from a
// bad signature when both the signature and the rest are good: golang-jwt verifies it first.
func tokenError(err error) error {
	var known *domain.Error
	switch {
	case errors.As(err, &known): // from the key source
		return known
	case errors.Is(err, jwt.ErrTokenMalformed):
		return unauthenticated("The token is not a well-formed JWT. Send it whole, as you got it.")
	case errors.Is(err, jwt.ErrTokenSignatureInvalid), errors.Is(err, jwt.ErrTokenUnverifiable):
		return unauthenticated("The token cannot be verified. Sign in again to get a new one.")
	case errors.Is(err, jwt.ErrTokenExpired):
		return unauthenticated("The token has expired. Sign in again or refresh it.")
	case errors.Is(err, jwt.ErrTokenNotValidYet), errors.Is(err, jwt.ErrTokenUsedBeforeIssued):
		return unauthenticated("The token is not valid yet. Check the clock of the service that issued it.")
	case errors.Is(err, jwt.ErrTokenInvalidIssuer), errors.Is(err, jwt.ErrTokenInvalidAudience),
		errors.Is(err, jwt.ErrTokenRequiredClaimMissing):
		return unauthenticated("The token was not issued for this service, or lacks iss, aud or exp. Get one that is meant for it.")
	default:
		return unauthenticated("The token is not acceptable. Sign in again to get a new one.")
	}
}
