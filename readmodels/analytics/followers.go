package analytics

import (
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// AccountFollowers is the answer to /getAccountFollowers.
type AccountFollowers struct {
	Total     FollowerSeries           `json:"total"`     // over the platforms asked for
	Platforms []platformFollowerSeries `json:"platforms"` // each platform asked for, also without accounts
}

// platformFollowerSeries is the series of one platform.
type platformFollowerSeries struct {
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
	// SameAccounts compares the accounts that were read for the same clients and member at both moments: at the end of the
	// range and where the comparison begins. The others in `followers` were connected in between, or moved here from another
	// client or member. Absent: there are none, or with compare=none.
	SameAccounts *SameAccounts `json:"same_accounts,omitzero"`
	// MovedAway are accounts in `followers` that another client or member has at their newest reading in the range. They
	// count here with their last reading before, and there with theirs. Absent: none did.
	MovedAway MovedAway `json:"moved_away,omitzero"`
}

// SameAccounts is a [Total] of stocks without the accounts that came in between.
type SameAccounts struct {
	Accounts  int      `json:"accounts"`   // in `previous` and `change`
	Previous  *int64   `json:"previous"`   // as in [Total]; null when there are no such accounts
	Change    *int64   `json:"change"`     // null with `previous`
	ChangePct *float64 `json:"change_pct"` // `change` in per cent of `previous`; null where [Total] has none
}

// MovedAway are accounts that moved to another client or member in the range.
type MovedAway struct {
	Accounts  int   `json:"accounts"`  // how many
	Followers int64 `json:"followers"` // their last readings here
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

// AccountNetGrowth is the answer to /reach/getAccountNetGrowth.
type AccountNetGrowth struct {
	Total     NetGrowth           `json:"total"`     // over the platforms asked for
	Platforms []platformNetGrowth `json:"platforms"` // each platform asked for, also without accounts
}

// platformNetGrowth is the growth of one platform.
type platformNetGrowth struct {
	readmodels.PlatformRef
	NetGrowth
}

// NetGrowth is followers won less followers lost, over the social accounts that were read in the range and before, or twice
// in it. Followers are a stock (see `followers` of [AccountTotals]); platforms do not say how many came and how many left.
type NetGrowth struct {
	SocialAccounts int `json:"social_accounts"` // in scope, read or not
	// Start are the followers at the last readings before the range, of an account that was first read in it at that
	// reading; `end` those at the last readings in the range, of the same accounts. Null when there are none.
	Start *int64 `json:"start"`
	End   *int64 `json:"end"` // followers at the last readings in the range, of the accounts of `start`; null with `start`
	// Net is `end` less `start`, whatever the answer is compared with; it is negative when more people left than came.
	Net *int64 `json:"net"`
	// NetPct is `net` in per cent of `start`, with two decimals, both of the accounts that were read before the range; null
	// with `net`, with `no_baseline`, where they had no followers, and with `gained_since`.
	NetPct *float64 `json:"net_pct"`
	// NoBaseline says that followers were read in the range and never before.
	NoBaseline bool `json:"no_baseline"`
	// ComparedInPart says that accounts were first read in the range: they count from that reading, and
	// are left out if they were read once.
	ComparedInPart bool `json:"compared_in_part"`
	// GainedSince is as in [Total].
	GainedSince *time.Time  `json:"gained_since"`
	Series      []GrowthDay `json:"series"` // every part of the range; their sum is `net`
	// PreviousSeries, with compare=previous or year, is what each part of `series` that has begun is compared with, in the
	// same order; `day` is its first day.
	PreviousSeries []GrowthDay `json:"previous_series,omitzero"`
}

// GrowthDay is one part of [NetGrowth]: a day, week or month.
type GrowthDay struct {
	Day string `json:"day"` // the day, or the first one of the week or month, even if the range begins after it; YYYY-MM-DD in the time zone
	// Net is what the accounts read in this part gained since their reading before, which may be some
	// days old; null when no account was read, or none of them before.
	Net          *int64 `json:"net"`
	AccountsRead int    `json:"accounts_read"` // in this part
}

func (f *accountFigures) netGrowth(platforms ...domain.Platform) NetGrowth {
	var growths []*metricValue
	for _, v := range f.on(domain.MetricFollowers, platforms) {
		growths = append(growths, v.growth())
	}
	t := total(growths)
	g := NetGrowth{
		SocialAccounts: f.accountsOn(platforms...), Start: t.Previous, Net: t.Change, NetPct: t.ChangePct,
		NoBaseline: t.NoBaseline, ComparedInPart: t.ComparedInPart, GainedSince: t.GainedSince,
	}
	if g.Net != nil {
		g.End = new(*g.Start + *g.Net)
	}
	g.Series = growthDays(f.followerDays(platforms...))
	if f.before != nil {
		g.PreviousSeries = growthDays(f.before.followerDays(platforms...))
	}
	return g
}

func growthDays(days []FollowerDay) []GrowthDay {
	growth := make([]GrowthDay, len(days))
	for i, d := range days {
		growth[i] = GrowthDay{Day: d.Day, Net: d.Change, AccountsRead: d.AccountsRead}
	}
	return growth
}

// growth is the stock compared with itself at the start of the range, whatever the answer is compared with.
func (v *metricValue) growth() *metricValue {
	g := *v
	g.compared, g.previous, g.noPct, g.comparedInPart = nil, nil, v.since != nil, v.before == nil
	var net tally
	for _, gained := range v.gained {
		net.addKnown(gained)
	}
	if net.n > 0 {
		g.compared, g.previous = v.value, new(*v.value-net.sum)
	}
	return &g
}

// compareSame compares the accounts that were read at both moments, and notes those that moved away.
func (s *FollowerSeries) compareSame(f *accountFigures, platforms []domain.Platform) {
	all := f.on(domain.MetricFollowers, platforms)
	var same []*metricValue
	for _, v := range all {
		if v.before != nil && v.previous != nil {
			same = append(same, v)
		}
		if v.movedAway {
			s.MovedAway.Accounts++
			s.MovedAway.Followers += *v.value
		}
	}
	if !f.uncompared && len(same) < len(all) {
		t := total(same)
		s.SameAccounts = &SameAccounts{t.Accounts, t.Previous, t.Change, t.ChangePct}
	}
}
