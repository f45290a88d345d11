package domain

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
	"time"
)

// GrantKey identifies the grant of one person to one of our apps at a platform.
type GrantKey struct {
	Platform Platform // where the person signed in, also for accounts of another platform; see [PlatformFacts.LoginBy]
	App      string   // our client id at the platform
	Person   string   // the platform's id of the person
}

// SecretRef returns the reference of the person's tokens in schema kept. It does not reveal the
// person.
func (k GrantKey) SecretRef() string {
	sum := sha256.Sum256([]byte(strings.Join([]string{number(int64(k.Platform)), k.App, k.Person}, "\x00")))
	return "grant/" + hex.EncodeToString(sum[:16])
}

// Grant is what one person granted to one of our apps, as the platform reported at the last
// consent. Connections of any agency can depend on it.
type Grant struct {
	GrantKey
	Granted, Declined []string // scopes
	ConsentedAt       time.Time
	DataAccessUntil   *time.Time // when Meta stops providing data; nil if not reported
}

// GrantedConnection is a connection that depends on a grant.
type GrantedConnection struct {
	ConnectionID  int64
	ParentAccount string
	Platform      Platform // of the accounts that it reads
	TokenOf       string   // the platform's id of the token's owner: the page if it has its own token, otherwise the person
	SecretRef     string   // of that token
}

// SecretTimes is the metadata of a stored secret that can be read without opening it.
type SecretTimes struct {
	Taken   time.Time // when it was obtained
	Expires time.Time // when it expires; zero if never or unknown
	// RenewableUntil is when it can no longer be renewed, or when it expires if it cannot be
	// renewed; zero if never or unknown.
	RenewableUntil time.Time
	// DataAccessUntil is when Meta stops providing data with it; zero for other platforms or if
	// unknown.
	DataAccessUntil time.Time
	// Granted lists the scopes that the platform reports, in order; nil if it was not asked or does
	// not report them.
	Granted []string
}

// TokenPlace is what code that stores a connection's tokens must know about the connection.
type TokenPlace struct {
	ConnectionID int64
	Platform     Platform
	SecretRef    string     // "" if the directory names none, so no token can be stored
	StoredAt     *time.Time // when its token was obtained by a sign-in; nil if absent
	State        string     // [ConnectionOK] or [ConnectionReconnect], as last recorded
	StateReason  string     // the reason recorded with the state
	StateAt      *time.Time // nil if no state change was recorded
}

// HandedOver reports whether a main application supplies the connection's tokens. Otherwise the
// tokens come from a sign-in in ledgerboard and other connections may share them, or the connection
// shares its secret with others.
func (p TokenPlace) HandedOver() bool {
	if IsComputedID(p.ConnectionID) {
		return p.SecretRef == RegisteredSecretRef(p.ConnectionID)
	}
	for _, prefix := range []string{"grant/", "connect/", appOfMain + "/"} {
		if strings.HasPrefix(p.SecretRef, prefix) {
			return false
		}
	}
	owner, err := strconv.ParseInt(strings.TrimPrefix(p.SecretRef, "connection/"), 10, 64)
	return err != nil || !IsComputedID(owner)
}

// AwaitsSignIn reports whether only a new sign-in can repair the connection: this state is
// recorded, and no token was stored since.
func (p TokenPlace) AwaitsSignIn() bool {
	return p.State == ConnectionReconnect && p.StateAt != nil && (p.StoredAt == nil || !p.StoredAt.After(*p.StateAt))
}

// Taken returns the time to store with tokens obtained at now. It is later than the recorded state,
// so a clock that is slower than the one of the process that recorded the state does not hide the
// sign-in.
func (p TokenPlace) Taken(now time.Time) time.Time {
	if p.StateAt != nil && !now.After(*p.StateAt) {
		return p.StateAt.Add(time.Microsecond)
	}
	return now
}
