package analytics

import "math"

// RateBase is what a rate is of.
type RateBase string

// The bases of rates.
const (
	RateOfReach     RateBase = "reach"     // of the people reached in the platform's own window
	RateOfFollowers RateBase = "followers" // of the followers at the end
)

// engagementRate is a period's engagement in per cent of people, and of whom. engaged and followers are of the accounts of
// which both are known.
func engagementRate(of StatsPeriod, engaged, followers tally) (*float64, *RateBase) {
	switch {
	case of.Engagement == nil:
		return nil, nil
	case of.Reach != nil && *of.Reach > 0: // of one account
		return Percent(*of.Engagement, *of.Reach, 2), new(RateOfReach)
	case of.Followers != nil && followers.sum > 0:
		return Percent(engaged.sum, followers.sum, 2), new(RateOfFollowers)
	default:
		return nil, nil
	}
}

// Percent is part in per cent of whole with some decimals, rounded once, half away from zero; nil if
// whole is not positive.
func Percent(part, whole int64, decimals int) *float64 { return ratio(part, whole, 100, decimals) }

// ratio is part / whole × times, rounded as [Percent] says.
func ratio(part, whole int64, times float64, decimals int) *float64 {
	if whole <= 0 {
		return nil
	}
	shift := math.Pow10(decimals)
	return new(math.Round(float64(part)*times*shift/float64(whole)) / shift)
}

// rounded keeps two decimals.
func rounded(v float64) float64 { return math.Round(v*100) / 100 }
