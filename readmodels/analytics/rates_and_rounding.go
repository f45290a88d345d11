package analytics

import "math"

// RateBase is the base of a rate.
type RateBase string

// Bases of rates.
const (
	RateOfReach     RateBase = "reach"     // people reached in the platform's own window
	RateOfFollowers RateBase = "followers" // followers at the end of the period
)

// engagementRate returns a period's engagement as a percentage of people, and the base. engaged and
// followers come from the accounts that have both.
func engagementRate(period StatsPeriod, engaged, followers tally) (*float64, *RateBase) {
	switch {
	case period.Engagement == nil:
		return nil, nil
	case period.Reach != nil && *period.Reach > 0: // of one account
		return Percent(*period.Engagement, *period.Reach, 2), new(RateOfReach)
	case period.Followers != nil && followers.sum > 0:
		return Percent(engaged.sum, followers.sum, 2), new(RateOfFollowers)
	default:
		return nil, nil
	}
}

// Percent returns part as a percentage of whole, rounded once, half away from zero; nil if whole is
// not positive.
func Percent(part, whole int64, decimals int) *float64 { return ratio(part, whole, 100, decimals) }

// ratio returns part / whole × times, rounded like [Percent].
func ratio(part, whole int64, times float64, decimals int) *float64 {
	if whole <= 0 {
		return nil
	}
	shift := math.Pow10(decimals)
	return new(math.Round(float64(part)*times*shift/float64(whole)) / shift)
}

// roundToTwoDecimals rounds to two decimals.
func roundToTwoDecimals(v float64) float64 { return math.Round(v*100) / 100 }
