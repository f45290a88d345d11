package main

import (
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/api/mount"
	"github.com/ledgerboard/ledgerboard/commands/collect"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

// defaultEvery is when an account is due again.
const defaultEvery = 30 * time.Second

// fewReadConns are enough where no requests are served.
const fewReadConns = 8

// defaults are those of the packages that the settings are for, by the names that the flags have for them.
func defaults() kong.Vars {
	return kong.Vars{
		"addr":                      ":6001",
		"client_scopes":             strings.Join(mount.Config{}.WithDefaults().ClientScopes, ","),
		"account_insights_interval": shortly(defaultEvery),
		"post_insights_interval":    shortly(collect.DefaultPostInterval),
		"linkedin_scopes":           strings.Join(platforms.Config{}.WithDefaults().LinkedIn.Scopes, ","),
		"sign_in_link_for":          shortly(api.SignInLinkFor),
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
