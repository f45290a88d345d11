package domain

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
)

// DirectoryEntity is a payload on `directory`: the whole latest state of one reference entity of
// the main application. The key of its record is [EntityKey].
type DirectoryEntity interface {
	Data
	EntityID() string
}

// EntityKind returns the kind of an entity, from its type "directory.<kind>.v1".
func EntityKind(e DirectoryEntity) string { return strings.Split(e.EventType(), ".")[1] }

// The kinds of entities. A directory key begins with one of them.
const (
	KindAccount        = "account"
	KindUser           = "user"
	KindOrder          = "order"
	KindSession        = "session"
	KindMember         = "member"
	KindConnection     = "connection"
	KindDefaultAccount = "default_account"
	KindSocialAccount  = "social_account"
	KindPlannedPost    = "planned_post"
	KindSubscription   = "subscription"
	KindCategory       = "category"
)

// DirectoryKey returns the log key of an entity. A tombstone, a record with an empty value, erases
// the entity.
func DirectoryKey(kind, id string) string { return kind + ":" + id }

// EntityKey returns the log key of an entity.
func EntityKey(e DirectoryEntity) string { return DirectoryKey(EntityKind(e), e.EntityID()) }

// SplitDirectoryKey parses a [DirectoryKey].
func SplitDirectoryKey(key string) (kind, id string, err error) {
	kind, id, ok := strings.Cut(key, ":")
	if !ok || kind == "" || id == "" {
		return "", "", fmt.Errorf("directory key %q is not kind:id", key)
	}
	return kind, id, nil
}

// DirectoryAccount is an agency (no parent) or one of its sub-accounts.
type DirectoryAccount struct {
	ID            string `json:"id" hex:"required"`                       // 24 hex digits
	RowID         int64  `json:"row_id"`                                  // the `accountId` in paths of the analytics endpoints
	ParentAccount string `json:"parent_account,omitempty" hex:"optional"` // "" for an agency
	Name          string `json:"name"`                                    // name, as in the directory
	Email         string `json:"email,omitempty"`                         // email address
	Phone         string `json:"phone,omitempty"`                         // telephone number
	Address       string `json:"address,omitempty"`                       // postal address
	CustomDomain  string `json:"custom_domain,omitempty"`                 // agencies: host of login_url, preferred to white_label_url
	// For agencies: the white-label address, used in login_url if there is no custom domain.
	WhiteLabelURL string `json:"white_label_url,omitempty"`
	Color         string `json:"colour,omitempty"` // agencies: #rrggbb, used in reports for their clients; "" for none
	// For agencies: a PNG or JPEG as a data URI (RFC 2397) in base64, at most 64 KiB and 1200 pixels wide and high, which
	// boards and reports show to their clients; "" for none.
	Logo string `json:"logo,omitempty"`
	// IANA name of the time zone of the account's days in the console; "" for a client: that of its agency
	TimeZone string `json:"time_zone,omitempty"`
	Active   bool   `json:"active"` // whether the account is active
}

// DirectoryUser is a person who can sign in.
type DirectoryUser struct {
	ID           string    `json:"id" hex:"required"`         // 24 hex digits
	AccountID    string    `json:"account_id" hex:"required"` // agency or sub-account, 24 hex digits
	Name         string    `json:"name"`                      // name, as in the directory
	Email        string    `json:"email,omitempty"`           // email address
	Phone        string    `json:"phone,omitempty"`           // telephone number
	Image        string    `json:"image,omitempty"`           // URL of a picture; may be empty
	MeetingLink  string    `json:"meeting_link,omitempty"`    // URL for scheduling a meeting; may be empty
	Role         string    `json:"role,omitempty"`            // for display; grants no rights
	Company      string    `json:"company,omitempty"`         // the company that the user works for
	IsOwner      bool      `json:"is_owner"`                  // whether the user owns the account
	Active       bool      `json:"active"`                    // whether the user is active
	ResetPending bool      `json:"reset_pending"`             // whether a password reset is pending; the user is shown as inactive
	CreatedAt    time.Time `json:"created_at,omitzero"`       // when it was created, UTC
	UpdatedAt    time.Time `json:"updated_at,omitzero"`       // when it was last changed, UTC
}

