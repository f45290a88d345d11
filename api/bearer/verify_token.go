package bearer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
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
	config Config
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
	return &JWT{config: c, keys: keys, parser: jwt.NewParser(
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
// loaded now. All other errors are [*api.CredentialError]s.
func (j *JWT) verify(ctx context.Context, token string) (api.Principal, error) {
	if len(token) > maxTokenBytes {
		return api.Principal{}, api.Refuse("form", fmt.Sprintf("at most %d bytes", maxTokenBytes), len(token),
			"The token is longer than %d bytes. Get a new one.", maxTokenBytes)
	}
	h, err := readHeader(token)
	if err != nil {
		return api.Principal{}, j.refusal(fmt.Errorf("%w: %w", jwt.ErrTokenMalformed, err), h, claims{})
	}
	reloads := j.keys.reloads.Load()
	c, err := j.parse(ctx, token, h)
	unverified := errors.Is(err, jwt.ErrTokenSignatureInvalid) || errors.Is(err, jwt.ErrTokenUnverifiable)
	if unverified && slices.Contains(j.keys.algorithms, h.Algorithm) && j.keys.reloadedSince(ctx, reloads) {
		c, err = j.parse(ctx, token, h)
	}
	if err != nil {
		return api.Principal{}, j.refusal(err, h, c)
	}
	if c.Role == nil {
		return api.Principal{}, api.Refuse("role", api.AllRoles(), nil, "The token has no role. Get a new one.")
	}
	p := api.Principal{
		UserID: c.Subject, AccountID: c.AccountID, Roles: api.Roles(c.Role), KnownAs: c.names(),
		ExpiresAt: c.ExpiresAt.Add(leeway), // when the token is refused
	}
	return p.Canonical()
}

func (j *JWT) parse(ctx context.Context, token string, h tokenHeader) (c claims, err error) {
	_, err = j.parser.ParseWithClaims(token, &c, func(t *jwt.Token) (any, error) {
		keys, err := j.keys.loaded(ctx)
		if err != nil {
			return nil, err
		}
		return matching(keys, h.KeyID, t.Method.Alg())
	})
	return c, err
}

// refusal returns an error that says what to do about a refused token and, for the log, which claim
// is not as expected. A token is reported as expired only if its signature is valid, because
// golang-jwt verifies the signature first.
func (j *JWT) refusal(err error, h tokenHeader, c claims) error {
	const elsewhere = "The token was not issued for this service, or lacks iss, aud or exp. Get a token for this service."
	const unverified = "The token cannot be verified. Sign in again to get a new one."
	switch known, _ := errors.AsType[*domain.Error](err); {
	case known != nil: // from the key source
		return known
	case errors.Is(err, jwt.ErrTokenMalformed):
		if wrong, ok := errors.AsType[*json.SemanticError](err); ok && wrong.JSONPointer != "" { // the JSON is complete, a value is not as expected
			name := strings.TrimPrefix(string(wrong.JSONPointer), "/")
			why := cmp.Or(wrong.Err, errors.New("of another type"))
			return api.Refuse("form", "claims of the expected types", err,
				"The token is not a well-formed JWT: its %q is %v. Correct the service that issued it.", name, why)
		}
		return api.Refuse("form", "a JWT", err, "The token is not a well-formed JWT. Send the complete token, unchanged.")
	case !slices.Contains(j.keys.algorithms, h.Algorithm):
		return api.Refuse("alg", j.keys.algorithms, h.Algorithm, unverified)
	case errors.Is(err, jwt.ErrTokenUnverifiable):
		return api.Refuse("kid", "a key of "+j.keys.source+" for "+h.Algorithm, h.KeyID, unverified)
	case errors.Is(err, jwt.ErrTokenSignatureInvalid):
		return api.Refuse("signature", "by a key of "+j.keys.source, fmt.Sprintf("kid %q, unverified iss %q", h.KeyID, c.Issuer), unverified)
	case errors.Is(err, jwt.ErrTokenExpired):
		return api.Refuse("exp", "a later time", c.ExpiresAt, "The token has expired. Sign in again or refresh it.")
	case errors.Is(err, jwt.ErrTokenNotValidYet):
		return api.Refuse("nbf", "an earlier time", c.NotBefore, "The token is not valid yet. Check the clock of the service that issued it.")
	case errors.Is(err, jwt.ErrTokenUsedBeforeIssued):
		return api.Refuse("iat", "an earlier time", c.IssuedAt, "The token is not valid yet. Check the clock of the service that issued it.")
	case c.Issuer != j.config.Issuer:
		return api.Refuse("iss", j.config.Issuer, c.Issuer, elsewhere)
	case !slices.Contains(c.Audience, j.config.Audience):
		return api.Refuse("aud", j.config.Audience, c.Audience, elsewhere)
	case errors.Is(err, jwt.ErrTokenRequiredClaimMissing):
		return api.Refuse("exp", "a time", nil, elsewhere)
	default:
		return api.Refuse("form", "a valid JWT", err, "The token is not valid. Sign in again to get a new one.")
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
