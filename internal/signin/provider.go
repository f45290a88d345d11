package signin

import (
	"cmp"
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
	"golang.org/x/oauth2"
	"golang.org/x/sync/singleflight"
	"golang.org/x/time/rate"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/jwks"
)

const timeout = 10 * time.Second

var (
	// ErrAway means that the provider does not respond, or does not respond correctly. It has code
	// unavailable.
	ErrAway = domain.NewError(domain.CodeUnavailable,
		"The identity provider does not respond correctly, so you are not signed in. "+
			"Try again shortly. If the problem persists, contact the operator of this service.")
	// ErrSetup means that the provider does not accept this service as it is configured, for example
	// because the client secret has expired. Signing in again does not help.
	ErrSetup = errors.New("the provider does not accept this service as it is configured")
	// ErrCode means that the provider refused the code: it was used, has expired, or was issued to
	// another browser.
	ErrCode = errors.New("the provider refused the code")
	// ErrToken means that the provider's token does not belong to this sign-in, this service or
	// this provider.
	ErrToken = errors.New("the provider's token is not valid for this sign-in")
)

// ProviderConfig configures the trusted provider and our client.
type ProviderConfig struct {
	Issuer   string // exactly as the provider writes it
	ClientID string
	// ClientSecret returns the current secret. If it also returns an error, the secret is used, and
	// the error is reported if the provider refuses the secret.
	ClientSecret func() (string, error)
	RedirectURL  string // where the provider returns browsers to
	TrustEmail   bool   // all addresses of the provider count as verified; see [CheckTrust]

	Logger *slog.Logger // for answers that are ignored; the default discards
}

// Provider is a client of the identity provider. It is safe for concurrent use.
type Provider struct {
	config  ProviderConfig
	client  *http.Client
	asking  singleflight.Group
	refresh *rate.Limiter // of repeated discovery

	mu    sync.Mutex
	found *discovered // nil: discovery has not succeeded yet
	posts bool        // the provider accepted the client secret in the body of a request
	roles bool        // the userinfo endpoint has returned the roles of a person
}

type discovered struct {
	*oidc.Provider

	keys       oidc.KeySet
	algorithms []string
	prompts    []string // let a person choose an account, the best one first; nil: the provider cannot do that
	posts      bool     // the provider accepts the client secret only in the body of a request
	roles      bool     // the metadata lists the claim with the roles
	signOut    string   // where a browser ends its session at the provider; "": nowhere
	at         time.Time
}

// Discovery is repeated after a failure, because the provider may have changed, and otherwise when it
// is older than discoveryMaxAge. It is repeated at most once per discoveryMinAge.
const (
	discoveryMaxAge = time.Hour
	discoveryMinAge = time.Minute
)

// CheckIssuer validates an issuer URL. It must use HTTPS, except for a provider on this machine,
// for testing.
func CheckIssuer(issuer string) error {
	u, err := url.Parse(issuer)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return fmt.Errorf("%q must be https://host, exactly as the provider writes its issuer", issuer)
	}
	ip := net.ParseIP(u.Hostname())
	local := u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
	if u.Scheme != "https" && (u.Scheme != "http" || !local) {
		return fmt.Errorf("%q must begin with https://: the server at this URL decides who people are", issuer)
	}
	if slices.Contains([]string{"common", "organizations", "consumers"}, entraTenant(u)) {
		return fmt.Errorf("%q serves several tenants and is not the issuer in their tokens: replace %q with your tenant ID",
			issuer, entraTenant(u))
	}
	return nil
}

// NewProvider returns a provider for a validated configuration. It makes no request.
func NewProvider(c ProviderConfig) *Provider {
	c.Logger = cmp.Or(c.Logger, slog.New(slog.DiscardHandler))
	return &Provider{
		config: c, client: &http.Client{Timeout: timeout}, refresh: rate.NewLimiter(rate.Every(discoveryMinAge), 1),
	}
}

// Issuer returns the issuer of the provider's tokens.
func (p *Provider) Issuer() string { return p.config.Issuer }

