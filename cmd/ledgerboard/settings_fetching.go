package main

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/ledgerboard/ledgerboard/commands/collect"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/assembly"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
	"github.com/ledgerboard/ledgerboard/internal/quota"
	"github.com/ledgerboard/ledgerboard/internal/scheduler"
	"github.com/ledgerboard/ledgerboard/internal/vault"
)

// fetching says how often the platforms are read, within which limits, and where they are.
type fetching struct {
	AccountInsightsEvery    time.Duration            `env:"LEDGERBOARD_ACCOUNT_INSIGHTS_EVERY" default:"${account_insights_every}" help:"How often to look for accounts and posts that are due."`
	AccountInsightsInterval time.Duration            `env:"LEDGERBOARD_ACCOUNT_INSIGHTS_INTERVAL" default:"${account_insights_interval}" help:"When an account is due again after its last reading, if the quota permits."`
	PostInsightsInterval    time.Duration            `env:"LEDGERBOARD_POST_INSIGHTS_INTERVAL" default:"${post_insights_interval}" help:"When an account's posts are due again after their last reading, if the quota permits."`
	PostLadder              []string                 `env:"LEDGERBOARD_POST_LADDER" placeholder:"AGE=INTERVAL,…" help:"How often posts are read by age. Default: the growth window in each round, then 720h=24h,2160h=168h,any=720h."`
	GrowthWindow            time.Duration            `env:"LEDGERBOARD_GROWTH_WINDOW" default:"168h" help:"Age up to which a post's growth counts."`
	TokenRefreshEvery       time.Duration            `env:"LEDGERBOARD_TOKEN_REFRESH_EVERY" default:"5m" help:"How often to look for tokens that expire soon."`
	TokenRefreshAhead       map[string]time.Duration `env:"LEDGERBOARD_TOKEN_REFRESH_AHEAD" mapsep:"," default:"${token_refresh_ahead}" help:"How long before its expiry a token is renewed."`
	Backfill                time.Duration            `env:"LEDGERBOARD_BACKFILL" default:"${backfill}" help:"How far back to read an account's history, a part with each reading; 0: not at all."`
	DemographicsEvery       time.Duration            `env:"LEDGERBOARD_DEMOGRAPHICS_EVERY" default:"${demographics_every}" help:"How often to read demographics."`
	FetchParallel           int                      `env:"LEDGERBOARD_FETCH_PARALLEL" default:"${fetch_parallel}" help:"Accounts of one claim that are read at a time."`
	FetchWorkers            int                      `env:"LEDGERBOARD_FETCH_WORKERS" default:"${fetch_workers}" help:"Claims that this process reads at a time, of each kind and platform."`
	FetchTimeout            time.Duration            `env:"LEDGERBOARD_FETCH_TIMEOUT" default:"${fetch_timeout}" help:"How long one call to a platform may take."`
	FetchRefusedFor         time.Duration            `env:"LEDGERBOARD_FETCH_REFUSED_FOR" default:"${fetch_refused_for}" help:"How long to leave out a metric that a platform refuses."`
	Quotas                  []string                 `env:"LEDGERBOARD_QUOTAS" placeholder:"PLATFORM:SCOPE:CALLS/WINDOW,…" help:"Quotas of the platforms (scope app, operation or account). The defaults: facebook:account:48000/24h, instagram:account:48000/24h, linkedin:app:500/24h, linkedin:account:100/24h (an app in development: an approved one has more), tiktok:operation:600/1m. PLATFORM:none: no limit."`
	QuotaShare              float64                  `env:"LEDGERBOARD_QUOTA_SHARE" default:"${quota_share}" help:"Part of each quota to use, at most 0.9."`
	QuotaHoldAt             int                      `env:"LEDGERBOARD_QUOTA_HOLD_AT" default:"${quota_hold_at}" help:"Percentage in a platform's usage header at which calls pause for a while."`
	FacebookURL             string                   `env:"LEDGERBOARD_FACEBOOK_URL" default:"${facebook_url}" help:"Base URL of the Graph API."`
	InstagramURL            string                   `env:"LEDGERBOARD_INSTAGRAM_URL" default:"${instagram_url}" help:"Base URL of Instagram's API for accounts of Instagram login."`
	FacebookDialogURL       string                   `env:"LEDGERBOARD_FACEBOOK_DIALOG_URL" default:"${facebook_dialog_url}" help:"Base URL of the page where people sign in at Facebook."`
	InstagramAuthURL        string                   `env:"LEDGERBOARD_INSTAGRAM_AUTH_URL" default:"${instagram_auth_url}" help:"Base URL of the token endpoint of Instagram login."`
	InstagramDialogURL      string                   `env:"LEDGERBOARD_INSTAGRAM_DIALOG_URL" default:"${instagram_dialog_url}" help:"Base URL of the page where people sign in at Instagram."`
	FacebookAppID           string                   `env:"LEDGERBOARD_FACEBOOK_APP_ID" help:"Id of the app at Facebook, for signing in."`
	FacebookConfigID        string                   `env:"LEDGERBOARD_FACEBOOK_CONFIG_ID" help:"Configuration of Facebook Login for Business, whose permissions are asked for; empty: Facebook Login."`
	FacebookAppSecret       string                   `env:"LEDGERBOARD_FACEBOOK_APP_SECRET" placeholder:"SECRET" help:"Secret of the app at Facebook: proves that calls are its own (appsecret_proof)."`
	InstagramAppID          string                   `env:"LEDGERBOARD_INSTAGRAM_APP_ID" help:"Id of the app of Instagram login, for signing in."`
	InstagramAppSecret      string                   `env:"LEDGERBOARD_INSTAGRAM_APP_SECRET" placeholder:"SECRET" help:"The same for Instagram login, whose app has a secret of its own."`
	MetaVersion             string                   `env:"LEDGERBOARD_META_VERSION" default:"${meta_version}" help:"Version of the Graph API."`
	LinkedInURL             string                   `name:"linkedin-url" env:"LEDGERBOARD_LINKEDIN_URL" default:"${linkedin_url}" help:"Base URL of LinkedIn's API."`
	LinkedInAuthURL         string                   `name:"linkedin-auth-url" env:"LEDGERBOARD_LINKEDIN_AUTH_URL" default:"${linkedin_auth_url}" help:"Base URL of LinkedIn's token endpoint."`
	LinkedInDialogURL       string                   `name:"linkedin-dialog-url" env:"LEDGERBOARD_LINKEDIN_DIALOG_URL" default:"${linkedin_dialog_url}" help:"Base URL of the page where people sign in at LinkedIn."`
	LinkedInScopes          []string                 `name:"linkedin-scopes" env:"LEDGERBOARD_LINKEDIN_SCOPES" default:"${linkedin_scopes}" help:"The scopes of the app at LinkedIn, all of them, always the same: another set kills the tokens given before, one that the app has not refuses every sign-in."`
	LinkedInVersion         string                   `name:"linkedin-version" env:"LEDGERBOARD_LINKEDIN_VERSION" default:"${linkedin_version}" help:"Version of LinkedIn's API, a month."`
	LinkedInClientID        string                   `name:"linkedin-client-id" env:"LEDGERBOARD_LINKEDIN_CLIENT_ID" help:"Client id at LinkedIn, for signing in and refreshing tokens."`
	LinkedInClientSecret    string                   `name:"linkedin-client-secret" env:"LEDGERBOARD_LINKEDIN_CLIENT_SECRET" placeholder:"SECRET" help:"Client secret at LinkedIn."`
	TikTokURL               string                   `name:"tiktok-url" env:"LEDGERBOARD_TIKTOK_URL" default:"${tiktok_url}" help:"Base URL of TikTok's Display API."`
	TikTokDialogURL         string                   `name:"tiktok-dialog-url" env:"LEDGERBOARD_TIKTOK_DIALOG_URL" default:"${tiktok_dialog_url}" help:"Base URL of the page where people sign in at TikTok."`
	TikTokVersion           string                   `name:"tiktok-version" env:"LEDGERBOARD_TIKTOK_VERSION" default:"${tiktok_version}" help:"Version of the Display API."`
	TikTokClientKey         string                   `name:"tiktok-client-key" env:"LEDGERBOARD_TIKTOK_CLIENT_KEY" help:"Client key at TikTok, for signing in and refreshing tokens."`
	TikTokClientSecret      string                   `name:"tiktok-client-secret" env:"LEDGERBOARD_TIKTOK_CLIENT_SECRET" placeholder:"SECRET" help:"Client secret at TikTok."`
}

