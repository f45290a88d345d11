package main

import (
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/api/console"
	"github.com/ledgerboard/ledgerboard/commands/collect"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/app"
	"github.com/ledgerboard/ledgerboard/internal/identity"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
	"github.com/ledgerboard/ledgerboard/internal/secret"
)

type fetchSettings struct {
	AccountInsightsInterval time.Duration `env:"LEDGERBOARD_ACCOUNT_INSIGHTS_INTERVAL" default:"30s" help:"Interval between two readings of an account, if the quota permits."`
	PostInsightsInterval    time.Duration `env:"LEDGERBOARD_POST_INSIGHTS_INTERVAL" default:"12h" help:"Interval between two readings of an account's posts, if the quota permits."`
	GrowthWindow            time.Duration `env:"LEDGERBOARD_GROWTH_WINDOW" default:"168h" help:"Age of a post until which its growth is counted."`
	Quotas                  []string      `env:"LEDGERBOARD_QUOTAS" placeholder:"PLATFORM:SCOPE:CALLS/WINDOW,…" help:"Quotas of the platforms (scope app, operation or account). The defaults: facebook:account:48000/24h, instagram:account:48000/24h, linkedin:app:500/24h, linkedin:account:100/24h (for an app in development; an approved app has more), tiktok:operation:600/1m. PLATFORM:none means no limit."`
	PlatformsURL            string        `env:"LEDGERBOARD_PLATFORMS_URL" placeholder:"http://…" help:"Base URL of simulated platforms, each under its name (/facebook, /instagram, /linkedin, /tiktok). Default: the real platforms. Not for demo and serve --mock, which simulate them."`
	GraphVersion            string        `env:"LEDGERBOARD_GRAPH_VERSION" default:"${graph_version}" help:"Version of the Graph API for Facebook and Instagram."`
	LinkedInVersion         string        `name:"linkedin-version" env:"LEDGERBOARD_LINKEDIN_VERSION" default:"${linkedin_version}" help:"Version of the LinkedIn API, YYYYMM. LinkedIn refuses a version about a year after its month."`
	FacebookAppID           string        `env:"LEDGERBOARD_FACEBOOK_APP_ID" help:"ID of the Facebook app."`
	FacebookConfigID        string        `env:"LEDGERBOARD_FACEBOOK_CONFIG_ID" help:"ID of the Facebook Login for Business configuration, which defines the requested permissions. Default: plain Facebook Login."`
	FacebookScopes          []string      `env:"LEDGERBOARD_FACEBOOK_SCOPES" default:"${facebook_scopes}" help:"Scopes that a sign-in requests. Remove those for which your app is not approved."`
	FacebookAppSecret       string        `type:"secret" env:"LEDGERBOARD_FACEBOOK_APP_SECRET" placeholder:"SECRET" help:"Secret of the Facebook app. It also signs API calls (appsecret_proof)."`
	InstagramAppID          string        `env:"LEDGERBOARD_INSTAGRAM_APP_ID" help:"App ID of Instagram login."`
	InstagramScopes         []string      `env:"LEDGERBOARD_INSTAGRAM_SCOPES" default:"${instagram_scopes}" help:"Like LEDGERBOARD_FACEBOOK_SCOPES."`
	InstagramAppSecret      string        `type:"secret" env:"LEDGERBOARD_INSTAGRAM_APP_SECRET" placeholder:"SECRET" help:"App secret of Instagram login."`
	LinkedInScopes          []string      `name:"linkedin-scopes" env:"LEDGERBOARD_LINKEDIN_SCOPES" default:"${linkedin_scopes}" help:"All scopes of the LinkedIn app. A different set invalidates existing tokens; a scope that the app does not have makes every sign-in fail."`
	LinkedInClientID        string        `name:"linkedin-client-id" env:"LEDGERBOARD_LINKEDIN_CLIENT_ID" help:"Client ID of the LinkedIn app."`
	LinkedInClientSecret    string        `name:"linkedin-client-secret" type:"secret" env:"LEDGERBOARD_LINKEDIN_CLIENT_SECRET" placeholder:"SECRET" help:"Client secret of the LinkedIn app."`
	TikTokClientKey         string        `name:"tiktok-client-key" env:"LEDGERBOARD_TIKTOK_CLIENT_KEY" help:"Client key of the TikTok app."`
	TikTokScopes            []string      `name:"tiktok-scopes" env:"LEDGERBOARD_TIKTOK_SCOPES" default:"${tiktok_scopes}" help:"Like LEDGERBOARD_FACEBOOK_SCOPES."`
	TikTokClientSecret      string        `name:"tiktok-client-secret" type:"secret" env:"LEDGERBOARD_TIKTOK_CLIENT_SECRET" placeholder:"SECRET" help:"Client secret of the TikTok app."`

	// seeded means that the history of accounts is already in the log, as in a demo, and must not
	// be read from the platforms.
	seeded bool
}