// RedirectURL returns where the provider returns browsers to.
func (p *Provider) RedirectURL() string { return p.config.RedirectURL }

// MaxChoices is the number of ways in which [Provider.Address] can offer another account.
const MaxChoices = 2

// Address returns the URL where a browser signs in. If choice is 0, the provider uses the account
// that is signed in there. With 1, it asks which account to use, in the best way that its metadata
// lists; with 2, in the next best way, if it has refused the first one. If there is no such way,
// it does not ask. Errors: [ErrAway], [ErrSetup].
func (p *Provider) Address(ctx context.Context, f Flow, choice int) (string, error) {
	found, err := p.find(ctx)
	if err != nil {
		return "", err
	}
	options := []oauth2.AuthCodeOption{oidc.Nonce(f.Nonce), oauth2.S256ChallengeOption(f.Verifier)}
	if 0 < choice && choice <= len(found.prompts) {
		options = append(options, oauth2.SetAuthURLParam("prompt", found.prompts[choice-1]))
	}
	config := oauth2.Config{
		ClientID: p.config.ClientID, Endpoint: found.Endpoint(),
		RedirectURL: p.config.RedirectURL, Scopes: []string{oidc.ScopeOpenID, "email"},
	}
	return config.AuthCodeURL(f.State, options...), nil
}

// Identity exchanges the code that the browser returned and verifies the token. issuer is the
// issuer in the browser's request, or "". Errors: [ErrAway], [ErrSetup], [ErrCode], [ErrToken].
func (p *Provider) Identity(ctx context.Context, f Flow, code, issuer string) (Identity, error) {
	if issuer != "" && issuer != p.config.Issuer {
		return Identity{}, fmt.Errorf("%w: it comes from another issuer", ErrToken)
	}
	found, err := p.find(ctx)
	if err != nil {
		return Identity{}, err
	}
	tokens, found, err := p.exchange(ctx, found, p.codeForm(f, code))
	if err != nil {
		return Identity{}, err
	}
	who, err := p.verify(ctx, found, f, tokens.IDToken)
	if errors.Is(err, ErrToken) || errors.Is(err, ErrAway) { // the keys may have moved, or their algorithm changed
		if fresh := p.again(ctx, found); fresh != found {
			found = fresh
			who, err = p.verify(ctx, found, f, tokens.IDToken)
		}
	}
	if err != nil {
		return Identity{}, err
	}
	who.Refresh = tokens.RefreshToken
	return p.complete(ctx, found, who, tokens.AccessToken)
}

// complete asks the userinfo endpoint for the address and the roles if the ID token lacks them.
// Some providers send them only there (OpenID Connect Core §5.4). Others refuse the access token:
// then they have nothing to add, unless they are known to have the roles there, which may limit
// the person. If the endpoint is unavailable, the roles are unknown.
func (p *Provider) complete(ctx context.Context, found *discovered, who Identity, accessToken string) (Identity, error) {
	if who.Email != "" && who.Narrows || accessToken == "" || found.UserInfoEndpoint() == "" {
		return who, nil
	}
	source := oauth2.StaticTokenSource(&oauth2.Token{AccessToken: accessToken})
	var seen statusRecorder
	info, err := found.UserInfo(oidc.ClientContext(ctx, &http.Client{Timeout: timeout, Transport: &seen}), source)
	p.mu.Lock()
	needed := (found.roles || p.roles) && !who.Narrows
	p.mu.Unlock()
	if err != nil {
		err = fmt.Errorf("ask the userinfo endpoint: %s", p.without(err.Error(), accessToken))
		if !seen.final() || needed {
			return Identity{}, fmt.Errorf("%w (%w)", ErrAway, err)
		}
		p.config.Logger.WarnContext(ctx, "the userinfo endpoint refuses access tokens, so only the ID token counts", "error", err)
		return who, nil
	}
	// Values about someone else must not be used. The ID token is enough for people who are linked.
	if info.Subject != who.Subject && needed {
		return Identity{}, fmt.Errorf("%w: the userinfo endpoint responds about another subject", ErrToken)
	}
	if info.Subject != who.Subject {
		p.config.Logger.WarnContext(ctx, "the userinfo endpoint responds about another subject, so only the ID token counts",
			"expected", who.Subject, "came", info.Subject)
		return who, nil
	}
	var more claims
	if err := info.Claims(&more); err != nil {
		return Identity{}, fmt.Errorf("%w: the claims of the userinfo endpoint are invalid", ErrToken)
	}
	other := more.identity(who.Issuer, who.Subject, p.config.TrustEmail)
	who.Email = cmp.Or(who.Email, other.Email)
	if !who.Narrows {
		who.Narrows, who.Roles = other.Narrows, other.Roles
	}
	if other.Narrows {
		p.mu.Lock()
		p.roles = true
		p.mu.Unlock()
	}
	return who, nil
}