// validate reports every wrong setting.
func (f fetching) validate() (wrong faults) {
	_, err := f.every()
	wrong.add(err)
	_, _, err = f.reading()
	wrong.add(err)
	_, err = f.quota()
	wrong.add(err)
	for name, d := range map[string]time.Duration{
		"LEDGERBOARD_ACCOUNT_INSIGHTS_INTERVAL": f.AccountInsightsInterval, "LEDGERBOARD_BACKFILL": f.Backfill,
	} {
		wrong.unlessf(d >= 0, "%s is %s; use 0 or more", name, d)
	}
	for name, d := range map[string]time.Duration{
		"LEDGERBOARD_POST_INSIGHTS_INTERVAL": f.PostInsightsInterval, "LEDGERBOARD_GROWTH_WINDOW": f.GrowthWindow, "LEDGERBOARD_DEMOGRAPHICS_EVERY": f.DemographicsEvery,
		"LEDGERBOARD_FETCH_TIMEOUT": f.FetchTimeout, "LEDGERBOARD_FETCH_REFUSED_FOR": f.FetchRefusedFor,
	} {
		wrong.unlessf(d > 0, "%s is %s; use more than 0", name, d)
	}
	for _, number := range []struct {
		name    string
		n, most int
	}{
		{"LEDGERBOARD_FETCH_PARALLEL", f.FetchParallel, collect.MaxParallel},
		{"LEDGERBOARD_FETCH_WORKERS", f.FetchWorkers, 1000},
	} {
		wrong.unlessf(number.n >= 1 && number.n <= number.most, "%s is %d; use 1 to %d", number.name, number.n, number.most)
	}
	for _, pair := range [][4]string{
		{"LEDGERBOARD_LINKEDIN_CLIENT_ID", f.LinkedInClientID, "LEDGERBOARD_LINKEDIN_CLIENT_SECRET", f.LinkedInClientSecret},
		{"LEDGERBOARD_TIKTOK_CLIENT_KEY", f.TikTokClientKey, "LEDGERBOARD_TIKTOK_CLIENT_SECRET", f.TikTokClientSecret},
	} {
		wrong.unlessf((pair[1] == "") == (pair[3] == ""), "%s and %s: one is set and the other is not; tokens are renewed with both", pair[0], pair[2])
	}
	for _, pair := range [][4]string{
		{"LEDGERBOARD_FACEBOOK_APP_ID", f.FacebookAppID, "LEDGERBOARD_FACEBOOK_APP_SECRET", f.FacebookAppSecret},
		{"LEDGERBOARD_INSTAGRAM_APP_ID", f.InstagramAppID, "LEDGERBOARD_INSTAGRAM_APP_SECRET", f.InstagramAppSecret},
	} {
		wrong.unlessf(pair[1] == "" || pair[3] != "", "%s is set and %s is not; people sign in with both", pair[0], pair[2])
	}
	for name, base := range map[string]string{
		"LEDGERBOARD_FACEBOOK_URL": f.FacebookURL, "LEDGERBOARD_INSTAGRAM_URL": f.InstagramURL, "LEDGERBOARD_LINKEDIN_URL": f.LinkedInURL,
		"LEDGERBOARD_LINKEDIN_AUTH_URL": f.LinkedInAuthURL, "LEDGERBOARD_TIKTOK_URL": f.TikTokURL, "LEDGERBOARD_INSTAGRAM_AUTH_URL": f.InstagramAuthURL,
		"LEDGERBOARD_FACEBOOK_DIALOG_URL": f.FacebookDialogURL, "LEDGERBOARD_INSTAGRAM_DIALOG_URL": f.InstagramDialogURL,
		"LEDGERBOARD_LINKEDIN_DIALOG_URL": f.LinkedInDialogURL, "LEDGERBOARD_TIKTOK_DIALOG_URL": f.TikTokDialogURL,
	} {
		u, err := url.Parse(base)
		wrong.unlessf(err == nil && u.Host != "", "%s %q is not a URL", name, base)
	}
	return wrong
}

