package analytics

import "math"

// RateBase is what a rate is of.
type RateBase string

// The bases of rates.
const (
	RateOfReach     RateBase = "reach"     // of the people reached in the platform's own window
	RateOfFollowers RateBase = "followers" // of the followers at the end
)

// engagementRate is a period's engagement in per cent of people, and of whom.
func engagementRate(of StatsPeriod) (*float64, *RateBase) {
	for _, base := range []struct {
		people *int64
		name   RateBase
	}{{of.Reach, RateOfReach}, {of.Followers, RateOfFollowers}} {
		if of.Engagement != nil && base.people != nil && *base.people > 0 {
			return Percent(*of.Engagement, *base.people, 2), &base.name
		}
	}
	return nil, nil
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
