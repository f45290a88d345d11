package identity

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
	"golang.org/x/sync/singleflight"

	"github.com/ledgerboard/ledgerboard/domain"
)

const timeout = 10 * time.Second

var (
	// ErrAway means that the provider does not respond, or does not respond correctly. It has code
	// unavailable.
	ErrAway = domain.NewError(domain.CodeUnavailable,
		"The identity provider does not respond correctly, so you are not signed in. "+
			"Try again shortly. If the problem persists, contact the operator of this service.")
	// ErrCode means that the provider refused the code: it was used, has expired, or was issued to
	// another browser.
	ErrCode = errors.New("the provider refused the code")
	// ErrToken means that the provider's token does not belong to this sign-in, this service or
	// this provider.
	ErrToken = errors.New("the provider's token is not valid for this sign-in")
)

// Config configures the trusted provider and our client.
type Config struct {
	Issuer       string // exactly as the provider writes it
	ClientID     string
	ClientSecret string
	RedirectURL  string // where the provider returns browsers to
}

// Provider is a client of the identity provider. It is safe for concurrent use.
type Provider struct {
	config Config
	client *http.Client
	asking singleflight.Group

	mu    sync.Mutex
	found *discovered // nil: discovery has not run or has failed
}

type discovered struct {
	*oidc.Provider

	keys       oidc.KeySet
	algorithms []string
	style      oauth2.AuthStyle // not probed, because a failed probe may use up the code
}

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
	return nil
}

// NewProvider returns a provider for a validated configuration. It makes no request.
func NewProvider(c Config) *Provider {
	return &Provider{config: c, client: &http.Client{Timeout: timeout}}
}

// Address returns the URL where a browser signs in. Error: [ErrAway].
func (p *Provider) Address(ctx context.Context, f Flow) (string, error) {
	found, err := p.find(ctx)
	if err != nil {
		return "", err
	}
	return p.oauth(found).AuthCodeURL(f.State, oidc.Nonce(f.Nonce), oauth2.S256ChallengeOption(f.Verifier)), nil
}

// Identity exchanges the code that the browser returned and verifies the token. issuer is the
// issuer in the browser's request, or "". Errors: [ErrAway], [ErrCode], [ErrToken].
func (p *Provider) Identity(ctx context.Context, f Flow, code, issuer string) (Identity, error) {
	if issuer != "" && issuer != p.config.Issuer {
		return Identity{}, fmt.Errorf("%w: it comes from another issuer", ErrToken)
	}
	found, err := p.find(ctx)
	if err != nil {
		return Identity{}, err
	}
	tokens, err := p.oauth(found).Exchange(oidc.ClientContext(ctx, p.client), code, oauth2.VerifierOption(f.Verifier))
	if refused, ok := errors.AsType[*oauth2.RetrieveError](err); ok && refused.ErrorCode == "invalid_grant" {
		return Identity{}, ErrCode
	} else if ok { // not wrapped: its text may quote the request
		return Identity{}, fmt.Errorf("%w (the token endpoint returned status %d, error %q)",
			ErrAway, refused.Response.StatusCode, refused.ErrorCode)
	}
	if err != nil {
		return Identity{}, fmt.Errorf("%w (%w)", ErrAway, err)
	}
	raw, _ := tokens.Extra("id_token").(string)
	return p.verify(ctx, found, f, raw)
}

// verify verifies that the provider signed the token for us and for this flow, and that it has not
// expired.
func (p *Provider) verify(ctx context.Context, found *discovered, f Flow, raw string) (Identity, error) {
	keys := &fetchedKeys{KeySet: found.keys}
	config := &oidc.Config{ClientID: p.config.ClientID, SupportedSigningAlgs: found.algorithms}
	token, err := oidc.NewVerifier(p.config.Issuer, keys, config).Verify(ctx, raw)
	if keys.fetchErr != nil {
		return Identity{}, fmt.Errorf("%w (%w)", ErrAway, keys.fetchErr)
	}
	if err != nil {
		return Identity{}, fmt.Errorf("%w: %w", ErrToken, err)
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
	return tokenClaims.identity(token.Issuer, token.Subject), nil
}

// find runs discovery once, for all concurrent callers. It continues if the context of one caller
// is canceled.
func (p *Provider) find(ctx context.Context) (*discovered, error) {
	p.mu.Lock()
	known := p.found
	p.mu.Unlock()
	if known != nil {
		return known, nil
	}
	answer, err, _ := p.asking.Do("", func() (any, error) {
		discoverCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout)
		defer cancel()
		found, err := p.discover(oidc.ClientContext(discoverCtx, p.client))
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
	}
	if err := provider.Claims(&metadata); err != nil {
		return nil, err
	}
	// If no algorithm remains, the verifier uses RS256, which every provider must support.
	algorithms := slices.DeleteFunc(metadata.Algorithms, func(algorithm string) bool {
		return !slices.Contains(signatures, algorithm)
	})
	style := oauth2.AuthStyleInHeader
	basic := slices.Contains(metadata.Methods, "client_secret_basic")
	if !basic && slices.Contains(metadata.Methods, "client_secret_post") {
		style = oauth2.AuthStyleInParams
	}
	return &discovered{provider, oidc.NewRemoteKeySet(ctx, metadata.Keys), algorithms, style}, nil
}

func (p *Provider) oauth(found *discovered) *oauth2.Config {
	endpoint := found.Endpoint()
	endpoint.AuthStyle = found.style
	return &oauth2.Config{
		ClientID: p.config.ClientID, ClientSecret: p.config.ClientSecret, Endpoint: endpoint,
		RedirectURL: p.config.RedirectURL, Scopes: []string{oidc.ScopeOpenID, "email"},
	}
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

func (k *fetchedKeys) VerifySignature(ctx context.Context, jwt string) ([]byte, error) {
	payload, err := k.KeySet.VerifySignature(ctx, jwt)
	if err != nil && strings.HasPrefix(err.Error(), notFetched) {
		k.fetchErr = err
	}
	return payload, err
}
