package domain

import "time"

// ConnectRequester is who asks for something to be connected, and for whom.
type ConnectRequester struct {
	ParentAccount string // the agency
	AccountID     string // whose pages they become: a client, or the agency itself
	UserID        string // "": somebody without a login, by a link
	Role          string // agency or client; "" by a link
	LinkID        string // "" without a link
}

// Actor is how a record names who asks.
func (r ConnectRequester) Actor() string {
	if r.UserID != "" {
		return r.UserID
	}
	return "link:" + r.LinkID
}

// ConnectStep is how far an attempt to connect came.
type ConnectStep string

// The steps of an attempt, in their order.
const (
	ConnectBegun    ConnectStep = "begun"    // asked for; its address was not opened
	ConnectOpened   ConnectStep = "opened"   // in a browser, to which it is bound
	ConnectTaken    ConnectStep = "taken"    // the platform has sent the person back; the code is being redeemed
	ConnectChoosing ConnectStep = "choosing" // the tokens wait, sealed, for the choice
	ConnectDone     ConnectStep = "done"     // see its outcome
)

// ConnectAttempt is one sign-in from its beginning to what came of it. It holds digests, never what they are of.
type ConnectAttempt struct {
	ID string // UUID; no secret
	ConnectRequester
	Platform      Platform
	RedirectURI   string // of the platform's call-back, byte by byte
	ReturnTo      string // where the result page leads; "": nowhere
	SocialAccount int64  // that is to be connected again; 0: none, whatever is chosen
	Cookie        []byte // SHA-256 of the browser's cookie; nil until it is opened
	Step          ConnectStep
	Outcome       *ConnectOutcome // of step done
	CreatedAt     time.Time
	ExpiresAt     time.Time // of the present step; when done: when it is forgotten
}

// Over tells whether the present step came to its end without the next.
func (a ConnectAttempt) Over(now time.Time) bool {
	return a.Step != ConnectDone && !now.Before(a.ExpiresAt)
}

// ConnectOutcome is what came of an attempt, as whoever asked may see it.
type ConnectOutcome struct {
	// Refused says why nothing was connected, and what to do; null: something was.
	Refused OptionalText `json:"refused"`
	// Declined says that the person did not agree at the platform; absent: nothing of the kind.
	Declined bool `json:"declined,omitempty"`
	// Connected are the pages and profiles that are read from now on.
	Connected []ConnectedNow `json:"connected"`
	// FellAway are the names of pages that the sign-in no longer covers: they wait for another one.
	FellAway []string `json:"fell_away"`
}

// ConnectedNow is a page or profile that was chosen.
type ConnectedNow struct {
	SocialAccountID int64    `json:"social_account_id"`
	PID             Platform `json:"p_id"`
	Name            string   `json:"name"` // as the platform shows it
}

// ConnectLink lets somebody without a login connect pages for an account, in the browser that followed it first.
type ConnectLink struct {
	ID            string     `json:"id"` // UUID; no secret
	ParentAccount string     `json:"-"`
	AccountID     string     `json:"account_id"`  // whose pages they become
	Platforms     []Platform `json:"platforms"`   // where whoever has it may sign in: {platforms}
	MadeBy        string     `json:"made_by"`     // a user's id
	MadeRole      string     `json:"-"`           // agency or client
	MadeAt        time.Time  `json:"created_at"`  // when it was made, in UTC
	ExpiresAt     time.Time  `json:"works_until"` // when it ends, in UTC
	RevokedAt     *time.Time `json:"revoked_at"`  // null: it was not taken back
	Followed      bool       `json:"followed"`    // whether a browser holds it
	Cookie        []byte     `json:"-"`           // SHA-256 of that browser's cookie
}

// Open tells whether the link may be used at a time.
func (l ConnectLink) Open(now time.Time) bool { return l.RevokedAt == nil && now.Before(l.ExpiresAt) }

// PageRef is a page or profile as the platform knows it.
type PageRef struct {
	Platform    Platform
	AccountType AccountType
	ExternalID  string // plain ([Platform.PlainID]) where pages are compared
}

// ConnectedPage is a social account with the name of the account that has it.
type ConnectedPage struct {
	DirectorySocialAccount
	AccountName string
}

// Ref is the page as the platform knows it, with its plain id, however the directory was told it.
func (p ConnectedPage) Ref() PageRef {
	return PageRef{p.Platform, p.AccountType, p.Platform.PlainID(p.ExternalID)}
}

// ConnectNames are the names of those for whom something is connected.
type ConnectNames struct {
	Agency, Account string
	Subscribed      bool // whether a subscription of either runs: without one nothing is read
}

// FirstReading is how far the first reading of a page came.
type FirstReading struct {
	SocialAccountID int64        `json:"social_account_id"`
	ReadAt          *time.Time   `json:"last_read_at"` // of its newest reading since then, in UTC; null: there is none yet
	Reason          OptionalText `json:"reason"`       // why not, and what to do; null: it is about to be read
	Class           string       `json:"-"`            // of that reason, as a platform's client tells failures apart, or paused; "": no reason
}

// ConnectLinkChanged says that a link for connecting was made, followed for the first time, or taken back. It stands on `operations`
// under the agency's key; who did it stands in the envelope.
type ConnectLinkChanged struct {
	Link      string     `json:"link"`   // its id
	Change    string     `json:"change"` // made, followed or revoked
	AccountID string     `json:"account_id"`
	Platforms []Platform `json:"platforms"`
	ExpiresAt time.Time  `json:"expires_at"`
}

// What becomes of a link.
const (
	ConnectLinkMade     = "made"
	ConnectLinkFollowed = "followed"
	ConnectLinkRevoked  = "revoked"
)

// EventType implements [Data].
func (ConnectLinkChanged) EventType() string { return "operations.connect_link_changed.v1" }

// Validate checks what a fold relies on.
func (e ConnectLinkChanged) Validate() error { return checkLengths(e.Link, e.AccountID) }