// UserStatus is the status of a user, and of the account that the user claims, for authorization.
type UserStatus struct {
	Known   bool   // the user is in the directory
	Active  bool   // the user is active; a pending password reset does not matter
	Account string // the user's account in the directory
	Email   string // may be empty
	Erased  bool   // the user is not in the directory, because an operator erased the person

	AccountKnown  bool // the claimed account is in the directory
	AccountActive bool // the claimed account is active
	SubAccount    bool // the claimed account belongs to a client, not to an agency
}

// DirectoryOrder is a client's order with its agency. It determines the points of contact.
type DirectoryOrder struct {
	ID            string   `json:"id" hex:"any"`                  // any text
	Buyer         string   `json:"buyer" hex:"required"`          // sub-account, 24 hex digits
	Seller        string   `json:"seller" hex:"required"`         // agency, 24 hex digits
	ProductType   string   `json:"product_type"`                  // type of the product that was ordered
	AssignedUsers []string `json:"assigned_users" hex:"required"` // users of the agency, 24 hex digits each
}

// DirectorySession is one sign-in. `last_login` is the time of a user's newest session.
type DirectorySession struct {
	ID      string    `json:"id" hex:"any"`           // any text
	UserID  string    `json:"user_id" hex:"required"` // 24 hex digits
	LoginAt time.Time `json:"login_at"`               // when the user signed in, UTC
}

// DirectoryMember is a person in an account who owns social connections.
type DirectoryMember struct {
	ID        int64  `json:"id"`                               // number of the member. Positive.
	AccountID string `json:"account_id" hex:"required"`        // the account, 24 hex digits
	UserID    string `json:"user_id,omitempty" hex:"optional"` // 24 hex digits; "" for a member who is not a user
	Name      string `json:"name"`                             // name, as in the directory
	Active    bool   `json:"active"`                           // whether the member is active
}

// DirectoryConnection is a member's authorization on a platform (`tMemberAuth`), a grant: what one
// person granted to one app. Any number of pages are read with it. `secret_ref` is the reference of
// its sealed secrets in schema `kept`.
type DirectoryConnection struct {
	ID          int64       `json:"id"`        // number of the connection. Positive.
	MemberID    int64       `json:"member_id"` // the member who owns the connection
	Platform    Platform    `json:"p_id"`
	AccountType AccountType `json:"a_type,omitempty"`
	// Reference to the sealed tokens; absent if no tokens are stored.
	SecretRef string `json:"secret_ref,omitempty"`
	// When the access token expires, UTC; absent if never or unknown.
	ExpiresAt *time.Time `json:"expires_at,omitempty"`
	CreatedAt time.Time  `json:"created_at,omitzero"` // when it was created, UTC
	UpdatedAt time.Time  `json:"updated_at,omitzero"` // when it was last changed, UTC
}

// DirectoryDefaultAccount is the social account that a member opens by default (`tDefaultAccount`).
type DirectoryDefaultAccount struct {
	MemberID      int64 `json:"member_id"`         // the member
	SocialAccount int64 `json:"social_account_id"` // the connected profile or page
}

