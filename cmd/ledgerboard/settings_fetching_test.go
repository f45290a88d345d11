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
	config, err := f.fetchConfig()
	require.NoError(t, err)
	require.Equal(t, quota.DefaultLimits(), config.Quota.Limits)
	require.Equal(t, collect.DefaultPostInterval, config.Collect.PostInterval)
	require.Equal(t, 30*time.Second, config.Schedule.Every[domain.FetchAccounts])
}

// Connections that are due more often are also looked for more often, but never more than once a second.
func TestLooksFollowTheIntervals(t *testing.T) {
	require.Equal(t, 5*time.Second, parsedFetching(t, "--account-insights-interval=5s").every()[domain.FetchPosts])
	require.Equal(t, time.Second, parsedFetching(t, "--account-insights-interval=0s").every()[domain.FetchAccounts])
	require.Equal(t, 30*time.Second, parsedFetching(t, "--account-insights-interval=1h").every()[domain.FetchAccounts])
}

// One URL is that of all simulated platforms, of the pages where people sign in, too.
func TestPlatformsAreElsewhere(t *testing.T) {
	at := parsedFetching(t, "--platforms-url=http://localhost:1/").platforms().WithDefaults()
	require.Equal(t, "http://localhost:1/facebook", at.Facebook.BaseURL)
	require.Equal(t, "http://localhost:1/instagram", at.Instagram.DialogURL)
	require.Equal(t, "http://localhost:1/linkedin", at.LinkedIn.AuthURL)
	require.Equal(t, "http://localhost:1/tiktok", at.TikTok.BaseURL)
	require.Equal(t, "https://open.tiktokapis.com", parsedFetching(t).platforms().WithDefaults().TikTok.BaseURL)
}

func TestEveryWrongSettingOfFetchingIsNamed(t *testing.T) {
	f := parsedFetching(t)
	f.AccountInsightsInterval, f.PostInsightsInterval, f.GrowthWindow = -1, 0, 0
	f.Quotas, f.PlatformsURL = []string{"tiktok"}, "nowhere"
	err := errors.Join(f.validate()...)
	for _, name := range []string{"ACCOUNT_INSIGHTS_INTERVAL", "POST_INSIGHTS_INTERVAL", "GROWTH_WINDOW", "QUOTAS", "PLATFORMS_URL"} {
		require.ErrorContains(t, err, "LEDGERBOARD_"+name)
	}
}

// LinkedIn's quota is assumed to be that of an app in development, unless it is set: what the help says is what holds.
func TestQuotaOfLinkedInIsAssumed(t *testing.T) {
	assumed := func(args ...string) (limits []string) {
		config, err := parsedFetching(t, args...).fetchConfig()
		require.NoError(t, err)
		for _, limit := range config.Quota.Limits {
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

// A client's key without its secret is an error at start; a missing key is one once there are accounts of the platform, and
// not where the simulator stands in for it.
func TestClientKeysComeInPairs(t *testing.T) {
	f := parsedFetching(t)
	require.Len(t, f.unkeyed(), 2)
	require.Contains(t, f.unkeyed()[domain.TikTok], "LEDGERBOARD_TIKTOK_CLIENT_KEY")
	f.TikTokClientKey = "key"
	require.Len(t, f.unkeyed(), 1)
	require.ErrorContains(t, errors.Join(f.validate()...), "LEDGERBOARD_TIKTOK_CLIENT_SECRET")
	f.TikTokClientSecret, f.PlatformsURL = "secret", "http://localhost:1"
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
