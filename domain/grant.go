package domain

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"
)

// GrantKey names what one person gave one of our apps at a platform.
type GrantKey struct {
	Platform Platform // where the person signed in: [Facebook] also for the Instagram accounts behind its pages
	App      string   // our client id there
	Person   string   // the platform's id of the person
}

// SecretRef names the person's tokens in schema kept, without saying whose they are.
func (k GrantKey) SecretRef() string {
	sum := sha256.Sum256([]byte(strings.Join([]string{number(int64(k.Platform)), k.App, k.Person}, "\x00")))
	return "grant/" + hex.EncodeToString(sum[:16])
}

// Grant is what one person gave one of our apps, as the platform said at the last consent. Connections of any agency hang on it.
type Grant struct {
	GrantKey
	Granted, Declined []string // scopes
	ConsentedAt       time.Time
	DataAccessUntil   *time.Time // when Meta gives no data any more; nil: it did not say
}

// GrantedConnection is a connection that hangs on a grant.
type GrantedConnection struct {
	ConnectionID  int64
	ParentAccount string
	Platform      Platform // of what it reads
	TokenOf       string   // the platform's id of whose token it is: a page with its own, else the person
	SecretRef     string   // of that token
}

// SecretTimes are what may be known of a stored secret by whoever cannot open it.
type SecretTimes struct {
	Taken   time.Time // when it was given
	Expires time.Time // when it ends; zero: never, or not known
	// RenewableUntil is when it cannot be renewed any more, or ends where it cannot be renewed at all; zero: never, or
	// not known.
	RenewableUntil time.Time
	// DataAccessUntil is when Meta gives no data with it any more; zero: other platforms, or not known.
	DataAccessUntil time.Time
	// Granted are the scopes that the platform says it has, in their order; nil: it was not asked, or does not say.
	Granted []string
}