// DirectorySocialAccount is one connected profile or page (`tSAccounts`).
type DirectorySocialAccount struct {
	ID            int64       `json:"id"`                            // number of the social account. Positive.
	ParentAccount string      `json:"parent_account" hex:"required"` // the agency, 24 hex digits
	AccountID     string      `json:"account_id" hex:"required"`     // the account, 24 hex digits
	MemberID      int64       `json:"member_id"`                     // id of the member who owns the connection
	ConnectionID  int64       `json:"connection_id"`                 // the connection that the social account uses
	Platform      Platform    `json:"p_id"`
	AccountType   AccountType `json:"a_type,omitempty"`
	ExternalID    string      `json:"external_id"` // the platform's id
	Name          string      `json:"name"`        // name on the platform
	Connected     bool        `json:"connected"`   // whether the page or profile is read
	// Ended says why it is no longer connected; "" if the main application disconnected it.
	Ended     StatusCode `json:"ended,omitempty"`
	CreatedAt time.Time  `json:"created_at,omitzero"` // when it was created, UTC
	UpdatedAt time.Time  `json:"updated_at,omitzero"` // when it was last changed, UTC
}

// DirectoryPlannedPost links a post to its category (`tContentPlanner`).
type DirectoryPlannedPost struct {
	ID            int64  `json:"id"`                        // number of the planner entry. Positive.
	AccountID     string `json:"account_id" hex:"required"` // the account, 24 hex digits
	SocialAccount int64  `json:"social_account_id"`         // the connected profile or page, by its id
	ExternalID    string `json:"external_id,omitempty"`     // the platform's id of the post; "" until published
	CategoryID    int64  `json:"c_id"`                      // content category
	// When the post is to be published, UTC; absent if it is not scheduled.
	ScheduledAt *time.Time `json:"scheduled_at,omitempty"`
}

// DirectorySubscription is an account's subscription (`tSubscriptions`).
type DirectorySubscription struct {
	ID         int64      `json:"id"`                        // number of the subscription. Positive.
	AccountID  string     `json:"account_id" hex:"required"` // the account, 24 hex digits
	Plan       string     `json:"plan"`                      // name of the plan
	PriceMinor *int64     `json:"price_minor,omitempty"`     // per month, in minor units of ISO 4217; null if unknown
	Currency   string     `json:"currency,omitempty"`        // ISO 4217
	StartsAt   time.Time  `json:"starts_at"`                 // when the subscription begins, UTC
	EndsAt     *time.Time `json:"ends_at,omitempty"`         // null if open-ended
}

// DirectoryCategory is one content category (`tDefaultCategories`).
type DirectoryCategory struct {
	ID   int64  `json:"id"`   // number of the category. Positive.
	Name string `json:"name"` // name, as in the directory
}

// inField names the field of an error; nil stays nil.
func inField(name string, err error) error {
	if err != nil {
		err = fmt.Errorf("%s %w", name, err)
	}
	return err
}

// Validate checks what a fold depends on.
func (d DirectoryAccount) Validate() error {
	return errors.Join(checkLengths(d.ID, d.ParentAccount), inField("colour", CheckColor(d.Color)), inField("logo", checkLogo(d.Logo)))
}

// Validate checks what a fold depends on.
func (d DirectoryUser) Validate() error { return checkLengths(d.ID, d.AccountID) }

// Validate checks what a fold depends on.
func (d DirectoryOrder) Validate() error { return checkLengths(d.ID, d.Buyer, d.Seller) }

// Validate checks what a fold depends on.
func (d DirectorySession) Validate() error { return checkLengths(d.ID, d.UserID) }

// Validate checks what a fold depends on.
func (d DirectoryMember) Validate() error { return checkLengths(d.AccountID) }

// Validate checks what a fold depends on.
func (d DirectoryConnection) Validate() error {
	return errors.Join(checkKnown(d.Platform), checkAccountType(d.AccountType))
}

// Validate checks what a fold depends on.
func (d DirectorySocialAccount) Validate() error {
	return errors.Join(
		checkKnown(d.Platform), checkAccountType(d.AccountType), checkLengths(d.ParentAccount, d.AccountID),
		checkEnd(d.Ended),
	)
}

func checkEnd(code StatusCode) error {
	switch code {
	case "", StatusErased, StatusDeauthorized, StatusDeletionAsked,
		StatusEndedByAgency, StatusEndedByClient, StatusEndedInMainApp:
		return nil
	}
	return fmt.Errorf("ended %.40q is not a code of an account that is no longer connected", string(code))
}

