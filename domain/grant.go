package domain

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
	"time"
)

// GrantKey names what one person gave one of our apps at a platform.
type GrantKey struct {
	Platform Platform // where the person signed in, also for accounts of another platform, see [PlatformFacts.LoginBy]
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

// TokenPlace is a connection as whoever stores its tokens must know it.
type TokenPlace struct {
	ConnectionID int64
	Platform     Platform
	SecretRef    string     // "": the directory names none, so nothing can be stored for it
	StoredAt     *time.Time // when somebody signed in whose token it is; nil: there is none
	State        string     // [ConnectionOK] or [ConnectionReconnect], as last recorded
	StateAt      *time.Time // nil: no change of its state was ever recorded
}

// HandedOver tells whether a main application hands over the connection's tokens: else they are of a sign-in here, which other connections
// may share, or their place is not the connection's alone.
func (p TokenPlace) HandedOver() bool {
	if Computed(p.ConnectionID) {
		return p.SecretRef == RegisteredSecretRef(p.ConnectionID)
	}
	for _, ours := range []string{"grant/", "connect/", appOfMain + "/"} {
		if strings.HasPrefix(p.SecretRef, ours) {
			return false
		}
	}
	of, err := strconv.ParseInt(strings.TrimPrefix(p.SecretRef, "connection/"), 10, 64)
	return err != nil || !Computed(of)
}

// AwaitsSignIn tells whether only a person can mend the connection: that is recorded, and no token was
// stored since.
func (p TokenPlace) AwaitsSignIn() bool {
	return p.State == ConnectionReconnect && p.StateAt != nil && (p.StoredAt == nil || !p.StoredAt.After(*p.StateAt))
}

// Taken is the time to store with tokens that were given at now: later than the recorded state, so that a
// clock that is behind the one of whoever recorded it does not hide the sign-in.
func (p TokenPlace) Taken(now time.Time) time.Time {
	if p.StateAt != nil && !now.After(*p.StateAt) {
		return p.StateAt.Add(time.Microsecond)
	}
	return now
}