// statusRecorder records the status of the last response.
type statusRecorder struct{ status int }

// RoundTrip implements [http.RoundTripper].
func (s *statusRecorder) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := http.DefaultTransport.RoundTrip(r)
	s.status = 0
	if err == nil {
		s.status = answer.StatusCode
	}
	return answer, err
}

// final reports whether the response is a refusal that another attempt does not change.
func (s *statusRecorder) final() bool {
	temporary := []int{http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests}
	return s.status/100 == 4 && !slices.Contains(temporary, s.status)
}

// verify verifies that the provider signed the token for us and for this flow, and that it has not
// expired.
func (p *Provider) verify(ctx context.Context, found *discovered, f Flow, raw string) (Identity, error) {
	token, err := verified(ctx, p, found, raw, (*oidc.IDTokenVerifier).Verify)
	if err != nil {
		return Identity{}, err
	}
	var tokenClaims claims
	if err := token.Claims(&tokenClaims); err != nil {
		return Identity{}, fmt.Errorf("%w: its claims are invalid", ErrToken)
	}
	switch {
	case subtle.ConstantTimeCompare([]byte(token.Nonce), []byte(f.Nonce)) != 1:
		return Identity{}, fmt.Errorf("%w: the nonce does not match", ErrToken)
	case tokenClaims.Party != "" && tokenClaims.Party != p.config.ClientID:
		return Identity{}, fmt.Errorf("%w: it was issued to another service", ErrToken)
	case token.Subject == "":
		return Identity{}, fmt.Errorf("%w: it has no subject", ErrToken)
	}
	return tokenClaims.identity(token.Issuer, token.Subject, p.config.TrustEmail), nil
}

// verified verifies a token with the keys of the provider.
func verified[Token any](
	ctx context.Context, p *Provider, found *discovered, raw string,
	verify func(*oidc.IDTokenVerifier, context.Context, string) (Token, error),
) (token Token, err error) {
	keys := &fetchedKeys{KeySet: found.keys}
	config := &oidc.Config{ClientID: p.config.ClientID, SupportedSigningAlgs: found.algorithms}
	token, err = verify(oidc.NewVerifier(p.config.Issuer, keys, config), ctx, raw)
	switch {
	case keys.fetchErr != nil:
		return token, fmt.Errorf("%w (%w)", ErrAway, keys.fetchErr)
	case err != nil:
		return token, fmt.Errorf("%w: %w", ErrToken, err)
	}
	return token, nil
}

// find returns what discovery found, and runs it if necessary.
func (p *Provider) find(ctx context.Context) (*discovered, error) {
	p.mu.Lock()
	known := p.found
	p.mu.Unlock()
	switch {
	case known == nil:
		return p.discoverOnce(ctx)
	case time.Since(known.at) >= discoveryMaxAge:
		return p.again(ctx, known), nil
	}
	return known, nil
}

// again repeats discovery if that may be done now. If it fails, the known metadata stays in use.
func (p *Provider) again(ctx context.Context, known *discovered) *discovered {
	p.mu.Lock()
	newest := p.found
	p.mu.Unlock()
	if newest != known {
		return newest
	}
	if !p.refresh.Allow() {
		return known
	}
	if fresh, err := p.discoverOnce(ctx); err == nil {
		return fresh
	}
	return known
}

