package app

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/ledgerboard/ledgerboard/api/bearer"
	"github.com/ledgerboard/ledgerboard/api/console"
	"github.com/ledgerboard/ledgerboard/internal/secret"
	"github.com/ledgerboard/ledgerboard/internal/signin"
)

func (t Tokens) bearer() bearer.Config {
	return bearer.Config{Secret: t.JWTSecret, Keys: t.JWTKeys, Issuer: t.JWTIssuer, Audience: t.JWTAudience}
}

// provider returns the identity provider with which people sign in to the console; nil: none.
func (c Config) provider() *signin.Provider {
	if c.OIDCIssuer == "" || c.mounted() {
		return nil
	}
	return signin.NewProvider(signin.ProviderConfig{
		Issuer: c.OIDCIssuer, ClientID: c.OIDCClientID, TrustEmail: c.OIDCTrustEmail,
		ClientSecret: secret.Text(c.OIDCClientSecret),
		RedirectURL:  c.PublicURL + console.ReturnPath,
		Logger:       c.Logger,
	})
}

// application returns the main application whose sessions the console uses; nil: there is no console.
func (c Config) application() (*console.Application, error) {
	if c.ConsoleSignIn == "" {
		return nil, nil //nolint:nilnil // absent
	}
	u, err := url.Parse(c.ConsoleSignIn)
	isWeb := err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != ""
	if isPath := err == nil && u.Scheme == "" && u.Host == "" && strings.HasPrefix(u.Path, "/"); !isWeb && !isPath {
		return nil, fmt.Errorf("%q must be https://… or a path that starts with a slash", c.ConsoleSignIn)
	}
	return &console.Application{Callers: c.Authenticator, SignIn: u, Prefix: c.HTTP.Prefix}, nil
}
