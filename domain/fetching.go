package domain

import "time"

// WrongClock is how far ahead of now a connection cannot have been read already: what says so was written by a
// process whose clock was ahead, and its due time counts for nothing.
const WrongClock = 24 * time.Hour

// FetchQueue is one kind of fetching on one platform.
type FetchQueue struct {
	Kind     string // [FetchAccounts], [FetchPosts] or [FetchTokens]
	Platform Platform
}

// The kinds of fetching.
const (
	FetchAccounts = "account_insights"
	FetchPosts    = "post_insights"
	FetchTokens   = "token_refresh"
)

// DueAccount is a social account that is due.
type DueAccount struct {
	SocialAccount int64
	DueAt         *time.Time // nil: nothing is known of it yet, it is due at once
}

// FetchClaim is social accounts that one process may read until a time, and no other. Until is of the database's clock,
// and names the claim: two of one account never end at the same time.
type FetchClaim struct {
	FetchQueue

	Until    time.Time
	Accounts []int64
}

// FetchResult is what became of one social account that was claimed.
type FetchResult struct {
	SocialAccount int64
	Read          bool
	At            time.Time
	DueAt         time.Time // when it is to be read next
	Pace          string    // a sentence: how often it is read, and why not more often; "": it stays as it was
	CallsADay     int       // that it costs at this pace
	Failures      int       // in a row
	Class         string    // of the failure; "" after a success
	Reason        string    // what was wrong and what to do; without the platform's words
	Words         string    // the platform's, which may name people: for schema kept alone
	Backfilled    bool      // all of its history is read now
	Demographics  bool      // they were read too
	TokenTakenAt  time.Time // of the token that was tried, by the clock of who brought it; zero: not known
}

// FetchTask is a connected account that is to be read, with what is known of earlier reads.
type FetchTask struct {
	ConnectedAccount
	DueAt          time.Time
	ReadAt         *time.Time // nil: never read
	Failures       int
	BackfilledAt   *time.Time
	DemographicsAt *time.Time
	Listing        PostListing
	History        FetchHistory // until BackfilledAt
	StateAt        *time.Time   // when the connection's state was recorded; nil: never
	TokenTakenAt   *time.Time   // when its stored token was taken, by a sign-in or a renewal; nil: there is none
	SignedInAt     *time.Time   // when the sign-in was that it is of; nil: there is none
}

// SignedInAgain tells whether somebody has signed in after the connection's state was recorded.
func (t FetchTask) SignedInAgain() bool {
	return t.SignedInAt != nil && t.StateAt != nil && t.SignedInAt.After(*t.StateAt)
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

// PostNote says that a post was asked for in vain, or is known under another id.
type PostNote struct {
	ExternalID string
	Class      string // of the reason
	Since      time.Time
	TriedAt    time.Time // last
}

// ConnectedAccount is a social account that can be read now, with what a reading of it must carry:
// the tenant it belongs to at this moment and whether that tenant's subscription is active.
type ConnectedAccount struct {
	Tenant
	Platform           Platform
	AccountType        AccountType
	ExternalID         string // the platform's id of the page or profile
	ConnectionID       int64
	SecretRef          string // of its tokens in schema kept
	ConnectionState    string // [ConnectionOK] or [ConnectionReconnect], as last recorded
	SubscriptionActive bool
	TrackedSince       *time.Time // its first reading for this agency; nil: none is known
}

// KnownPost is a post that metrics are read for.
type KnownPost struct {
	ExternalID  string
	PostType    string
	PublishedAt *time.Time
	ReadAt      *time.Time // its last reading; nil: never read
	MemberID    int64      // under whom it was registered last
}

// Connection states.
const (
	ConnectionOK        = "ok"
	ConnectionReconnect = "reconnect" // the platform refused the token for good; a person must sign in again
)

// ActorMeta is who the trail names for what Meta has us do: a person removed our app there, or wants to be forgotten.
const ActorMeta = "system:meta"

// ConnectionStateChanged says that a connection began or ceased to work. It is appended once per
// change, on `operations` under the agency's key.
type ConnectionStateChanged struct {
	ConnectionID int64     `json:"connection_id"`
	AccountID    string    `json:"account_id,omitempty"` // the sub-account that it belonged to; "" in old records
	MemberID     int64     `json:"member_id,omitempty"`  // whose it was; 0 in old records
	Platform     Platform  `json:"p_id"`
	State        string    `json:"state"`
	Reason       string    `json:"reason,omitempty"`
	At           time.Time `json:"at"`
}

// EventType implements [Data].
func (ConnectionStateChanged) EventType() string { return "operations.connection_state_changed.v1" }

// Validate checks what a fold relies on.
func (e ConnectionStateChanged) Validate() error { return checkPlatform(e.Platform) }
