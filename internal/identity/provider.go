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

// timeout is how long the provider may take for one answer.
const timeout = 10 * time.Second

var (
	// ErrAway (unavailable): the provider does not answer, or not as one does.
	ErrAway = domain.NewError(domain.CodeUnavailable, "The identity provider does not answer as it should. Nobody was signed in. "+
		"Try again shortly; if it stays, tell whoever runs this service.")
	// ErrCode says that the provider gave nothing for the code: it was used before, is too old, or was given to another browser.
	ErrCode = errors.New("the provider takes the code for nothing")
	// ErrToken says that the provider's token is not of this sign-in, this service or this provider.
	ErrToken = errors.New("the provider's token is not for this")
)

// Config says which provider is believed, and who we are there.
type Config struct {
	Issuer       string // as the provider writes it
	ClientID     string
	ClientSecret string
	RedirectURL  string // where the provider sends browsers back
}

// Provider is the identity provider. It is safe for concurrent use.
type Provider struct {
	config Config
	client *http.Client
	asking singleflight.Group

	mu    sync.Mutex
	found *discovered // nil: it has not been asked yet, or in vain
}

// discovered is what the provider says of itself.
type discovered struct {
	*oidc.Provider

	keys       oidc.KeySet
	algorithms []string
	style      oauth2.AuthStyle // not tried out: a provider may take a code for used that came with the wrong one
}

// CheckIssuer refuses what is no issuer: over HTTPS only; on this machine without, for trying.
func CheckIssuer(issuer string) error {
	u, err := url.Parse(issuer)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return fmt.Errorf("%q must be https://host, as the provider writes its issuer", issuer)
	}
	ip := net.ParseIP(u.Hostname())
	local := u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
	if u.Scheme != "https" && (u.Scheme != "http" || !local) {
		return fmt.Errorf("%q must begin with https://: who answers there says who people are", issuer)
	}
	return nil
}

// NewProvider returns the provider of a configuration that was validated. It is not asked yet.
func NewProvider(c Config) *Provider {
	return &Provider{config: c, client: &http.Client{Timeout: timeout}}
}

// Address is where a browser signs in. Error: [ErrAway].
func (p *Provider) Address(ctx context.Context, f Flow) (string, error) {
	found, err := p.find(ctx)
	if err != nil {
		return "", err
	}
	return p.oauth(found).AuthCodeURL(f.State, oidc.Nonce(f.Nonce), oauth2.S256ChallengeOption(f.Verifier)), nil
}

// Identity returns who signed in, for the code that the browser brought back; issuer is who the browser says that it comes from, "" if it does
// not say. Errors: [ErrAway], [ErrCode], [ErrToken].
func (p *Provider) Identity(ctx context.Context, f Flow, code, issuer string) (Identity, error) {
	if issuer != "" && issuer != p.config.Issuer {
		return Identity{}, fmt.Errorf("%w: it comes from another issuer", ErrToken)
	}
	found, err := p.find(ctx)
	if err != nil {
		return Identity{}, err
	}
	given, err := p.oauth(found).Exchange(oidc.ClientContext(ctx, p.client), code, oauth2.VerifierOption(f.Verifier))
	if refused, ok := errors.AsType[*oauth2.RetrieveError](err); ok && refused.ErrorCode == "invalid_grant" {
		return Identity{}, ErrCode
	} else if ok { // its text may quote what was sent
		return Identity{}, fmt.Errorf("%w (the token endpoint answers %d, %q)", ErrAway, refused.Response.StatusCode, refused.ErrorCode)
	}
	if err != nil {
		return Identity{}, fmt.Errorf("%w (%w)", ErrAway, err)
	}
	raw, _ := given.Extra("id_token").(string)
	return p.verify(ctx, found, f, raw)
}