// Validate checks what a fold depends on.
func (d DirectoryPlannedPost) Validate() error { return checkLengths(d.ExternalID) }

// Validate checks what a fold depends on.
func (d DirectorySubscription) Validate() error {
	if d.Currency != "" && !currencyForm.MatchString(d.Currency) {
		return fmt.Errorf("currency %.20q is not a code of ISO 4217; write it like EUR", d.Currency)
	}
	return checkLengths(d.AccountID)
}

var currencyForm = regexp.MustCompile(`^[A-Za-z]{3}$`)

// EventType implements [Data].
func (DirectoryAccount) EventType() string { return "directory.account.v1" }

// EventType implements [Data].
func (DirectoryUser) EventType() string { return "directory.user.v1" }

// EventType implements [Data].
func (DirectoryOrder) EventType() string { return "directory.order.v1" }

// EventType implements [Data].
func (DirectorySession) EventType() string { return "directory.session.v1" }

// EventType implements [Data].
func (DirectoryMember) EventType() string { return "directory.member.v1" }

// EventType implements [Data].
func (DirectoryConnection) EventType() string { return "directory.connection.v1" }

// EventType implements [Data].
func (DirectoryDefaultAccount) EventType() string { return "directory.default_account.v1" }

// EventType implements [Data].
func (DirectorySocialAccount) EventType() string { return "directory.social_account.v1" }

// EventType implements [Data].
func (DirectoryPlannedPost) EventType() string { return "directory.planned_post.v1" }

// EventType implements [Data].
func (DirectorySubscription) EventType() string { return "directory.subscription.v1" }

// EventType implements [Data].
func (DirectoryCategory) EventType() string { return "directory.category.v1" }

// EntityID implements [DirectoryEntity].
func (d DirectoryAccount) EntityID() string { return d.ID }

// EntityID implements [DirectoryEntity].
func (d DirectoryUser) EntityID() string { return d.ID }

// EntityID implements [DirectoryEntity].
func (d DirectoryOrder) EntityID() string { return d.ID }

// EntityID implements [DirectoryEntity].
func (d DirectorySession) EntityID() string { return d.ID }

// EntityID implements [DirectoryEntity].
func (d DirectoryMember) EntityID() string { return number(d.ID) }

// EntityID implements [DirectoryEntity].
func (d DirectoryConnection) EntityID() string { return number(d.ID) }

// EntityID implements [DirectoryEntity].
func (d DirectoryDefaultAccount) EntityID() string { return number(d.MemberID) }

// EntityID implements [DirectoryEntity].
func (d DirectorySocialAccount) EntityID() string { return number(d.ID) }

// EntityID implements [DirectoryEntity].
func (d DirectoryPlannedPost) EntityID() string { return number(d.ID) }

// EntityID implements [DirectoryEntity].
func (d DirectorySubscription) EntityID() string { return number(d.ID) }

// EntityID implements [DirectoryEntity].
func (d DirectoryCategory) EntityID() string { return number(d.ID) }

// RecordedEntity is the stored state of an entity of topic `directory`.
type RecordedEntity struct {
	At     time.Time // time of the state
	Entity DirectoryEntity
}

// CompactedRecord holds the values that decide whether an incoming state replaces the stored one.
type CompactedRecord struct {
	At     time.Time // time of the state or of the erasure
	Erased bool      // true for a tombstone
}

// Replaces reports whether a state replaces the stored one: if it is later (to the microsecond, the
// resolution of the tables), or if it is a tombstone with the same time. In the log itself, the
// last record of a key is the current state.
func (c CompactedRecord) Replaces(before CompactedRecord) bool {
	next, stored := c.At.Truncate(time.Microsecond), before.At.Truncate(time.Microsecond)
	return next.After(stored) || next.Equal(stored) && c.Erased && !before.Erased
}