// unkeyed are the real platforms that our client has no key for: the simulator's need none.
func (f fetching) unkeyed() map[domain.Platform]string {
	actual, missing := platforms.Config{}.WithDefaults(), map[domain.Platform]string{}
	if f.TikTokClientKey == "" && f.TikTokURL == actual.TikTok.BaseURL {
		missing[domain.TikTok] = "LEDGERBOARD_TIKTOK_CLIENT_KEY, LEDGERBOARD_TIKTOK_CLIENT_SECRET"
	}
	if f.LinkedInClientID == "" && f.LinkedInURL == actual.LinkedIn.BaseURL {
		missing[domain.LinkedIn] = "LEDGERBOARD_LINKEDIN_CLIENT_ID, LEDGERBOARD_LINKEDIN_CLIENT_SECRET"
	}
	return missing
}

// every is how often it is looked for what is due.
func (f fetching) every() (every map[string]time.Duration, err error) {
	for setting, d := range map[string]time.Duration{
		"LEDGERBOARD_ACCOUNT_INSIGHTS_EVERY": f.AccountInsightsEvery, "LEDGERBOARD_TOKEN_REFRESH_EVERY": f.TokenRefreshEvery,
	} {
		if d < scheduler.MinEvery {
			err = errors.Join(err, fmt.Errorf("%s is %s; use %s or more", setting, d, scheduler.MinEvery))
		}
	}
	return map[string]time.Duration{
		domain.FetchAccounts: f.AccountInsightsEvery, domain.FetchPosts: f.AccountInsightsEvery, domain.FetchTokens: f.TokenRefreshEvery,
	}, err
}

func named(setting string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", setting, err)
}

