package main

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands/collect"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
	"github.com/ledgerboard/ledgerboard/internal/quota"
)

// parsedFetching are the settings as the command line gives them.
func parsedFetching(t *testing.T, args ...string) fetching {
	t.Helper()
	var f struct {
		fetching
	}
	parser, err := kong.New(&f, defaults())
	require.NoError(t, err)
	_, err = parser.Parse(args)
	require.NoError(t, err)
	return f.fetching
}

func TestFetchingDefaultsAreWhatIsDocumented(t *testing.T) {
	f := parsedFetching(t)
	require.Empty(t, f.validate())
	config, err := f.quota()
	require.NoError(t, err)
	require.Equal(t, quota.DefaultLimits(), config.Limits)
	ladder, ahead, err := f.reading()
	require.NoError(t, err)
	require.Nil(t, ladder, "that of the growth window")
	require.Equal(t, collect.DefaultRefreshAhead(), ahead)
	require.Equal(t, collect.DefaultBackfill, f.Backfill)
	require.Equal(t, collect.DefaultDemographicsEvery, f.DemographicsEvery)
	require.Equal(t, collect.DefaultParallel, f.FetchParallel)
	require.Equal(t, collect.DefaultPostInterval, f.PostInsightsInterval)
	require.Equal(t, platforms.DefaultTimeout, f.FetchTimeout)
	require.Equal(t, platforms.DefaultRefusedFor, f.FetchRefusedFor)
	require.Equal(t, "v2", f.TikTokVersion)
}

func TestFetchingIsRead(t *testing.T) {
	f := parsedFetching(t, "--post-ladder=168h=0,any=24h", "--token-refresh-ahead=tiktok=1m", "--quotas=tiktok:none,linkedin:app:500/24h")
	ladder, ahead, err := f.reading()
	require.NoError(t, err)
	require.Equal(t, collect.Tiers{{Age: 168 * time.Hour}, {Every: 24 * time.Hour}}, ladder)
	require.Equal(t, map[domain.Platform]time.Duration{domain.TikTok: time.Minute}, ahead)
	config, err := f.quota()
	require.NoError(t, err)
	require.Len(t, config.Limits, 3)
}

func TestEveryWrongSettingOfFetchingIsNamed(t *testing.T) {
	f := parsedFetching(t)
	f.AccountInsightsEvery, f.AccountInsightsInterval, f.PostInsightsInterval, f.TokenRefreshEvery = 0, -1, 0, 0
	f.PostLadder, f.TokenRefreshAhead = []string{"1h"}, map[string]time.Duration{"myspace": time.Hour}
	f.Backfill, f.DemographicsEvery, f.GrowthWindow, f.FetchParallel, f.FetchWorkers = -1, 0, 0, 0, 0
	f.FetchTimeout, f.FetchRefusedFor = 0, -1
	f.Quotas, f.QuotaShare, f.QuotaHoldAt, f.FacebookURL = []string{"tiktok"}, 1, 0, "nowhere"
	err := errors.Join(f.validate()...)
	for _, name := range []string{
		"ACCOUNT_INSIGHTS_EVERY", "ACCOUNT_INSIGHTS_INTERVAL", "POST_INSIGHTS_INTERVAL", "TOKEN_REFRESH_EVERY", "POST_LADDER", "TOKEN_REFRESH_AHEAD",
		"BACKFILL", "DEMOGRAPHICS_EVERY", "GROWTH_WINDOW", "FETCH_PARALLEL", "FETCH_WORKERS", "FETCH_TIMEOUT", "FETCH_REFUSED_FOR", "QUOTAS", "QUOTA_SHARE", "QUOTA_HOLD_AT", "FACEBOOK_URL",
	} {
		require.ErrorContains(t, err, "LEDGERBOARD_"+name)
	}
}

// LinkedIn's quota is assumed to be that of an app in development, unless it is set: what the help says is what holds.
func TestQuotaOfLinkedInIsAssumed(t *testing.T) {
	assumed := func(args ...string) (limits []string) {
		config, err := parsedFetching(t, args...).quota()
		require.NoError(t, err)
		for _, limit := range config.Limits {
			if limit.Assumed {
				limits = append(limits, limit.String())
			}
		}
		return limits
	}
	development := []string{"linkedin:app:500/24h", "linkedin:account:100/24h"}
	require.Equal(t, development, assumed())
	require.Equal(t, development, assumed("--quotas=tiktok:none"))
	require.Empty(t, assumed("--quotas=linkedin:app:20000/24h"))
	require.Empty(t, assumed("--quotas=linkedin:none"))
	require.Empty(t, assumed("--quotas="+strings.Join(development, ",")), "who sets it knows it")
}

// A client's key without its secret is told at start; none at all is told once there are accounts of the platform, and
// not where the simulator stands in for it.
func TestClientKeysComeInPairs(t *testing.T) {
	f := parsedFetching(t)
	require.Len(t, f.unkeyed(), 2)
	require.Contains(t, f.unkeyed()[domain.TikTok], "LEDGERBOARD_TIKTOK_CLIENT_KEY")
	f.TikTokClientKey = "key"
	require.Len(t, f.unkeyed(), 1)
	require.ErrorContains(t, errors.Join(f.validate()...), "LEDGERBOARD_TIKTOK_CLIENT_SECRET")
	f.TikTokClientSecret, f.LinkedInURL = "secret", "http://localhost:1/linkedin"
	require.Empty(t, f.validate())
	require.Empty(t, f.unkeyed())
	f.FacebookAppID, f.InstagramAppID = "1", "2"
	wrong := errors.Join(f.validate()...)
	require.ErrorContains(t, wrong, "LEDGERBOARD_FACEBOOK_APP_SECRET is not")
	require.ErrorContains(t, wrong, "LEDGERBOARD_INSTAGRAM_APP_SECRET is not")
	f.FacebookAppSecret, f.InstagramAppSecret = "of facebook", "of instagram"
	require.Empty(t, f.validate())
	config, err := f.fetchConfig()
	require.NoError(t, err)
	require.Equal(t, "of facebook", config.Platforms.Facebook.ClientSecret)
	require.Equal(t, "of instagram", config.Platforms.Instagram.ClientSecret)
}
