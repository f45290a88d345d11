package domain

import "time"

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