// discoverOnce runs discovery once for all concurrent callers. It continues if the context of one
// caller is canceled.
func (p *Provider) discoverOnce(ctx context.Context) (*discovered, error) {
	answer, err, _ := p.asking.Do("", func() (any, error) {
		discoverCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout)
		defer cancel()
		found, err := p.discover(oidc.ClientContext(discoverCtx, p.client))
		if _, mismatch := errors.AsType[*oidc.IssuerMismatchError](err); mismatch {
			return nil, fmt.Errorf("%w (%w)", ErrSetup, err)
		}
		if err != nil {
			return nil, fmt.Errorf("%w (%w)", ErrAway, err)
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		p.found = found
		return found, nil
	})
	found, _ := answer.(*discovered)
	return found, err
}

func (p *Provider) discover(ctx context.Context) (*discovered, error) {
	provider, err := oidc.NewProvider(ctx, p.config.Issuer)
	if err != nil {
		return nil, err
	}
	var metadata struct {
		Keys       string   `json:"jwks_uri"`
		Algorithms []string `json:"id_token_signing_alg_values_supported"`
		Methods    []string `json:"token_endpoint_auth_methods_supported"`
		Prompts    []string `json:"prompt_values_supported"`
		Claims     []string `json:"claims_supported"`
		SignOut    string   `json:"end_session_endpoint"`
	}
	if err := provider.Claims(&metadata); err != nil {
		return nil, err
	}
	// If no algorithm remains, the verifier uses RS256, which every provider must support.
	algorithms := slices.DeleteFunc(metadata.Algorithms, func(algorithm string) bool {
		return !slices.Contains(signatures, algorithm)
	})
	found := &discovered{
		Provider: provider, algorithms: algorithms, at: time.Now(),
		keys:  oidc.NewRemoteKeySet(oidc.ClientContext(ctx, p.keyClient()), metadata.Keys),
		posts: !slices.Contains(metadata.Methods, methodBasic) && slices.Contains(metadata.Methods, methodPost),
		roles: slices.Contains(metadata.Claims, rolesClaim), signOut: metadata.SignOut,
	}
	if len(metadata.Prompts) == 0 {
		metadata.Prompts = unlistedPrompts(p.config.Issuer)
	}
	for _, prompt := range [MaxChoices]string{"select_account", "login"} {
		if slices.Contains(metadata.Prompts, prompt) {
			found.prompts = append(found.prompts, prompt)
		}
	}
	return found, nil
}

// keyClient fetches the keys of the provider. Keys of unknown kinds do not affect the others.
func (p *Provider) keyClient() *http.Client {
	decode := func(key []byte) error { return new(jose.JSONWebKey).UnmarshalJSON(key) }
	return &http.Client{Timeout: timeout, Transport: jwks.Transport{RoundTripper: http.DefaultTransport, Decode: decode}}
}

// signatures are the accepted signature algorithms. All use a private key that only the provider
// has.
var signatures = []string{
	oidc.RS256, oidc.RS384, oidc.RS512, oidc.ES256, oidc.ES384, oidc.ES512,
	oidc.PS256, oidc.PS384, oidc.PS512, oidc.EdDSA,
}

// fetchedKeys records whether the keys for one token could be fetched. The verifier reports every
// failure as an invalid signature.
type fetchedKeys struct {
	oidc.KeySet

	fetchErr error // nil if the keys were fetched
}

// notFetched is the prefix of the errors of [oidc.RemoteKeySet] for keys that could not be fetched.
const notFetched = "fetching keys "

func (f *fetchedKeys) VerifySignature(ctx context.Context, jwt string) ([]byte, error) {
	payload, err := f.KeySet.VerifySignature(ctx, jwt)
	if err != nil && strings.HasPrefix(err.Error(), notFetched) {
		f.fetchErr = err
	}
	return payload, err
}
