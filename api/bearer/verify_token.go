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

// leeway is the tolerance for clock differences when token times are checked.
const leeway = 10 * time.Second

const (
	minSecretBytes = 32 // RFC 7518 §3.2: as long as the hash
	maxTokenBytes  = 16 << 10
)

// Config configures [New]. Exactly one of Secret and Keys is set.
type Config struct {
	Secret   string // HS256, at least 32 bytes; or file:PATH, which is read again every minute
	Keys     string // RS256 and ES256: a PEM or JWKS file, read again every minute, or the http(s) URL of a JWKS
	Issuer   string // required value of `iss`
	Audience string // required member of `aud`

	Logger *slog.Logger     // for failures to load keys; the default discards
	Now    func() time.Time // default time.Now
}

func (c Config) validate() error {
	var errs []error
	if (c.Secret == "") == (c.Keys == "") {
		errs = append(errs, errors.New("JWT: set either the secret (HS256) or the keys (RS256, ES256), and not both"))
	}
	if c.Issuer == "" {
		errs = append(errs, errors.New("JWT: set the issuer that tokens must contain in iss"))
	}
	if c.Audience == "" {
		errs = append(errs, errors.New("JWT: set the audience that tokens must contain in aud"))
	}
	return errors.Join(errs...)
}

// JWT verifies bearer tokens. The key determines the algorithm; the token does not choose it.
type JWT struct {
	parser *jwt.Parser
	keys   *tokenKeys
}

// New validates the configuration and reads keys from a file. Keys from a URL are loaded for
// the first token, so that a slow identity provider does not delay startup. After that, they are
// reloaded in the background until ctx is done.
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
	return j.verify(r.Context(), token)
}

// verify returns the principal of a token. The error code unavailable means that the keys cannot be
// loaded now.
func (j *JWT) verify(ctx context.Context, token string) (api.Principal, error) {
	if len(token) > maxTokenBytes {
		return api.Principal{}, refused("The token is longer than %d bytes. Get a new one.", maxTokenBytes)
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
		return api.Principal{}, refused("The token has no role. Get a new one.")
	}
	p := api.Principal{UserID: c.Subject, AccountID: c.AccountID, Roles: api.Roles(c.Role), ExpiresAt: c.ExpiresAt.Time}
	return p.Canonical()
}

// tokenError returns an error that says what to do about a refused token. A token is reported as
// expired only if its signature is valid, because golang-jwt verifies the signature first.
func tokenError(err error) error {
	var known *domain.Error
	switch {
	case errors.As(err, &known): // from the key source
		return known
	case errors.Is(err, jwt.ErrTokenMalformed):
		return refused("The token is not a well-formed JWT. Send the complete token, unchanged.")
	case errors.Is(err, jwt.ErrTokenSignatureInvalid), errors.Is(err, jwt.ErrTokenUnverifiable):
		return refused("The token cannot be verified. Sign in again to get a new one.")
	case errors.Is(err, jwt.ErrTokenExpired):
		return refused("The token has expired. Sign in again or refresh it.")
	case errors.Is(err, jwt.ErrTokenNotValidYet), errors.Is(err, jwt.ErrTokenUsedBeforeIssued):
		return refused("The token is not valid yet. Check the clock of the service that issued it.")
	case errors.Is(err, jwt.ErrTokenInvalidIssuer), errors.Is(err, jwt.ErrTokenInvalidAudience),
		errors.Is(err, jwt.ErrTokenRequiredClaimMissing):
		return refused("The token was not issued for this service, or lacks iss, aud or exp. Get a token for this service.")
	default:
		return refused("The token is not valid. Sign in again to get a new one.")
	}
}

func refused(format string, args ...any) error {
	return domain.NewError(domain.CodeUnauthenticated, format, args...)
}

func tokenOf(r *http.Request) (string, error) {
	values := r.Header.Values("Authorization")
	switch {
	case len(values) == 0:
		return "", refused("The request has no token. Send the header Authorization: Bearer <token>.")
	case len(values) > 1:
		return "", refused("The request has more than one Authorization header. Send one, with Bearer <token>.")
	}
	scheme, token, _ := strings.Cut(strings.TrimSpace(values[0]), " ")
	token = strings.TrimSpace(token)
	if !strings.EqualFold(scheme, "Bearer") || token == "" || strings.ContainsAny(token, " \t") {
		return "", refused("The Authorization header is malformed. Send Authorization: Bearer <token>.")
	}
	return token, nil
}
