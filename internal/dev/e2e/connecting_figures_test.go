//go:build e2e

package e2e_test

import (
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/dev/simulator"
)

// today is a range of days whose last is today, also if midnight passes.
func today() string {
	now := time.Now().UTC()
	return now.AddDate(0, 0, -1).Format(time.DateOnly) + "/" + now.AddDate(0, 0, 1).Format(time.DateOnly)
}

// lacking is why the answer about a page has no figure of a metric; "": it has one.
func (c *connecting) lacking(account string, page int64, metric string) (reason string) {
	c.t.Helper()
	var answer struct {
		Meta struct {
			Sources []struct {
				ID      int64 `json:"social_account_id"`
				Missing []struct{ Name, Reason, Detail string }
			}
		}
	}
	c.p.get(c.north.Token, "/getAccountInsights/"+today()+"/0?account="+url.QueryEscape(account)).ok(c.t, http.StatusOK).into(c.t, &answer)
	for _, source := range answer.Meta.Sources {
		for _, missing := range source.Missing {
			if source.ID == page && missing.Name == metric {
				return missing.Reason + ": " + missing.Detail
			}
		}
	}
	return ""
}

// requireFigures compares the followers of each platform in an answer with those that the platforms have.
func (c *connecting) requireFigures(client string) {
	c.t.Helper()
	at := time.Now()
	var answer struct {
		Data struct {
			Platforms []struct {
				Platform string
				Series   []struct{ Followers *int64 }
			}
		}
	}
	c.p.get(c.north.Token, "/getAccountFollowers/"+today()+"/0?account="+client).ok(c.t, http.StatusOK).into(c.t, &answer)
	got := map[string]int64{}
	for _, platform := range answer.Data.Platforms {
		for _, day := range platform.Series {
			if day.Followers != nil {
				got[platform.Platform] = *day.Followers
			}
		}
	}
	for platform, pages := range map[string][]string{
		"facebook": {bakery, catering}, "instagram": {behind, studio}, "linkedin": {profile, company}, "tiktok": {baker},
	} {
		var want int64
		for _, page := range pages {
			want += simulator.FollowersAt(c.sim.Seed(), page, at)
		}
		require.InDelta(c.t, want, got[platform], 100, "%s %s", platform, strconv.Itoa(len(pages)))
	}
}
