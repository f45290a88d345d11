package domain

import (
	"slices"
	"time"
)

// Person holds everything that the directory stores about one person, a user or a member who is not
// a user: the scope of an erasure (GDPR).
type Person struct {
	ParentAccount string // the agency
	User          string // "" for a member who is not a user
	Sessions      []string
	Members       []int64
	Defaults      []int64 // members who have a default account
	Connections   []PersonConnection
	Shared        []PersonConnection // kept, because pages of other members are read with them too
	// Profiles are the person's own social accounts, which carry the person's name. Pages belong to
	// the client; they are kept and lose their connection.
	Profiles []int64
	Pages    []DirectorySocialAccount
	Named    []int64         // other social accounts of the agency that the erasure order names
	Had      []AccountOwner  // known owners of the social accounts to erase
	Contents []StoredContent // stored post texts of the social accounts to erase
	// Connected are the social accounts to erase that are still connected. They are disconnected
	// before the erasure, so that no further reading of them begins.
	Connected []DirectorySocialAccount
}

// SocialAccountsToErase returns the person's own social accounts and those that the erasure order
// names.
func (p Person) SocialAccountsToErase() []int64 { return slices.Concat(p.Profiles, p.Named) }

// AccountOwner is the current or last owner of a social account, and its platform.
type AccountOwner struct {
	SocialAccount int64    `json:"social_account_id"` // the connected profile or page, by its id
	AccountID     string   `json:"account_id"`        // the account, 24 hex digits
	Platform      Platform `json:"p_id"`
}

// FiguresErased returns the events that erase all readings of the social accounts to erase up to an
// instant. A social account without a known owner was never read, so it needs no event.
func (p Person) FiguresErased(at time.Time) (events []AccountErased) {
	for _, owner := range p.Had {
		events = append(events, AccountErased{
			ParentAccount: p.ParentAccount, AccountID: owner.AccountID, SocialAccount: owner.SocialAccount,
			Platform: owner.Platform, ErasedAt: at.UTC().Truncate(time.Microsecond),
		})
	}
	return events
}

// StoredContent identifies the texts of a post from one origin by the key of their record.
type StoredContent struct {
	Key string
	At  time.Time // when the origin reported the texts
}

// PersonConnection is a person's authorization on a platform.
type PersonConnection struct {
	ID        int64
	SecretRef string // "" if no token was stored
}

// SecretRefs returns the references of the connections' secrets in schema kept.
func SecretRefs(connections []PersonConnection) (refs []string) {
	for _, c := range connections {
		if c.SecretRef != "" {
			refs = append(refs, c.SecretRef)
		}
	}
	return refs
}

// ConnectionIDs returns the ids of connections, or nil.
func ConnectionIDs(connections []PersonConnection) (ids []int64) {
	for _, c := range connections {
		ids = append(ids, c.ID)
	}
	return ids
}

// Erased returns the record of the erasure: ids and counts, no names.
func (p Person) Erased() PersonErased {
	e := PersonErased{
		User: p.User, Members: p.Members, Sessions: len(p.Sessions), Profiles: p.Profiles, Named: p.Named,
		Contents: len(p.Contents), Accounts: p.Had, Connections: ConnectionIDs(p.Connections),
	}
	for _, page := range p.Pages {
		e.Pages = append(e.Pages, page.ID)
	}
	return e
}
