package domain

import "time"

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
