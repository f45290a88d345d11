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
}

// KnownPost is a post that metrics are read for.
type KnownPost struct {
	ExternalID  string
	PostType    string
	PublishedAt *time.Time
	ReadAt      *time.Time // its last reading; nil: never read
	MemberID    int64      // under whom it was registered last
}
