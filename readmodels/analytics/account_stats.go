package analytics

import (
	"context"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// AccountStats is the answer to /reach/getAccountStats.
type AccountStats struct {
	Total     ReachStats           `json:"total"`     // over the platforms asked for
	Platforms []PlatformReachStats `json:"platforms"` // each platform asked for, also without accounts
	// Reach is each social account's own: reach counts people, and those of two accounts may be the
	// same ones. Accounts without any reach in the range are left out; `meta.sources` says why.
	Reach []AccountReach `json:"reach"`
	// AsRead are the impressions that only exist over a platform's own window; they are in no total.
	AsRead []ReadFigure `json:"as_read"`
}

// PlatformReachStats are the figures of one platform.
type PlatformReachStats struct {
	readmodels.PlatformRef
	ReachStats
}

// ReachStats are impressions and reach of some social accounts.
type ReachStats struct {
	SocialAccounts int `json:"social_accounts"` // in scope, read or not
	// Impressions are how often contents were shown, gained in the range: Facebook page_media_view and
	// Instagram views (day flows; the platforms have no separate number of impressions), LinkedIn
	// impressionCount (day flow). TikTok gives none.
	Impressions Total `json:"impressions"`
	// Reach is how many people saw contents in exactly this range, as the platform counted them. Null
	// when the platform has no window of exactly this range, and whenever there is more than one social
	// account: people are never summed.
	Reach  *int64     `json:"reach"`
	Series []ReachDay `json:"series"` // every part of the range
	// PreviousSeries, with compare=previous or year, is what each part of `series` that has begun is compared with, in the
	// same order; `day` is its first day.
	PreviousSeries []ReachDay `json:"previous_series,omitzero"`
}

// ReachDay is one part of [ReachStats]: a day, week or month. Platforms label their figures with days of their own (Facebook
// and Instagram: Pacific time); a figure stands at the day that bears its label.
type ReachDay struct {
	// the day, or the first one of the week or month, even if the range begins after it; YYYY-MM-DD in the time zone
	Day string `json:"day"`
	// Impressions gained in this part; of a cumulative figure: since the reading before, which may be
	// some days old, or since its first reading (see [Total]). Null when none was read.
	Impressions *int64 `json:"impressions"`
	// Reach is the platform's own figure of exactly this part (its window of a day, week or 28 days); null without
	// one, and whenever there is more than one social account.
	Reach        *int64 `json:"reach"`
	AccountsRead int    `json:"accounts_read"` // accounts in `impressions`
}

// AccountStats is endpoint 4: reach and impressions, totals and series.
func (a *Analytics) AccountStats(ctx context.Context, scope readmodels.Scope, query RangeQuery) (AccountStats, Meta, error) {
	metrics := []string{domain.MetricImpressions, domain.MetricReach}
	var before []AccountReach
	return answerFigures(ctx, a, "reach and impressions", scope, query, metrics, query.buckets(),
		func(_ context.Context, f *accountFigures, data *AccountStats) error {
			data.AsRead, data.Reach, before = f.asRead(domain.MetricImpressions), f.reach(), f.before.reach()
			return nil
		}, func(f *accountFigures, data *AccountStats) {
			data.Total, data.Platforms = perPlatform(query.Platforms, func(on ...domain.Platform) ReachStats {
				return f.reachStats(data.Reach, before, on...)
			}, func(p readmodels.PlatformRef, s ReachStats) PlatformReachStats { return PlatformReachStats{p, s} })
		})
}

func (f *accountFigures) reachStats(reach, reachBefore []AccountReach, platforms ...domain.Platform) ReachStats {
	stats := ReachStats{
		SocialAccounts: f.accountsOn(platforms...), Impressions: f.total(domain.MetricImpressions, platforms),
		Series: f.reachDays(reach, platforms), PreviousSeries: f.before.reachDays(reachBefore, platforms),
	}
	if alone := f.onlyReach(reach, platforms); alone != nil {
		stats.Reach = alone.Value
	}
	return stats
}

// reachDays are impressions and reach by part of the range; nil of no figures.
func (f *accountFigures) reachDays(reach []AccountReach, platforms []domain.Platform) []ReachDay {
	if f == nil {
		return nil
	}
	impressions, alone := f.on(domain.MetricImpressions, platforms), f.onlyReach(reach, platforms)
	series := make([]ReachDay, len(f.buckets))
	for i, part := range f.buckets {
		series[i].Day = part.day.String()
		series[i].Impressions, series[i].AccountsRead = gainedIn(i, impressions)
		if alone != nil {
			series[i].Reach = alone.Series[i].Value
		}
	}
	return series
}
