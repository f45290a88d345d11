package desk

// What becomes of events behind a skip, and what the desk refuses.
var (
	BehindSkip   = behindSkip
	NoneUnderWay = noneUnderWay
	HoldsUp      = holdsUp
)
