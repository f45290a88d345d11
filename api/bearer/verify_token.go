package bearer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/domain"
)

// leeway is how far a token's times may lie beyond ours: two well-kept clocks differ by
// less, and an expired token lives on by no more than this.
const leeway = 10 * time.Second

const (
	minSecretBytes = 32 // RFC 7518 §3.2: as long as the hash
	maxTokenBytes  = 16 << 10
)

// Config configures [New]. Exactly one of Secret and Keys is set.
type Config struct {
	Secret   string // HS256, at least 32 bytes
	Keys     string // RS256 and ES256: a PEM or JWKS file, or the http(s) URL of a JWKS
	Issuer   string // required value of `iss`
	Audience string // required member of `aud`

	Logger *slog.Logger     // told when keys cannot be read; discards by default
	Now    func() time.Time // time.Now
}

func (c Config) validate() error {
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
		fault(c.Audience == "", "set the audience that tokens must name in aud"),
	)
}

// JWT verifies bearer tokens. The algorithm is pinned by the key, never chosen by the token.
type JWT struct {
	parser *jwt.Parser
	keys   *tokenKeys
}

// New checks the configuration and reads keys from a file once. Keys behind a URL are read when the
// first token comes, so that a slow identity provider does not hold up the start, and from then on
// in the background until ctx ends.
func New(ctx context.Context, c Config) (*JWT, error) {
	if err := c.validate(); err != nil {
		return nil, err
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	c.Logger = cmp.Or(c.Logger, slog.New(slog.DiscardHandler))
	keys, err := newTokenKeys(ctx, c)
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

// Authenticate implements [api.Authenticator] with the bearer token of r.
func (j *JWT) Authenticate(r *http.Request) (api.Principal, error) {
	token, err := tokenOf(r)
	if err != nil {
		return api.Principal{}, err
	}
	return j.Verify(r.Context(), token)
}

// Verify returns the principal of a token. Errors carry the code unauthenticated and say what to
// do, not which check of the signature failed; unavailable means that the keys cannot be had now.
func (j *JWT) Verify(ctx context.Context, token string) (api.Principal, error) {
	if len(token) > maxTokenBytes {
		return api.Principal{}, domain.NewError(domain.CodeUnauthenticated, "The token is longer than %d bytes. Get a new one.", maxTokenBytes)
	}
	if err := checkForm(token); err != nil {
		return api.Principal{}, tokenError(fmt.Errorf("%w: %w", jwt.ErrTokenMalformed, err))
	}
	var c claims
	_, err := j.parser.ParseWithClaims(token, &c, func(t *jwt.Token) (any, error) {
		kid, _ := t.Header["kid"].(string)
		return j.keys.lookup(ctx, kid, t.Method.Alg())
	})
	if err != nil {
		return api.Principal{}, tokenError(err)
	}
	if c.Role == nil {
		return api.Principal{}, domain.NewError(domain.CodeUnauthenticated, "The token names no role. Get a new one.")
	}
	return api.Principal{UserID: c.Subject, AccountID: c.AccountID, Roles: api.Roles(c.Role), ExpiresAt: c.ExpiresAt.Time}.Canonical()
}

// tokenError tells a person what to do about a refused token. A token is reported as expired
// only if its signature is good: golang-jwt verifies that first.
func tokenError(err error) error {
	var known *domain.Error
	switch {
	case errors.As(err, &known): // from the key source
		return known
	case errors.Is(err, jwt.ErrTokenMalformed):
		return domain.NewError(domain.CodeUnauthenticated, "The token is not a well-formed JWT. Send it whole, as you got it.")
	case errors.Is(err, jwt.ErrTokenSignatureInvalid), errors.Is(err, jwt.ErrTokenUnverifiable):
		return domain.NewError(domain.CodeUnauthenticated, "The token cannot be verified. Sign in again to get a new one.")
	case errors.Is(err, jwt.ErrTokenExpired):
		return domain.NewError(domain.CodeUnauthenticated, "The token has expired. Sign in again or refresh it.")
	case errors.Is(err, jwt.ErrTokenNotValidYet), errors.Is(err, jwt.ErrTokenUsedBeforeIssued):
		return domain.NewError(domain.CodeUnauthenticated, "The token is not valid yet. Check the clock of the service that issued it.")
	case errors.Is(err, jwt.ErrTokenInvalidIssuer), errors.Is(err, jwt.ErrTokenInvalidAudience),
		errors.Is(err, jwt.ErrTokenRequiredClaimMissing):
		return domain.NewError(domain.CodeUnauthenticated,
			"The token was not issued for this service, or lacks iss, aud or exp. Get one that is meant for it.")
	default:
		return domain.NewError(domain.CodeUnauthenticated, "The token is not acceptable. Sign in again to get a new one.")
	}
}

// tokenOf takes the token out of the Authorization header.
func tokenOf(r *http.Request) (string, error) {
	values := r.Header.Values("Authorization")
	switch {
	case len(values) == 0:
		return "", domain.NewError(domain.CodeUnauthenticated, "There is no token. Send the header Authorization: Bearer <token>.")
	case len(values) > 1:
		return "", domain.NewError(domain.CodeUnauthenticated, "There is more than one Authorization header. Send one: Bearer <token>.")
	}
	scheme, token, _ := strings.Cut(strings.TrimSpace(values[0]), " ")
	token = strings.TrimSpace(token)
	if !strings.EqualFold(scheme, "Bearer") || token == "" || strings.ContainsAny(token, " \t") {
		return "", domain.NewError(domain.CodeUnauthenticated, "The Authorization header does not read 'Bearer <token>'. Send it in that form.")
	}
	return token, nil
}
