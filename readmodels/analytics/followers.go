package analytics

import (
	"context"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// AccountFollowers is the answer to /getAccountFollowers.
type AccountFollowers struct {
	Total     FollowerSeries           `json:"total"`     // over the platforms asked for
	Platforms []PlatformFollowerSeries `json:"platforms"` // each platform asked for, also without accounts
}

// PlatformFollowerSeries is the series of one platform.
type PlatformFollowerSeries struct {
	readmodels.PlatformRef
	FollowerSeries
}

// FollowerSeries is how the followers of some social accounts went.
type FollowerSeries struct {
	SocialAccounts int           `json:"social_accounts"` // in scope, read or not
	Followers      Total         `json:"followers"`       // as `followers` of [AccountTotals]
	Series         []FollowerDay `json:"series"`          // every part of the range
	// PreviousSeries, with compare=previous or year, is what each part of `series` that has begun is compared with, in the
	// same order; `day` is its first day.
	PreviousSeries []FollowerDay `json:"previous_series,omitzero"`
}

// FollowerDay is one part of a [FollowerSeries]: a day, week or month.
type FollowerDay struct {
	Day string `json:"day"` // the day, or the first one of the week or month, even if the range begins after it; YYYY-MM-DD in the time zone
	// Followers are people at the end of the part: the last reading of each account, from an earlier part
	// where the account was not read in this one, so that a missing reading makes no dip. Accounts that
	// were not read in the whole range are left out; one that was connected in the range joins with its first reading,
	// and what it brings is in no `change`. Null when no account was read in this part.
	Followers *int64 `json:"followers"`
	// Change is what the accounts read in this part gained since their reading before, however old; null when there is none.
	Change       *int64 `json:"change"`
	AccountsRead int    `json:"accounts_read"` // in this part
	// AccountsJoined is how many accounts were first read in this part, and neither before the range nor
	// in an earlier part: what they bring is in `followers` from here on, and in no `change`.
	// Absent: none did; in CSV 0.
	AccountsJoined int `json:"accounts_joined,omitzero"`
}

// AccountFollowers answers the endpoints 2, 14 and 18: the followers of each day (week, month), per platform and over all.
func (a *Analytics) AccountFollowers(ctx context.Context, scope readmodels.Scope, query RangeQuery) (AccountFollowers, Meta, error) {
	return answerFigures(ctx, a, "follower series", scope, query, []string{domain.MetricFollowers}, query.buckets(), nil,
		func(f *accountFigures, data *AccountFollowers) {
			data.Total, data.Platforms = perPlatform(query.Platforms, func(on ...domain.Platform) FollowerSeries {
				return FollowerSeries{f.accountsOn(on...), f.total(domain.MetricFollowers, on), f.followerDays(on...), f.before.followerDays(on...)}
			}, func(p readmodels.PlatformRef, s FollowerSeries) PlatformFollowerSeries {
				return PlatformFollowerSeries{p, s}
			})
		})
}

// followerDays adds the followers on some platforms up by part of the range; nil of no figures.
func (f *accountFigures) followerDays(platforms ...domain.Platform) []FollowerDay {
	if f == nil {
		return nil
	}
	stocks := f.on(domain.MetricFollowers, platforms)
	series := make([]FollowerDay, len(f.buckets))
	standing := make([]*int64, len(stocks))
	for i, v := range stocks {
		standing[i] = v.before
	}
	for d, part := range f.buckets {
		series[d].Day = part.day.String()
		var sum, change tally
		for i, v := range stocks {
			change.addKnown(v.gained[d])
			if now := v.standing[d]; now != nil {
				series[d].AccountsRead++
				if standing[i] == nil {
					series[d].AccountsJoined++
				}
				standing[i] = now
			}
			sum.addKnown(standing[i])
		}
		series[d].Change = change.value()
		if series[d].AccountsRead > 0 {
			series[d].Followers = sum.value()
		}
	}
	return series
}