// verify reads the provider's token: signed by the provider for us, not too old, and for this flow.
func (p *Provider) verify(ctx context.Context, found *discovered, f Flow, raw string) (Identity, error) {
	keys := &askedKeys{KeySet: found.keys}
	config := &oidc.Config{ClientID: p.config.ClientID, SupportedSigningAlgs: found.algorithms}
	token, err := oidc.NewVerifier(p.config.Issuer, keys, config).Verify(ctx, raw)
	if keys.away != nil {
		return Identity{}, fmt.Errorf("%w (%w)", ErrAway, keys.away)
	}
	if err != nil {
		return Identity{}, fmt.Errorf("%w: %w", ErrToken, err)
	}
	var said claims
	if err := token.Claims(&said); err != nil {
		return Identity{}, fmt.Errorf("%w: its claims cannot be read", ErrToken)
	}
	switch {
	case subtle.ConstantTimeCompare([]byte(token.Nonce), []byte(f.Nonce)) != 1:
		return Identity{}, fmt.Errorf("%w: the nonce is another's", ErrToken)
	case said.Party != "" && said.Party != p.config.ClientID:
		return Identity{}, fmt.Errorf("%w: it was made for another service", ErrToken)
	case token.Subject == "":
		return Identity{}, fmt.Errorf("%w: it names nobody", ErrToken)
	}
	return said.identity(token.Issuer, token.Subject), nil
}

// find asks the provider where its parts are, once. Who waits may go while others wait on.
func (p *Provider) find(ctx context.Context) (*discovered, error) {
	p.mu.Lock()
	known := p.found
	p.mu.Unlock()
	if known != nil {
		return known, nil
	}
	answer, err, _ := p.asking.Do("", func() (any, error) {
		asking, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout)
		defer cancel()
		found, err := p.discover(oidc.ClientContext(asking, p.client))
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

// discover reads the provider's own description.
func (p *Provider) discover(ctx context.Context) (*discovered, error) {
	provider, err := oidc.NewProvider(ctx, p.config.Issuer)
	if err != nil {
		return nil, err
	}
	var said struct {
		Keys       string   `json:"jwks_uri"`
		Algorithms []string `json:"id_token_signing_alg_values_supported"`
		Methods    []string `json:"token_endpoint_auth_methods_supported"`
	}
	if err := provider.Claims(&said); err != nil {
		return nil, err
	}
	// None that is believed: RS256, which every provider has.
	algorithms := slices.DeleteFunc(said.Algorithms, func(named string) bool { return !slices.Contains(signatures, named) })
	style := oauth2.AuthStyleInHeader
	if slices.Contains(said.Methods, "client_secret_post") && !slices.Contains(said.Methods, "client_secret_basic") {
		style = oauth2.AuthStyleInParams
	}
	return &discovered{provider, oidc.NewRemoteKeySet(ctx, said.Keys), algorithms, style}, nil
}

// oauth is the part that OAuth 2.0 has in it.
func (p *Provider) oauth(found *discovered) *oauth2.Config {
	endpoint := found.Endpoint()
	endpoint.AuthStyle = found.style
	return &oauth2.Config{
		ClientID: p.config.ClientID, ClientSecret: p.config.ClientSecret, Endpoint: endpoint, RedirectURL: p.config.RedirectURL,
		Scopes: []string{oidc.ScopeOpenID, "email"},
	}
}

// signatures are the algorithms by which a provider signs that we believe: of a key that it alone has.
var signatures = []string{
	oidc.RS256, oidc.RS384, oidc.RS512, oidc.ES256, oidc.ES384, oidc.ES512, oidc.PS256, oidc.PS384, oidc.PS512, oidc.EdDSA,
}

// askedKeys are the provider's keys for one token. The verifier says of every failure that the signature is wrong; this tells those apart in which
// there was no key to hold against it.
type askedKeys struct {
	oidc.KeySet

	away error // why the keys could not be had; nil: they were
}

// notFetched is how [oidc.RemoteKeySet] begins to say that it has not got the keys.
const notFetched = "fetching keys "

// VerifySignature implements [oidc.KeySet].
func (k *askedKeys) VerifySignature(ctx context.Context, jwt string) ([]byte, error) {
	payload, err := k.KeySet.VerifySignature(ctx, jwt)
	if err != nil && strings.HasPrefix(err.Error(), notFetched) {
		k.away = err
	}
	return payload, err
}
