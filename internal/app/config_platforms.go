package app

import (
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/commands/collect"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

// unkeyed returns the platforms without client credentials, with the names of the missing settings.
// Simulated platforms need no credentials.
func (p Platforms) unkeyed() map[domain.Platform]string {
	missing := map[domain.Platform]string{}
	if p.PlatformsURL != "" {
		return missing
	}
	if p.TikTokClientKey == "" {
		missing[domain.TikTok] = "LEDGERBOARD_TIKTOK_CLIENT_KEY, LEDGERBOARD_TIKTOK_CLIENT_SECRET"
	}
	if p.LinkedInClientID == "" {
		missing[domain.LinkedIn] = "LEDGERBOARD_LINKEDIN_CLIENT_ID, LEDGERBOARD_LINKEDIN_CLIENT_SECRET"
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
	endpoint := func(at domain.Platform, id, key string) platforms.Endpoint {
		e := platforms.Endpoint{ClientID: id, ClientSecret: key}
		if p.PlatformsURL != "" {
			e.BaseURL = strings.TrimSuffix(p.PlatformsURL, "/") + "/" + at.String()
		}
		return e
	}
	c := platforms.Config{
		Facebook:  endpoint(domain.Facebook, p.FacebookAppID, p.FacebookAppSecret),
		Instagram: endpoint(domain.Instagram, p.InstagramAppID, p.InstagramAppSecret),
		LinkedIn:  endpoint(domain.LinkedIn, p.LinkedInClientID, p.LinkedInClientSecret),
		TikTok:    endpoint(domain.TikTok, p.TikTokClientKey, p.TikTokClientSecret),
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
		Quota: collect.GateConfig{Limits: limits}, Platforms: c.clients(), Pictures: c.Pictures,
		Collect: collect.Config{
			GrowthWindow: c.GrowthWindow, Unkeyed: c.unkeyed(),
			AccountInterval: c.AccountInsightsInterval, PostInterval: c.PostInsightsInterval,
			Schedule: collect.Schedule{Every: c.every(), DrainTimeout: c.DrainTimeout},
		},
	}
	if !c.Seeded {
		config.Collect.Backfill = collect.DefaultBackfill
	}
	return config, nil
}
