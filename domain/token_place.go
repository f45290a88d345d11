package domain

import (
	"strconv"
	"strings"
	"time"
)

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
