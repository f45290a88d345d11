package collect

import (
	"time"
)

// Tier is one of [Tiers]: posts up to an age are read again after Every; 0: in each round.
type Tier struct {
	Age   time.Duration // 0: any age
	Every time.Duration
}

// Tiers says how often posts are read by their age: ever less often, instead of never. They are in
// the order of their ages, the one for any age last.
type Tiers []Tier

// DefaultPostInterval is that of [Config].PostInterval.
const DefaultPostInterval = 12 * time.Hour

// DefaultTiers reads posts of the growth window in each round, up to 30 days daily, up to 90 days
// weekly, and older ones every 30 days.
func DefaultTiers(window time.Duration) Tiers {
	tiers := Tiers{{Age: window}}
	for _, tier := range []Tier{{30 * day, day}, {90 * day, 7 * day}} {
		if tier.Age > window {
			tiers = append(tiers, tier)
		}
	}
	return append(tiers, Tier{Every: 30 * day})
}

// early is by how much a round may come too early, at most a tenth of the interval: rounds begin on time,
// and readings some time into them.
const early = time.Hour

// due tells whether a post of that age is due that long after its last reading.
func (t Tiers) due(age, since time.Duration) bool {
	for _, tier := range t {
		if tier.Age == 0 || age <= tier.Age {
			return since >= tier.Every-min(early, tier.Every/10)
		}
	}
	return true
}
