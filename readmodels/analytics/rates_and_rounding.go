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
			return ratio(*of.Engagement, *base.people, 100), &base.name
		}
	}
	return nil, nil
}

// ratio is part / whole × times, with two decimals; nil where whole is not positive.
func ratio(part, whole int64, times float64) *float64 {
	if whole <= 0 {
		return nil
	}
	return new(rounded(float64(part) * times / float64(whole)))
}

// rounded keeps two decimals.
func rounded(v float64) float64 { return math.Round(v*100) / 100 }
