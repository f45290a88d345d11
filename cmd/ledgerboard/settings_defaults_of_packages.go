package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/api/mount"
	"github.com/ledgerboard/ledgerboard/commands/collect"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
	"github.com/ledgerboard/ledgerboard/internal/quota"
	"github.com/ledgerboard/ledgerboard/internal/scheduler"
)

// defaultEvery is how often it is looked for accounts that are due, and when they are due again.
const defaultEvery = 30 * time.Second

// fewReadConns are enough where no requests are served.
const fewReadConns = 8

// defaults are those of the packages that the settings are for, by the names that the flags have for them.
func defaults() kong.Vars {
	service, endpoints := mount.Config{}.WithDefaults(), platforms.Config{}.WithDefaults()
	return kong.Vars{
		"addr":                      ":6001",
		"client_scopes":             strings.Join(service.ClientScopes, ","),
		"max_lag":                   strconv.FormatInt(service.MaxLag, 10),
		"account_insights_every":    shortly(defaultEvery),
		"account_insights_interval": shortly(defaultEvery),
		"post_insights_interval":    shortly(collect.DefaultPostInterval),
		"token_refresh_ahead":       aheads(collect.DefaultRefreshAhead()),
		"backfill":                  shortly(collect.DefaultBackfill),
		"demographics_every":        shortly(collect.DefaultDemographicsEvery),
		"fetch_parallel":            strconv.Itoa(collect.DefaultParallel),
		"fetch_workers":             strconv.Itoa(scheduler.DefaultMaxWorkers),
		"fetch_timeout":             shortly(endpoints.Timeout),
		"fetch_refused_for":         shortly(endpoints.RefusedFor),
		"quota_share":               strconv.FormatFloat(quota.DefaultShare, 'g', -1, 64),
		"quota_hold_at":             strconv.Itoa(quota.DefaultHoldAt),
		"facebook_url":              endpoints.Facebook.BaseURL,
		"instagram_url":             endpoints.Instagram.BaseURL,
		"facebook_dialog_url":       endpoints.Facebook.DialogURL,
		"instagram_auth_url":        endpoints.Instagram.AuthURL,
		"instagram_dialog_url":      endpoints.Instagram.DialogURL,
		"meta_version":              endpoints.Facebook.Version,
		"linkedin_url":              endpoints.LinkedIn.BaseURL,
		"linkedin_auth_url":         endpoints.LinkedIn.AuthURL,
		"linkedin_dialog_url":       endpoints.LinkedIn.DialogURL,
		"linkedin_scopes":           strings.Join(endpoints.LinkedIn.Scopes, ","),
		"linkedin_version":          endpoints.LinkedIn.Version,
		"tiktok_url":                endpoints.TikTok.BaseURL,
		"tiktok_dialog_url":         endpoints.TikTok.DialogURL,
		"tiktok_version":            endpoints.TikTok.Version,
		"sign_in_link_for":          strconv.Itoa(int(api.SignInLinkFor / time.Minute)),
	}
}

// shortly writes a duration as people do: 24h, not 24h0m0s.
func shortly(d time.Duration) string {
	text := d.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, zero) {
			text = strings.TrimSuffix(text, zero[1:])
		}
	}
	return text
}

func aheads(of map[domain.Platform]time.Duration) string {
	var pairs []string
	for platform, ahead := range of {
		pairs = append(pairs, fmt.Sprintf("%s=%s", platform, shortly(ahead)))
	}
	slices.Sort(pairs)
	return strings.Join(pairs, ",")
}
