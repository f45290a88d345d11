package app

import (
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/commands/collect"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

// platformApp is our app on a platform, with the fields of its settings.
type platformApp struct{ id, idField, secret, secretField string }

func (p Platforms) apps() map[domain.Platform]platformApp {
	return map[domain.Platform]platformApp{
		domain.Facebook:  {p.FacebookAppID, "FacebookAppID", p.FacebookAppSecret, "FacebookAppSecret"},
		domain.Instagram: {p.InstagramAppID, "InstagramAppID", p.InstagramAppSecret, "InstagramAppSecret"},
		domain.LinkedIn:  {p.LinkedInClientID, "LinkedInClientID", p.LinkedInClientSecret, "LinkedInClientSecret"},
		domain.TikTok:    {p.TikTokClientKey, "TikTokClientKey", p.TikTokClientSecret, "TikTokClientSecret"},
	}
}

func (p Platforms) appIDs() map[domain.Platform]string {
	ids := map[domain.Platform]string{}
	for at, app := range p.apps() {
		ids[at] = app.id
	}
	return ids
}

// notRenewable returns the platforms whose tokens cannot be renewed without client credentials, with the
// names of the missing settings. Simulated platforms need no credentials.
func (p Platforms) notRenewable() map[domain.Platform]string {
	missing := map[domain.Platform]string{}
	if p.PlatformsURL != "" {
		return missing
	}
	for at, app := range p.apps() {
		if facts := at.Facts(); facts.RefreshTokens && app.id == "" {
			missing[at] = facts.IDSetting + ", " + facts.SecretSetting
		}
	}
	return missing
}

func (p Platforms) every() map[string]time.Duration {
	interval := max(collect.MinEvery, min(30*time.Second, p.AccountInsightsInterval, p.PostInsightsInterval))
	return map[string]time.Duration{
		domain.FetchAccounts: interval, domain.FetchPosts: interval, domain.FetchTokens: 5 * time.Minute,
	}
}

func (p Platforms) clients() platforms.Config {
	apps := p.apps()
	endpoint := func(at domain.Platform) platforms.Endpoint {
		e := platforms.Endpoint{ClientID: apps[at].id, ClientSecret: apps[at].secret}
		if p.PlatformsURL != "" {
			e.BaseURL = strings.TrimSuffix(p.PlatformsURL, "/") + "/" + at.String()
		}
		return e
	}
	c := platforms.Config{
		Facebook: endpoint(domain.Facebook), Instagram: endpoint(domain.Instagram),
		LinkedIn: endpoint(domain.LinkedIn), TikTok: endpoint(domain.TikTok),
	}
	c.Facebook.ConfigID, c.Facebook.Scopes, c.Instagram.Scopes = p.FacebookConfigID, p.FacebookScopes, p.InstagramScopes
	c.Facebook.Version, c.Instagram.Version, c.LinkedIn.Version = p.GraphVersion, p.GraphVersion, p.LinkedInVersion
	c.LinkedIn.Scopes, c.TikTok.Scopes = p.LinkedInScopes, p.TikTokScopes
	return c
}

// Fetch returns how platforms are read.
func (c Config) Fetch() (FetchConfig, error) {
	limits, err := domain.ParseQuotas(c.Quotas)
	if err != nil {
		return FetchConfig{}, err
	}
	config := FetchConfig{
		Quota: collect.GateConfig{Limits: limits}, Platforms: c.clients(), Pictures: c.Pictures, Now: time.Now,
		Collect: collect.Config{
			GrowthWindow: c.GrowthWindow, NotRenewable: c.notRenewable(),
			AccountInterval: c.AccountInsightsInterval, PostInterval: c.PostInsightsInterval,
			Schedule: collect.Schedule{Every: c.every(), DrainTimeout: c.DrainTimeout},
		},
	}
	if !c.Seeded {
		config.Collect.Backfill = collect.DefaultBackfill
	}
	return config, nil
}
