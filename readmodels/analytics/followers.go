package analytics

import (
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// AccountFollowers is the response to /getAccountFollowers.
type AccountFollowers struct {
	Total FollowerSeries `json:"total"` // all requested platforms together
	// all requested platforms, including those without accounts
	Platforms []platformFollowerSeries `json:"platforms"`
}

// platformFollowerSeries is the follower series of one platform.
type platformFollowerSeries struct {
	readmodels.PlatformRef
	FollowerSeries
}

// FollowerSeries is the number of followers of a set of social accounts over time.
type FollowerSeries struct {
	SocialAccounts int           `json:"social_accounts"` // number in scope, whether read or not
	Followers      Total         `json:"followers"`       // see `followers` of [AccountTotals]
	Series         []FollowerDay `json:"series"`          // one entry per interval of the range
	// PreviousSeries is what `series` is compared with; absent with compare=none.
	PreviousSeries []FollowerDay `json:"previous_series,omitzero"`
	// SameAccounts compares only accounts that were read for the same clients and member both
	// before the comparison starts and in the range. The other accounts in `followers` were
	// connected in between, or moved here from another client or member. Absent if there are no
	// other accounts, and with compare=none.
	SameAccounts *SameAccounts `json:"same_accounts,omitzero"`
	// MovedAway are accounts in `followers` whose newest reading in the range belongs to another
	// client or member. They are counted here with their last reading before the move, and for the
	// other client or member with their readings after the move. Absent if no account moved.
	MovedAway MovedAway `json:"moved_away,omitzero"`
}

// SameAccounts compares followers without the accounts that were connected or moved here in
// between.
type SameAccounts struct {
	Accounts int    `json:"accounts"` // number of accounts in `previous` and `change`
	Previous *int64 `json:"previous"` // see [Total]; null if there are no such accounts
	Change   *int64 `json:"change"`   // the change of these accounts; null if `previous` is null
	// `change` as a percentage of `previous`; null under the conditions of [Total]
	ChangePct *float64 `json:"change_pct"`
}

// MovedAway are accounts that moved to another client or member in the range.
type MovedAway struct {
	Accounts  int   `json:"accounts"`  // number of accounts
	Followers int64 `json:"followers"` // sum of their last readings with this client or member
}

// FollowerDay is one interval of a [FollowerSeries]: a day, week or month.
type FollowerDay struct {
	// first day of the interval, YYYY-MM-DD in the response's time zone; it can be before the range
	Day string `json:"day"`
	// Followers is the number of followers at the end of the interval: the sum of each account's
	// last reading. If an account was not read in this interval, its reading from an earlier
	// interval is used, so that a missing reading does not look like a drop. Accounts without a
	// reading in the range are excluded. An account that was connected in the range is counted from
	// its first reading; no `change` includes its initial followers. Null if no account was read in
	// this interval.
	Followers *int64 `json:"followers"`
	// Change is the number of followers gained, since their previous readings, by the accounts that
	// were read in this interval. The previous readings can be of any age. Null if there are no
	// previous readings.
	Change       *int64 `json:"change"`
	AccountsRead int    `json:"accounts_read"` // number of accounts read in this interval
	// AccountsJoined is the number of accounts that were first read in this interval. Their initial
	// followers are in `followers` from this interval on, but in no `change`. Absent instead of 0,
	// except in CSV.
	AccountsJoined int `json:"accounts_joined,omitzero"`
}

func (a *accountFigures) followerSeries(platforms ...domain.Platform) FollowerSeries {
	s := FollowerSeries{
		SocialAccounts: a.accountsOn(platforms...), Followers: a.total(domain.MetricFollowers, platforms),
		Series: a.followerDays(platforms...), PreviousSeries: a.before.followerDays(platforms...),
	}
	all := a.onPlatforms(domain.MetricFollowers, platforms)
	var readBefore []*metricValue
	for _, v := range all {
		if v.before != nil && v.previous != nil {
			readBefore = append(readBefore, v)
		}
		if v.movedAway {
			s.MovedAway.Accounts++
			s.MovedAway.Followers += *v.value
		}
	}
	if !a.uncompared && len(readBefore) < len(all) {
		t := total(readBefore)
		s.SameAccounts = &SameAccounts{t.Accounts, t.Previous, t.Change, t.ChangePct}
	}
	return s
}

// followerDays returns nil for a nil receiver.
func (a *accountFigures) followerDays(platforms ...domain.Platform) []FollowerDay {
	if a == nil {
		return nil
	}
	stocks := a.onPlatforms(domain.MetricFollowers, platforms)
	series := make([]FollowerDay, len(a.buckets))
	latest := make([]*int64, len(stocks))
	for i, v := range stocks {
		latest[i] = v.before
	}
	for d, part := range a.buckets {
		series[d].Day = part.label()
		var sum, change tally
		for i, v := range stocks {
			change.addKnown(v.gained[d])
			if last := v.stocks[d]; last != nil {
				series[d].AccountsRead++
				if latest[i] == nil {
					series[d].AccountsJoined++
				}
				latest[i] = last
			}
			sum.addKnown(latest[i])
		}
		series[d].Change = change.value()
		if series[d].AccountsRead > 0 {
			series[d].Followers = sum.value()
		}
	}
	return series
}

// AccountNetGrowth is the response to /reach/getAccountNetGrowth.
type AccountNetGrowth struct {
	Total NetGrowth `json:"total"` // all requested platforms together
	// all requested platforms, including those without accounts
	Platforms []platformNetGrowth `json:"platforms"`
}

// platformNetGrowth is the growth on one platform.
type platformNetGrowth struct {
	readmodels.PlatformRef
	NetGrowth
}

// NetGrowth is followers gained minus followers lost. It covers the social accounts that were read
// in the range and before it, or at least twice in the range. Followers are a stock (see
// `followers` of [AccountTotals]); platforms do not report gains and losses separately.
type NetGrowth struct {
	SocialAccounts int `json:"social_accounts"` // number in scope, whether read or not
	// Start is the number of followers at the last readings before the range. For an account that
	// was first read in the range, that reading is used. Null if no account is covered.
	Start *int64 `json:"start"`
	// followers at the last readings in the range, of the accounts in `start`; null if `start` is
	// null
	End *int64 `json:"end"`
	// Net is `end` minus `start`, regardless of the parameter compare. It is negative if more
	// followers were lost than gained.
	Net *int64 `json:"net"`
	// NetPct is `net` as a percentage of `start`, rounded to two decimal places. Accounts that were
	// not read before the range are excluded from this calculation. Null if `net` is null, if no
	// other accounts remain or these had no followers, or if `gained_since` is set.
	NetPct *float64 `json:"net_pct"`
	// Note is like `note` of [Total]. With first_reading, followers were read in the range but never
	// before. With part, some accounts were first read in the range. They are counted from that
	// reading, or excluded if they were read only once.
	Note TotalNote `json:"note"`
	// see `gained_since` of [Total]
	GainedSince *time.Time `json:"gained_since"`
	// one entry per interval of the range; they add up to `net`
	Series []GrowthDay `json:"series"`
	// PreviousSeries is what `series` is compared with; absent with compare=none.
	PreviousSeries []GrowthDay `json:"previous_series,omitzero"`
}

// GrowthDay is one interval of [NetGrowth]: a day, week or month.
type GrowthDay struct {
	// first day of the interval, YYYY-MM-DD in the response's time zone; it can be before the range
	Day string `json:"day"`
	// Net is the number of followers gained, since their previous readings, by the accounts that
	// were read in this interval. The previous readings can be of any age. Null if no account was
	// read, or if no account has a previous reading.
	Net          *int64 `json:"net"`
	AccountsRead int    `json:"accounts_read"` // number of accounts read in this interval
}

func (a *accountFigures) netGrowth(platforms ...domain.Platform) NetGrowth {
	values := a.onPlatforms(domain.MetricFollowers, platforms)
	for i, v := range values {
		values[i] = v.growth()
	}
	t := total(values)
	g := NetGrowth{
		SocialAccounts: a.accountsOn(platforms...), Start: t.Previous, Net: t.Change, NetPct: t.ChangePct,
		Note: t.Note, GainedSince: t.GainedSince,
	}
	if g.Net != nil {
		g.End = new(*g.Start + *g.Net)
	}
	g.Series = growthDays(a.followerDays(platforms...))
	if a.before != nil {
		g.PreviousSeries = growthDays(a.before.followerDays(platforms...))
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

// growth compares the stock with its value at the start of the range, regardless of what the
// response is compared with.
func (m *metricValue) growth() *metricValue {
	g := *m
	g.compared, g.previous, g.noPct, g.comparedInPart = nil, nil, m.gainedSince != nil, m.before == nil
	var net tally
	for _, gained := range m.gained {
		net.addKnown(gained)
	}
	if net.n > 0 {
		g.compared, g.previous = m.value, new(*m.value-net.sum)
	}
	return &g
}
