package domain

import "time"

// WrongClock is how far ahead of a slot another one cannot have been served already: what says so was
// written by a process whose clock was ahead, and counts for nothing.
const WrongClock = 24 * time.Hour

// FetchSlot is one slot of one kind of fetching on one platform.
type FetchSlot struct {
	Kind     string // [FetchAccounts], [FetchPosts] or [FetchTokens]
	Platform Platform
	Begin    time.Time // UTC
}

// The kinds of fetching.
const (
	FetchAccounts = "account_insights"
	FetchPosts    = "post_insights"
	FetchTokens   = "token_refresh"
)

// FetchKinds returns all of them.
func FetchKinds() []string { return []string{FetchAccounts, FetchPosts, FetchTokens} }

// FetchResult is what became of one social account in a slot.
type FetchResult struct {
	SocialAccount int64
	Served        bool
	At            time.Time
	NotBefore     *time.Time // leave it alone until then; nil: it is due by its schedule
	Failures      int        // in a row
	Class         string     // of the failure; "" after a success
	Reason        string     // what was wrong and what to do; without the platform's words
	Words         string     // the platform's, which may name people: for schema kept alone
	Backfilled    bool       // all of its history is read now
	Demographics  bool       // they were read too
}

// FetchRetry is a social account whose connection is worth trying again by itself.
type FetchRetry struct {
	SocialAccount int64
	After         time.Duration
}

// FetchTask is a connected account that is to be read, with what is known of earlier reads.
type FetchTask struct {
	ConnectedAccount
	PlannedAt      time.Time  // zero: not planned, asked for by hand
	ServedSlot     *time.Time // nil: never read
	ServedAt       *time.Time
	Failures       int
	BackfilledAt   *time.Time
	DemographicsAt *time.Time
	Listing        PostListing
	History        FetchHistory // until BackfilledAt
	StateAt        *time.Time   // when the connection's state was recorded; nil: never
	TokenTakenAt   *time.Time   // when its stored token was taken; nil: there is none
}

// SignedInAgain tells whether the token was stored after the connection's state was recorded.
func (t FetchTask) SignedInAgain() bool {
	return t.TokenTakenAt != nil && t.StateAt != nil && t.TokenTakenAt.After(*t.StateAt)
}

// FetchHistory is how far back the history of a social account was read, and what became of the last try.
type FetchHistory struct {
	From      *time.Time // midnight UTC: this day and those after it were read; nil: none was
	Failures  int        // in a row
	NotBefore *time.Time // leave it alone until then
	Class     string     // of the last failure; "" after a success
	Reason    string     // what was wrong and what to do; without the platform's words
	Words     string     // the platform's, which may name people: for schema kept alone; not read back
}

// PostListing is how far the posts of a social account were listed. A walk goes from the newest post back
// and may take several rounds.
type PostListing struct {
	Cursor string     // where an unfinished walk goes on; "": none is
	Began  *time.Time // when the unfinished walk began
	To     *time.Time // when the last finished walk began: what was published before is known. nil: none has come to its end
}

// DueAccount is a social account that is due in a slot.
type DueAccount struct {
	SocialAccount int64
	ServedSlot    *time.Time // nil: never read
}

// PostNote says that a post was asked for in vain, or is known under another id.
type PostNote struct {
	ExternalID string
	Class      string // of the reason
	Since      time.Time
	TriedAt    time.Time // last
}
