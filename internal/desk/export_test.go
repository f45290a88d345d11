package desk

// For tests of skips and refusals.
var (
	BehindSkip   = behindSkip
	NoneUnderWay = noneUnderWay
	HoldsUp      = holdsUp
)
