package domain

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"
)

// GrantKey identifies the grant that a person gave to one of our apps on a platform.
type GrantKey struct {
	Platform Platform // where the person signed in, even for accounts of another platform; see [PlatformFacts.LoginBy]
	App      string   // our client id on the platform
	Person   string   // the platform's id of the person
}

// SecretRef returns the reference under which schema kept stores the person's tokens. The reference
// does not identify the person.
func (g GrantKey) SecretRef() string {
	sum := sha256.Sum256([]byte(strings.Join([]string{number(int64(g.Platform)), g.App, g.Person}, "\x00")))
	return "grant/" + hex.EncodeToString(sum[:16])
}

// ConnectionID returns the id of the grant in an agency's directory.
func (g GrantKey) ConnectionID(agency string) int64 {
	return computedID(KindConnection, agency, number(int64(g.Platform)), g.App, g.Person)
}

// appOfMain stands for a main application's app, whose id is unknown.
const appOfMain = "main_app"

// HandedOverGrant identifies the grant with which a main application registers a page. Who gave it
// is unknown, so each page has its own.
func HandedOverGrant(page PageRef) GrantKey {
	return GrantKey{page.Platform, appOfMain, number(int64(page.AccountType)) + "." + page.Platform.PlainID(page.ExternalID)}
}

// HandedOverRef returns the reference of the tokens that a main application hands over for a page
// that it registered.
func HandedOverRef(connection int64) string { return appOfMain + "/" + number(connection) }

// Grant is the set of permissions that a person granted to one of our apps, as the platform
// reported them at the last consent. Any number of pages of any agency are read with it.
type Grant struct {
	GrantKey
	Granted, Declined []string // scopes
	ConsentedAt       time.Time
	DataAccessUntil   *time.Time // when Meta stops providing data; nil if not reported
}

// SecretTimes is the metadata of a stored secret that can be read without decrypting the secret.
type SecretTimes struct {
	Taken   time.Time // when the secret was obtained
	Expires time.Time // when the secret expires; zero if never or unknown
	// RenewableUntil is the time before which a person must sign in again, because the secret can
	// then no longer be renewed or used; zero if never or unknown.
	RenewableUntil  time.Time
	DataAccessUntil time.Time // when Meta stops providing data; zero for other platforms or if unknown
	Granted         []string  // scopes as reported by the platform; nil if it was not asked or reports none
}

// RenewalClaim is the claim of the renewal of a stored token.
type RenewalClaim struct {
	ID string
	// Unfinished is set if an earlier renewal of the token did not end: its process may have stopped
	// with the renewed token.
	Unfinished bool
}

// ErrSecretRenewing (unavailable): another process renews the stored token, so it was not replaced.
var ErrSecretRenewing = NewError(CodeUnavailable,
	"The stored token is being renewed. Nothing was stored. Send the same request again in a minute.")

// TokenPlace says where a connection's tokens are stored, and holds the connection's recorded
// state.
type TokenPlace struct {
	ConnectionID int64
	Platform     Platform
	SecretRef    string     // "" if the directory names none, so no token can be stored
	StoredAt     *time.Time // when the stored token was obtained by a sign-in; nil without a token
	StateCode    StatusCode // as in [ConnectedAccount]; not that of a single page
	StateAt      *time.Time // nil if no state change was recorded
	PageStateAt  *time.Time // when it was last recorded that one of its pages needs a sign-in; nil if never
}

// HandedOver reports whether a main application supplies the connection's tokens. Otherwise they
// come from a sign-in in ledgerboard, or belong to another connection that shares them.
func (t TokenPlace) HandedOver() bool {
	switch kind, owner, _ := strings.Cut(t.SecretRef, "/"); kind {
	case "grant", "connect":
		return false
	case appOfMain:
		return owner == number(t.ConnectionID)
	default:
		return true
	}
}

// AwaitsSignIn reports whether only a new sign-in can repair the connection: a code was recorded, and
// no token was obtained after that.
func (t TokenPlace) AwaitsSignIn() bool { return t.StateCode != "" && t.notStoredSince(t.StateAt) }

// PageAwaitsSignIn is like AwaitsSignIn for any one of its pages.
func (t TokenPlace) PageAwaitsSignIn() bool {
	return t.AwaitsSignIn() || t.notStoredSince(t.PageStateAt)
}

func (t TokenPlace) notStoredSince(at *time.Time) bool {
	return at != nil && (t.StoredAt == nil || !t.StoredAt.After(*at))
}