// reading is how often posts are read by age, and when tokens are renewed.
func (f fetching) reading() (tiers collect.Tiers, ahead map[domain.Platform]time.Duration, err error) {
	if len(f.PostLadder) > 0 {
		tiers, err = collect.ParseTiers(f.PostLadder)
		err = named("LEDGERBOARD_POST_LADDER", err)
	}
	ahead = map[domain.Platform]time.Duration{}
	for name, d := range f.TokenRefreshAhead {
		at := slices.IndexFunc(domain.Platforms(), func(p domain.Platform) bool { return p.String() == name })
		if at < 0 || d < 0 {
			err = errors.Join(err, fmt.Errorf("LEDGERBOARD_TOKEN_REFRESH_AHEAD: %s=%s is not platform=duration, for example tiktok=20m", name, d))
			continue
		}
		ahead[domain.Platforms()[at]] = d
	}
	return tiers, ahead, err
}

// quota is how the platforms' limits are kept.
func (f fetching) quota() (quota.Config, error) {
	limits, err := quota.ParseLimits(f.Quotas)
	if f.QuotaShare <= 0 || f.QuotaShare > quota.DefaultShare {
		err = errors.Join(err, fmt.Errorf("LEDGERBOARD_QUOTA_SHARE is %v; use more than 0 and at most %v", f.QuotaShare, quota.DefaultShare))
	}
	if f.QuotaHoldAt < 1 || f.QuotaHoldAt > 100 {
		err = errors.Join(err, fmt.Errorf("LEDGERBOARD_QUOTA_HOLD_AT is %d; use 1 to 100", f.QuotaHoldAt))
	}
	return quota.Config{Limits: limits, Share: f.QuotaShare, HoldAt: f.QuotaHoldAt}, named("LEDGERBOARD_QUOTAS", err)
}

// fetchConfig is what the fetchers are made of.
func (f fetching) fetchConfig() (*assembly.FetchConfig, error) {
	limits, errQuota := f.quota()
	tiers, ahead, errReading := f.reading()
	every, errEvery := f.every()
	if err := errors.Join(errQuota, errReading, errEvery); err != nil {
		return nil, err
	}
	return &assembly.FetchConfig{
		Quota: limits,
		Platforms: platforms.Config{
			Facebook: platforms.Endpoint{
				BaseURL: f.FacebookURL, DialogURL: f.FacebookDialogURL, Version: f.MetaVersion,
				ClientID: f.FacebookAppID, ClientSecret: f.FacebookAppSecret, ConfigID: f.FacebookConfigID,
			},
			Instagram: platforms.Endpoint{
				BaseURL: f.InstagramURL, AuthURL: f.InstagramAuthURL, DialogURL: f.InstagramDialogURL, Version: f.MetaVersion,
				ClientID: f.InstagramAppID, ClientSecret: f.InstagramAppSecret,
			},
			LinkedIn: platforms.Endpoint{
				BaseURL: f.LinkedInURL, AuthURL: f.LinkedInAuthURL, DialogURL: f.LinkedInDialogURL, Version: f.LinkedInVersion,
				ClientID: f.LinkedInClientID, ClientSecret: f.LinkedInClientSecret, Scopes: f.LinkedInScopes,
			},
			TikTok: platforms.Endpoint{
				BaseURL: f.TikTokURL, DialogURL: f.TikTokDialogURL, Version: f.TikTokVersion,
				ClientID: f.TikTokClientKey, ClientSecret: f.TikTokClientSecret,
			},
			Timeout: f.FetchTimeout, RefusedFor: f.FetchRefusedFor,
		},
		Collect: collect.Config{
			GrowthWindow: f.GrowthWindow, AccountInterval: f.AccountInsightsInterval, PostInterval: f.PostInsightsInterval, Parallel: f.FetchParallel,
			Backfill: f.Backfill, DemographicsEvery: f.DemographicsEvery, Tiers: tiers, RefreshAhead: ahead,
			Unkeyed: f.unkeyed(),
		},
		Schedule: scheduler.Config{Every: every, MaxWorkers: f.FetchWorkers},
	}, nil
}

// reachesPlatforms is what a command needs that asks platforms itself: where log, database and vault are, and how platforms are read. Its error
// names every setting that is wrong.
func (s settings) reachesPlatforms(out streams) (at assembly.Settings, config *assembly.FetchConfig, err error) {
	wrong := append(s.storage.validate(), s.fetching.validate()...)
	at = s.backends(s.logger(out))
	at.SecretsKeys, err = vault.ParseKeys(s.SecretsKey)
	wrong.add(named("LEDGERBOARD_SECRETS_KEY", err))
	if err := wrong.err(); err != nil {
		return at, nil, err
	}
	config, err = s.fetchConfig()
	return at, config, err
}
