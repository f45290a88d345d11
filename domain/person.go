package domain

import (
	"slices"
	"time"
)

// Person is all that the directory holds of one person, and the secrets that belong to it: what an
// erasure must find (GDPR). A person is a user, or a member who is no user.
type Person struct {
	ParentAccount string // the agency
	User          string // "": a member who is no user
	Sessions      []string
	Members       []int64
	Defaults      []int64 // members who have a default account
	Connections   []PersonConnection
	// Profiles are the social accounts that are the person's own: their names are
	// the person's. Pages belong to the client; they lose their connection.
	Profiles []int64
	Pages    []DirectorySocialAccount
	Named    []int64         // further social accounts of the agency that go, because whoever ordered the erasure named them
	Had      []AccountOwner  // of the social accounts that go, as far as it is known
	Contents []StoredContent // of the posts of the social accounts that go
}

// Going are the social accounts that go: the person's own, and those that were named.
func (p Person) Going() []int64 { return slices.Concat(p.Profiles, p.Named) }

// AccountOwner is the client who has a social account, or had it last, and its platform.
type AccountOwner struct {
	SocialAccount int64    `json:"social_account_id"`
	AccountID     string   `json:"account_id"`
	Platform      Platform `json:"p_id"`
}

// FiguresErased are the events that erase what was read up to an instant of the social accounts that go. Of one whose owner is not known
// nothing was ever read.
func (p Person) FiguresErased(at time.Time) (events []AccountErased) {
	for _, had := range p.Had {
		events = append(events, AccountErased{
			ParentAccount: p.ParentAccount, AccountID: had.AccountID, SocialAccount: had.SocialAccount, Platform: had.Platform,
			ErasedAt: at.UTC().Truncate(time.Microsecond),
		})
	}
	return events
}

// StoredContent is what an origin said of a post, by the key of its record.
type StoredContent struct {
	Key string
	At  time.Time // when the origin said so
}

// PersonConnection is an authorisation of a person at a platform.
type PersonConnection struct {
	ID        int64
	SecretRef string // "": none was stored
}

// SecretRefs are the rows of schema kept that belong to the person.
func (p Person) SecretRefs() (refs []string) {
	for _, c := range p.Connections {
		if c.SecretRef != "" {
			refs = append(refs, c.SecretRef)
		}
	}
	return refs
}

// Erased is what the record of an erasure says: ids and numbers, no names.
func (p Person) Erased() PersonErased {
	e := PersonErased{User: p.User, Members: p.Members, Sessions: len(p.Sessions), Profiles: p.Profiles, Named: p.Named, Contents: len(p.Contents), Accounts: p.Had}
	for _, c := range p.Connections {
		e.Connections = append(e.Connections, c.ID)
	}
	for _, page := range p.Pages {
		e.Pages = append(e.Pages, page.ID)
	}
	return e
}