func (f fetchSettings) validate() (wrong faults) {
	_, err := domain.ParseQuotas(f.Quotas)
	wrong.add(wrapError("LEDGERBOARD_QUOTAS", err))
	wrong.unlessf(f.AccountInsightsInterval >= 0,
		"LEDGERBOARD_ACCOUNT_INSIGHTS_INTERVAL is %s; use 0 or more", f.AccountInsightsInterval)
	wrong.unlessf(f.PostInsightsInterval > 0,
		"LEDGERBOARD_POST_INSIGHTS_INTERVAL is %s; use more than 0", f.PostInsightsInterval)
	wrong.unlessf(f.GrowthWindow > 0, "LEDGERBOARD_GROWTH_WINDOW is %s; use more than 0", f.GrowthWindow)
	for _, pair := range [][4]string{
		{"LEDGERBOARD_LINKEDIN_CLIENT_ID", f.LinkedInClientID, "LEDGERBOARD_LINKEDIN_CLIENT_SECRET", f.LinkedInClientSecret},
		{"LEDGERBOARD_TIKTOK_CLIENT_KEY", f.TikTokClientKey, "LEDGERBOARD_TIKTOK_CLIENT_SECRET", f.TikTokClientSecret},
	} {
		wrong.unlessf((pair[1] == "") == (pair[3] == ""),
			"%s and %s: only one is set; renewing tokens requires both", pair[0], pair[2])
	}
	for _, pair := range [][4]string{
		{"LEDGERBOARD_FACEBOOK_APP_ID", f.FacebookAppID, "LEDGERBOARD_FACEBOOK_APP_SECRET", f.FacebookAppSecret},
		{"LEDGERBOARD_INSTAGRAM_APP_ID", f.InstagramAppID, "LEDGERBOARD_INSTAGRAM_APP_SECRET", f.InstagramAppSecret},
	} {
		wrong.unlessf(pair[1] == "" || pair[3] != "",
			"%s is set, but %s is not; signing in requires both", pair[0], pair[2])
	}
	wrong.add(wrapError("LEDGERBOARD_GRAPH_VERSION", platforms.CheckGraphVersion(f.GraphVersion)))
	wrong.add(wrapError("LEDGERBOARD_LINKEDIN_VERSION", platforms.CheckLinkedInVersion(f.LinkedInVersion)))
	if f.PlatformsURL != "" {
		u, err := url.Parse(f.PlatformsURL)
		wrong.unlessf(err == nil && u.Host != "", "LEDGERBOARD_PLATFORMS_URL %q is not a URL", f.PlatformsURL)
	}
	return wrong
}

// unkeyed returns the platforms without client credentials, with the names of the missing settings.
// Simulated platforms need no credentials.
func (f fetchSettings) unkeyed() map[domain.Platform]string {
	missing := map[domain.Platform]string{}
	if f.PlatformsURL != "" {
		return missing
	}
	if f.TikTokClientKey == "" {
		missing[domain.TikTok] = "LEDGERBOARD_TIKTOK_CLIENT_KEY, LEDGERBOARD_TIKTOK_CLIENT_SECRET"
	}
	if f.LinkedInClientID == "" {
		missing[domain.LinkedIn] = "LEDGERBOARD_LINKEDIN_CLIENT_ID, LEDGERBOARD_LINKEDIN_CLIENT_SECRET"
	}
	return missing
}

func (f fetchSettings) every() map[string]time.Duration {
	interval := max(collect.MinEvery, min(30*time.Second, f.AccountInsightsInterval, f.PostInsightsInterval))
	return map[string]time.Duration{
		domain.FetchAccounts: interval, domain.FetchPosts: interval, domain.FetchTokens: 5 * time.Minute,
	}
}

func wrapError(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}

func (f fetchSettings) platforms() platforms.Config {
	endpoint := func(p domain.Platform, id, key string) platforms.Endpoint {
		e := platforms.Endpoint{ClientID: id, ClientSecret: key}
		if f.PlatformsURL != "" {
			e.BaseURL = strings.TrimSuffix(f.PlatformsURL, "/") + "/" + p.String()
		}
		return e
	}
	c := platforms.Config{
		Facebook:  endpoint(domain.Facebook, f.FacebookAppID, f.FacebookAppSecret),
		Instagram: endpoint(domain.Instagram, f.InstagramAppID, f.InstagramAppSecret),
		LinkedIn:  endpoint(domain.LinkedIn, f.LinkedInClientID, f.LinkedInClientSecret),
		TikTok:    endpoint(domain.TikTok, f.TikTokClientKey, f.TikTokClientSecret),
	}
	c.Facebook.ConfigID, c.Facebook.Scopes, c.Instagram.Scopes = f.FacebookConfigID, f.FacebookScopes, f.InstagramScopes
	c.Facebook.Version, c.Instagram.Version, c.LinkedIn.Version = f.GraphVersion, f.GraphVersion, f.LinkedInVersion
	c.LinkedIn.Scopes, c.TikTok.Scopes = f.LinkedInScopes, f.TikTokScopes
	return c
}

