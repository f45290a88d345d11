package domain

import (
	"cmp"
	"time"
)

// WrongClock is how far in the future a recorded time must be to be attributed to a fast clock and
// ignored.
const WrongClock = 24 * time.Hour

// FetchQueue is one kind of fetching for one platform.
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

// FetchWanted says which accounts of a queue a process wants to read.
type FetchWanted struct {
	FetchQueue

	Limit   int           // of the accounts
	Lasts   time.Duration // how long no other process may read them
	OnlyNew bool          // leaves out those that were read or tried before
}

// FetchClaim is a set of social accounts that only one process may read until a time of the
// database clock. Until identifies the claim: no two claims of an account expire at the same time.
type FetchClaim struct {
	FetchQueue

	Until time.Time
	Tasks []FetchTask // the most overdue first
}

// Accounts returns the ids of the claimed social accounts.
func (f FetchClaim) Accounts() []int64 {
	ids := make([]int64, len(f.Tasks))
	for i, t := range f.Tasks {
		ids[i] = t.SocialAccount
	}
	return ids
}

// FetchResult is the result for one claimed social account.
type FetchResult struct {
	SocialAccount int64
	Read          bool          // whether the reading succeeded
	At            time.Time     // when the reading was finished
	DueAt         time.Time     // time of the next reading, by which claims are ordered
	NotBefore     time.Time     // earliest time of the next reading if this one failed for a time; otherwise zero
	Pace          *Pace         // nil leaves it unchanged
	Failures      int           // consecutive
	Reason        *StatusReason // why it failed, or a part of it; nil after a success
	Words         string        // the platform's text, which may name people; stored only in schema kept
	Backfilled    bool          // the whole history has been read
	Demographics  bool          // demographics were read too
	Listing       *PostListing  // how far posts have been listed; nil leaves it unchanged
	// TokenTakenAt is when the token that was tried was obtained, by the clock of the process that
	// stored it; zero if unknown.
	TokenTakenAt time.Time
}

// FetchTask is a connected account to be read, with the state of earlier readings.
type FetchTask struct {
	ConnectedAccount
	DueAt          time.Time
	ReadAt         *time.Time // nil if never read
	Failures       int
	BackfilledAt   *time.Time
	DemographicsAt *time.Time
	Pace           Pace // of its last reading
	Listing        PostListing
	History        FetchHistory // meaningful until BackfilledAt is set
	StateAt        *time.Time   // when the connection's state was recorded; nil if never
	TokenTakenAt   *time.Time   // when its stored token was obtained, by a sign-in or a renewal; nil if absent
	SignedInAt     *time.Time   // when the person signed in to obtain the token; nil if absent
}

// SignedInAgain reports whether a person signed in after the connection's state was recorded.
func (f FetchTask) SignedInAgain() bool {
	return f.SignedInAt != nil && f.StateAt != nil && f.SignedInAt.After(*f.StateAt)
}

// FetchHistory records how much of a social account's history was read, and the result of the last
// attempt.
type FetchHistory struct {
	From      *time.Time    // midnight UTC: this day and later days were read; nil if none were
	Failures  int           // consecutive
	NotBefore *time.Time    // earliest time of the next attempt
	Reason    *StatusReason // as in [FetchResult]
	Words     string        // the platform's text, which may name people; stored only in schema kept and not read back
}

// PostListing records how much of a social account's list of posts was read. A pass goes from the
// newest post to older ones and can take several rounds.
type PostListing struct {
	Cursor string     // where the unfinished pass continues; "" if every pass is finished
	Began  *time.Time // when the unfinished pass began
	// To is when the last finished pass began: posts published before that time are known. It is
	// nil if no pass has finished.
	To *time.Time
	// Whole is when the last finished pass through the whole list began; nil if there was none.
	Whole *time.Time
}

// PostNote records that a reading of a post failed, or that the post is known under another id.
type PostNote struct {
	ExternalID string
	Code       StatusCode // why, or same_as_another
	Since      time.Time  // when the post was first noted with the code
	TriedAt    time.Time  // time of the last attempt
}

// ConnectedAccount is a social account that can be read now. It includes the values that are
// recorded with a reading: the current tenant, and whether the tenant's subscription is active.
type ConnectedAccount struct {
	Tenant
	Platform           Platform
	AccountType        AccountType
	ExternalID         string // the platform's id of the page or profile
	ConnectionID       int64
	SecretRef          string     // of its tokens in schema kept
	StateCode          StatusCode // why a person must sign in again, as last recorded; "" if the connection works
	StateOfPage        bool       // whether StateCode is about this page only, not all pages of the connection
	SubscriptionActive bool
	TrackedSince       *time.Time // its first reading for this agency; nil if unknown
}

// KnownPost is a post whose metrics are read.
type KnownPost struct {
	ExternalID  string
	PostType    string
	PublishedAt *time.Time
	ReadAt      *time.Time // its last reading; nil if never read
	MemberID    int64      // the member under whom it was last registered
	// HadFigures and HadShares report whether the last known figures, or shares, for the agency are
	// other than 0.
	HadFigures, HadShares bool
}

// ActorMeta is the actor in records of requests from Meta: a person removed our app, or requested
// the deletion of their data.
const ActorMeta = "system:meta"

// ConnectionStateChanged records that a connection, or one of its pages, started or stopped working.
// It is appended once per change, to `operations` under the agency's key.
type ConnectionStateChanged struct {
	ConnectionID int64 `json:"connection_id"` // number of the connection
	// SocialAccount is the only page that is concerned; absent if all pages of the connection are.
	SocialAccount int64           `json:"social_account_id,omitempty"`
	AccountID     string          `json:"account_id"` // sub-account that owned the connection
	MemberID      int64           `json:"member_id"`  // member who owned the connection
	Platform      Platform        `json:"p_id"`
	Code          StatusCode      `json:"code,omitempty"`     // why a person must sign in again; absent if it works
	Answer        *PlatformAnswer `json:"platform,omitempty"` // the answer with which the platform refused the token
	At            time.Time       `json:"at"`                 // when the state began, or was found again
	// Since is when a state that was found again began; absent if it begins now. No one is notified
	// again.
	Since *time.Time `json:"since,omitempty"`
}

// EventType implements [Data].
func (ConnectionStateChanged) EventType() string { return "operations.connection_state_changed.v1" }

// Validate checks what a fold depends on.
func (c ConnectionStateChanged) Validate() error {
	return cmp.Or(checkKnown(c.Platform), checkCode(string(c.Code)), checkAnswer(c.Answer))
}

// Reason returns why a person must sign in again; nil if the connection works.
func (c ConnectionStateChanged) Reason() *StatusReason {
	if c.Code == "" {
		return nil
	}
	return &StatusReason{Code: c.Code, Answer: c.Answer}
}
