package console

import (
	"context"
	"crypto/sha256"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/api"
)

// Ways to sign in.
const (
	WayDemo = "demo" // "continue as", on this machine
	WayLink = "link" // a one-time link
	// WayToken is a token of the API, given by an operator.
	WayToken = "token"
	// WayProvider is the identity provider.
	WayProvider = "provider"
)

// Person is somebody who can be signed in.
type Person struct {
	UserID    string
	AccountID string // "" for an operator
	Role      string // or several, with commas between them
}

// IsUser tells whether the person is somebody of the directory.
func (p Person) IsUser() bool { return p.roles().Has(api.RoleAgency, api.RoleClient) }

// principal is the person as the API knows its callers, until an instant.
func (p Person) principal(until time.Time) api.Principal {
	return api.Principal{UserID: p.UserID, AccountID: p.AccountID, Roles: p.roles(), ExpiresAt: until}
}

// roles are those of the person.
func (p Person) roles() (all api.Roles) {
	for role := range strings.SplitSeq(p.Role, ",") {
		all = append(all, api.Role(role))
	}
	return all
}

// Session is a sign-in that lasts.
type Session struct {
	Person

	ID        string // names it in the list of a person's sessions; it opens nothing
	Way       string // [WayDemo], [WayLink], [WayToken] or [WayProvider]
	BegunAt   time.Time
	SeenAt    time.Time // of the last request, to the minute
	ExpiresAt time.Time
}

// Sessions keeps sessions and one-time links; of both it gets the digest of the word that opens them, never the word.
type Sessions interface {
	// Begin records the sign-in and stores the session. The link that it came by, nil for none, is used up with it. What fails leaves no record and no
	// session, and the link works. Errors: [domain.CodeNotFound] for a link that is unknown, used or too old.
	Begin(ctx context.Context, s Session, digest, link []byte) error
	// Find returns the session that lasts at now, and notes that it was seen. Errors: [domain.CodeNotFound].
	Find(ctx context.Context, digest []byte, now time.Time) (Session, error)
	// Of returns the sessions of a person that last at now, the newest first.
	Of(ctx context.Context, userID string, now time.Time) ([]Session, error)
	// End ends one of a person's sessions; one that is not there is ended already.
	End(ctx context.Context, userID, id string) error
	// Link returns whom a link signs in. Errors: [domain.CodeNotFound] for one that is unknown, used or too old.
	Link(ctx context.Context, digest []byte, now time.Time) (Person, error)
}

// Digest is what is stored of a word that opens something.
func Digest(word string) []byte {
	sum := sha256.Sum256([]byte(word))
	return sum[:]
}
