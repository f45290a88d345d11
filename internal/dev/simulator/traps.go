package simulator

import (
	"time"
)

// Traps are the ways in which a platform surprises its callers. They are off in the
// zero value and switchable per account while the server runs.
type Traps struct {
	// §6.1 Facebook, §6.2 Instagram
	RetiredMetrics []string // naming one of them rejects the whole insights call: 400, code 100
	BatchTimeouts  int      // every n-th request of a batch is answered null
	NoVideoField   bool     // video_insights cannot be had as a field, only from its own edge
	HiddenLikes    bool     // Instagram: like_count is absent
	BeforeBusiness bool     // Instagram: media insights fail with 100/2108006

	// §6.3 Meta
	Throttle   *Throttle // every call is refused so
	TokenError int       // every call answers code 190 with this subcode (458, 460, 463, …); TikTok and LinkedIn: any number
	CodeAsText bool      // Meta's error code is a string

	// §6.6 all
	HTML         int           // answer this status with a proxy's HTML page
	Truncate     bool          // the JSON stops in the middle
	Delay        time.Duration // before answering; ends early when the caller hangs up
	FailEvery    int           // every n-th call of the account: 502 with HTML
	OtherAccount bool          // the answer is about somebody else
	NoCounts     bool          // counters are left out of the answers

	Faults []Fault // what each is about, and when
}

// Throttle is a refusal for lack of quota.
type Throttle struct {
	Code    int // Meta: 4, 17, 32, 613, 80001, 80002
	Status  int // HTTP; 400 when 0, and 200 is seen too. LinkedIn and TikTok always answer 429
	Minutes int // Meta: estimated_time_to_regain_access of the business header; no header when 0
}
