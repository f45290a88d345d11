package connect

import "time"

// MaxLinkDays is the longest that a link may last.
const MaxLinkDays = 14

// How long things last.
const (
	signInWithin = 10 * time.Minute // from asking until the person comes back
	chooseWithin = 15 * time.Minute
	redeemWithin = 30 * time.Second // also when the browser goes away: a code works once
)
