package simulator

import "time"

// weeks are how an account's week is spread over its days, Monday first, in per cent: most accounts are busy on
// working days, some at the weekend.
var weeks = [2][7]int64{{17, 17, 16, 16, 15, 10, 9}, {11, 11, 12, 13, 15, 20, 18}}

func weekOf(seed uint64, id string) *[7]int64 {
	if between(0, 3, seed, "week", id) == 0 {
		return &weeks[1]
	}
	return &weeks[0]
}

// inRhythm bends the seconds since the beginning, a Monday, so that they pass as the week does: a whole week is as
// long as ever.
func inRhythm(week *[7]int64, seconds int64) int64 {
	const weekSeconds = 7 * daySeconds
	whole, rest := seconds/weekSeconds, seconds%weekSeconds
	passed := week[rest/daySeconds] * (rest % daySeconds)
	for _, share := range week[:rest/daySeconds] {
		passed += share * daySeconds
	}
	return whole*weekSeconds + weekSeconds*passed/(100*daySeconds)
}

// A campaign comes every four weeks and lasts eight days: so that each month has one, whenever it is looked at.
const (
	campaignEvery = 28 * daySeconds
	campaignFor   = 8 * daySeconds
)

// campaignAt is the number of the latest campaign that has begun, and how many seconds ago that was.
func campaignAt(seed uint64, t time.Time) (number, since int64) {
	s := elapsed(t) + between(0, campaignEvery, seed, "campaign")
	return s / campaignEvery, s % campaignEvery
}

// CampaignPost tells whether a post belongs to a campaign, and to the how-manieth: most of those do that are
// published while one lasts, and they are seen more than others.
func CampaignPost(seed uint64, id string, published time.Time) (number int64, ok bool) {
	number, since := campaignAt(seed, published)
	return number, since < campaignFor && between(0, 100, seed, "campaign post", id) < 65
}

// lift is what a campaign adds to a gain of so much a day: it comes faster while the campaign lasts and slower
// afterwards, so that it never falls for it.
func lift(seed uint64, id string, perDay int64, t time.Time) int64 {
	const after = campaignEvery - campaignFor
	_, since := campaignAt(seed, t)
	most := max(0, perDay) * (after / daySeconds) * between(20, 90, seed, "lift", id) / 100
	if since < campaignFor {
		return most * since / campaignFor
	}
	return most * (campaignEvery - since) / after
}