// Taken returns the time to store with tokens obtained at now. It is later than the times of the
// recorded states and of the stored tokens, so a slow clock does not hide the sign-in.
func (t TokenPlace) Taken(now time.Time) time.Time {
	for _, earlier := range []*time.Time{t.StateAt, t.PageStateAt, t.StoredAt} {
		if earlier != nil && !now.After(*earlier) {
			now = earlier.Add(time.Microsecond)
		}
	}
	return now
}

// ConnectRequester identifies who requests a connection, and for which account.
type ConnectRequester struct {
	ParentAccount string // the agency
	AccountID     string // the account that will own the pages: a client, or the agency itself
	UserID        string // "" for a person without a login, who uses a link
	Role          string // agency or client; "" with a link
	LinkID        string // "" without a link
}

// Actor returns the actor in records about the requester.
func (c ConnectRequester) Actor() string {
	if c.UserID != "" {
		return c.UserID
	}
	return "link:" + c.LinkID
}

// ConnectStep is the progress of an attempt to connect.
type ConnectStep string

// The steps of an attempt, in order.
const (
	ConnectBegun    ConnectStep = "begun"    // requested; its start address has not been opened
	ConnectOpened   ConnectStep = "opened"   // opened in a browser, to which it is now bound
	ConnectTaken    ConnectStep = "taken"    // the platform has sent the person back; the code is being redeemed
	ConnectChoosing ConnectStep = "choosing" // the sealed tokens wait for the person's choice of pages
	ConnectDone     ConnectStep = "done"     // finished; see its outcome
)

// ConnectAttempt is one sign-in from start to outcome. It holds digests of secrets, never the
// secrets.
type ConnectAttempt struct {
	ID string // UUID; not a secret
	ConnectRequester
	Platform      Platform
	RedirectURI   string // the callback address as sent to the platform
	ReturnTo      string // the address to which the result page links; "" for none
	SocialAccount int64  // the account to reconnect; 0 if any account can be chosen
	Cookie        []byte // SHA-256 of the browser's cookie; nil until the address is opened
	Step          ConnectStep
	Outcome       *ConnectOutcome // set in step done
	CreatedAt     time.Time
	ExpiresAt     time.Time // when the current step expires; in step done: when the attempt is deleted
}

// Expired reports whether the current step has expired. A finished attempt does not expire.
func (c ConnectAttempt) Expired(now time.Time) bool {
	return c.Step != ConnectDone && !now.Before(c.ExpiresAt)
}

// ConnectOutcome is the outcome of an attempt, as the requester can see it.
type ConnectOutcome struct {
	// Refused says why nothing was connected and what to do; null if something was connected.
	Refused OptionalText `json:"refused"`
	// Declined is true if the person did not give consent on the platform; otherwise it is absent.
	Declined bool `json:"declined,omitempty"`
	// Connected lists the pages and profiles that ledgerboard now reads.
	Connected []ConnectedNow `json:"connected"`
	// FellAway lists the pages that the sign-in no longer covers, each by name and platform. They
	// need a new sign-in.
	FellAway []string `json:"fell_away"`
}

// ConnectedNow is a page or profile that was chosen.
type ConnectedNow struct {
	SocialAccountID int64    `json:"social_account_id"` // the connected profile or page, by its id
	PID             Platform `json:"p_id"`
	Name            string   `json:"name"` // name on the platform
}

// ConnectLink lets a person without a login connect pages for an account. Only the browser in which
// the link is first followed can use it.
type ConnectLink struct {
	ID            string     `json:"id"` // UUID; not a secret
	ParentAccount string     `json:"-"`
	AccountID     string     `json:"account_id"`  // the account that will own the pages
	Platforms     []Platform `json:"platforms"`   // platforms where the holder of the link can sign in: {platforms}
	MadeBy        string     `json:"made_by"`     // id of the user who created the link
	MadeRole      string     `json:"-"`           // agency or client
	MadeAt        time.Time  `json:"created_at"`  // when the link was created, in UTC
	ExpiresAt     time.Time  `json:"works_until"` // when the link expires, in UTC
	RevokedAt     *time.Time `json:"revoked_at"`  // when the link was revoked; null if it was not revoked
	Followed      bool       `json:"followed"`    // whether the link was followed in a browser
	Cookie        []byte     `json:"-"`           // SHA-256 of that browser's cookie
	// Works is false if the link has expired or was revoked, and while its creator may not connect
	// pages or its account is inactive. The link's page then returns 404.
	Works bool `json:"works" db:"-"`
}

// Open reports whether the link is neither revoked nor expired.
func (c ConnectLink) Open(now time.Time) bool { return c.RevokedAt == nil && now.Before(c.ExpiresAt) }

// PageRef identifies a page or profile on its platform.
type PageRef struct {
	Platform    Platform
	AccountType AccountType
	ExternalID  string // in plain form ([Platform.PlainID]) where pages are compared
}