func (f fetchSettings) fetchConfig() (*app.FetchConfig, error) {
	limits, err := domain.ParseQuotas(f.Quotas)
	if err != nil {
		return nil, wrapError("LEDGERBOARD_QUOTAS", err)
	}
	config := &app.FetchConfig{
		Quota: collect.GateConfig{Limits: limits}, Platforms: f.platforms(),
		Collect: collect.Config{
			GrowthWindow: f.GrowthWindow, Unkeyed: f.unkeyed(),
			AccountInterval: f.AccountInsightsInterval, PostInterval: f.PostInsightsInterval,
			Schedule: collect.Schedule{Every: f.every()},
		},
	}
	if !f.seeded {
		config.Collect.Backfill = collect.DefaultBackfill
	}
	return config, nil
}

type signInSettings struct {
	OIDCIssuer       string   `env:"LEDGERBOARD_OIDC_ISSUER" placeholder:"https://…" help:"Issuer of the identity provider (OpenID Connect) for the console. If set, sign-in links are disabled. Default: no provider."`
	OIDCClientID     string   `env:"LEDGERBOARD_OIDC_CLIENT_ID" help:"Client ID of this service at the identity provider."`
	OIDCClientSecret string   `type:"secret" env:"LEDGERBOARD_OIDC_CLIENT_SECRET" placeholder:"SECRET" help:"Client secret at the identity provider."`
	OIDCTrustEmail   bool     `env:"LEDGERBOARD_OIDC_TRUST_EMAIL" help:"Treat all email addresses of the provider as verified. Only for your organization's own provider, such as Entra ID, authentik or Keycloak."`
	OIDCStaff        []string `env:"LEDGERBOARD_OIDC_STAFF" placeholder:"ROLE:WHO,…" help:"Who is an operator or auditor: operator:WHO, auditor:AGENCY:WHO. WHO is a subject of the provider or an email address that it has verified."`
}

func (s signInSettings) validate(publicURL string) (wrong faults) {
	staff, err := identity.ParseStaff(s.OIDCStaff)
	wrong.add(wrapError("LEDGERBOARD_OIDC_STAFF", err))
	if s.OIDCIssuer == "" {
		wrong.unlessf(s.OIDCClientID == "" && s.OIDCClientSecret == "" && staff.Empty() && !s.OIDCTrustEmail,
			"LEDGERBOARD_OIDC_ISSUER is not set, but another LEDGERBOARD_OIDC_… setting is: "+
				"set the issuer of the identity provider, or unset all of these settings")
		return wrong
	}
	wrong.add(wrapError("LEDGERBOARD_OIDC_ISSUER", identity.CheckIssuer(s.OIDCIssuer)))
	if s.OIDCTrustEmail {
		wrong.add(wrapError("LEDGERBOARD_OIDC_TRUST_EMAIL", identity.CheckTrust(s.OIDCIssuer)))
	}
	wrong.unlessf(s.OIDCClientID != "" && s.OIDCClientSecret != "",
		"LEDGERBOARD_OIDC_ISSUER requires LEDGERBOARD_OIDC_CLIENT_ID and LEDGERBOARD_OIDC_CLIENT_SECRET")
	wrong.unlessf(publicURL != "",
		"LEDGERBOARD_PUBLIC_URL is not set: the identity provider (LEDGERBOARD_OIDC_ISSUER) redirects people to "+
			"this URL with the path %s", console.ReturnPath)
	return wrong
}

func (s settings) signIns(logger *slog.Logger) (in *app.SignIns, err error) {
	in = &app.SignIns{PublicURL: s.PublicURL}
	if s.OIDCIssuer == "" {
		return in, nil
	}
	in.Provider = identity.NewProvider(identity.Config{
		Issuer: s.OIDCIssuer, ClientID: s.OIDCClientID, TrustEmail: s.OIDCTrustEmail,
		ClientSecret: secret.Text(s.OIDCClientSecret),
		RedirectURL:  s.PublicURL + console.ReturnPath,
		Logger:       logger,
	})
	in.Staff, err = identity.ParseStaff(s.OIDCStaff)
	return in, err
}