// ConnectedPage is a social account with the name of the account that owns it.
type ConnectedPage struct {
	DirectorySocialAccount
	AccountName  string
	AwaitsSignIn bool // whether it waits for a new sign-in
	StateCode    StatusCode
	StateSince   *time.Time // why and since when it waits, if it does
}

// Ref returns the reference of the page with its plain id, in whichever form the directory holds
// the id.
func (c ConnectedPage) Ref() PageRef {
	return PageRef{c.Platform, c.AccountType, c.Platform.PlainID(c.ExternalID)}
}

// ConnectNames holds the names of the agency and the account for which pages are connected.
type ConnectNames struct {
	Agency, Account string
	// Subscribed reports whether the agency or the account has an active subscription. Without one,
	// nothing is read.
	Subscribed bool
}

// PageStatus is the status of a connected page or profile.
type PageStatus string

// The statuses, most severe first. A page has the first one that applies.
const (
	PageDisconnected PageStatus = "disconnected" // it is no longer connected; its figures are kept
	PageReconnect    PageStatus = "reconnect"    // a person must sign in to the platform again
	PagePaused       PageStatus = "paused"       // an operator has paused it or its platform
	PageUnsubscribed PageStatus = "unsubscribed" // neither the account nor its agency has an active subscription
	PageBlocked      PageStatus = "blocked"      // the platform rejects it because of a policy
	PagePermission   PageStatus = "permission"   // a permission is missing
	PageThrottled    PageStatus = "throttled"    // the quota is used up; reading resumes automatically
	PageFailing      PageStatus = "failing"      // the last reading failed and is retried automatically
	PageWaiting      PageStatus = "waiting"      // it has not been read yet
	PageOK           PageStatus = "ok"           // no problem; the reasons name a part that was not read
)

// PageStatuses returns all statuses.
func PageStatuses() []PageStatus {
	return []PageStatus{
		PageDisconnected, PageReconnect, PagePaused, PageUnsubscribed, PageBlocked,
		PagePermission, PageThrottled, PageFailing, PageWaiting, PageOK,
	}
}

// ConnectionStatus is how a page or profile is connected and read.
type ConnectionStatus struct {
	Status PageStatus `json:"status"` // current status
	// Reasons explain the status, the first one before all others. If a person must sign in again,
	// they also mention an operator's pause and a missing subscription. Empty if there is no problem.
	Reasons []StatusReason `json:"reasons"`
	Text    OptionalText   `json:"text"` // the reasons in sentences, for people; null without a reason
	// Since is when it was disconnected or paused, or since when it waits for a sign-in. Null for
	// other statuses and if unknown.
	Since *time.Time `json:"since"`
}

// Read reports whether the page is read when it is due.
func (c ConnectionStatus) Read() bool {
	switch c.Status {
	case PageDisconnected, PageReconnect, PagePaused, PageUnsubscribed:
		return false
	default:
		return true
	}
}

// Remedy returns what helps so that the page is read; [RemedyNone] if it is read, or if that is
// intended.
func (c ConnectionStatus) Remedy() Remedy {
	if c.Status == PageOK || len(c.Reasons) == 0 {
		return RemedyNone
	}
	return c.Reasons[0].Code.Remedy()
}

// FirstReading is the progress of a page's first reading.
type FirstReading struct {
	SocialAccountID int64 `json:"social_account_id"` // the connected profile or page, by its id
	// ReadAt is the time of the newest reading since the page was connected, in UTC; null before
	// the first one.
	ReadAt *time.Time `json:"last_read_at"`
	ConnectionStatus
}

// ConnectLinkChanged records that a link for connecting was created, followed for the first time,
// or revoked. It is appended to `operations` under the agency's key. The envelope holds the actor.
type ConnectLinkChanged struct {
	Link      string     `json:"link"`       // id of the link
	Change    string     `json:"change"`     // "made", "followed" or "revoked"
	AccountID string     `json:"account_id"` // the account, 24 hex digits
	Platforms []Platform `json:"platforms"`  // platforms where the holder of the link can sign in
	ExpiresAt time.Time  `json:"expires_at"` // when the link expires, UTC
}

// The changes to a link.
const (
	ConnectLinkMade     = "made"
	ConnectLinkFollowed = "followed"
	ConnectLinkRevoked  = "revoked"
)

// EventType implements [Data].
func (ConnectLinkChanged) EventType() string { return "operations.connect_link_changed.v1" }

// Validate checks what a fold depends on.
func (c ConnectLinkChanged) Validate() error { return checkLengths(c.Link, c.AccountID) }
