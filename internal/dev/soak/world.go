package soak

import (
	"fmt"
	"strconv"
	"time"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
)

// perAgency is how many connections an agency has, and perClient each of its clients.
const (
	perAgency = 100
	perClient = 10
	// sharedPart: one in so many connections reads a page that another agency has connected too.
	sharedPart = 50
)

// Account is one connected social account of the world.
type Account struct {
	domain.Tenant
	Platform   domain.Platform
	Type       domain.AccountType
	Connection int64
	ExternalID string
	Secret     string // reference
}

// World is agencies with connections on all platforms.
type World struct {
	Accounts []Account
	bySocial map[int64]Account
}

// NewWorld makes a world of n connections, a quarter on each platform.
func NewWorld(n int) *World {
	w := &World{bySocial: map[int64]Account{}}
	w.Grow(n)
	return w
}

// Grow adds n connections and returns them.
func (w *World) Grow(n int) (added []Account) {
	before := len(w.Accounts)
	for i := before; i < before+n; i++ {
		id := int64(i + 1)
		platforms := domain.Platforms()
		a := Account{
			Tenant: domain.Tenant{
				ParentAccount: fmt.Sprintf("a%023x", i/perAgency), AccountID: fmt.Sprintf("c%023x", i/perClient),
				MemberID: int64(i/perClient + 1), SocialAccount: id,
			},
			Platform: platforms[i%len(platforms)], Connection: 1_000_000 + id, ExternalID: strconv.FormatInt(7_000_000_000+id, 10),
			Secret: fmt.Sprintf("connection/%d", 1_000_000+id),
		}
		if a.Platform == domain.LinkedIn {
			a.Type = domain.AccountType(1 + i/len(platforms)%2)
		}
		// Some pages are connected by two agencies: each must get its own readings of them.
		if other := i - perAgency; a.Platform == domain.Facebook && i%sharedPart == 0 && i/perAgency%2 == 1 {
			a.ExternalID = w.Accounts[other].ExternalID
		}
		w.Accounts = append(w.Accounts, a)
		w.bySocial[id] = a
	}
	return w.Accounts[before:]
}

// Of is the platform's part of the world.
func (w *World) Of(p domain.Platform) (accounts []Account) {
	for _, a := range w.Accounts {
		if a.Platform == p {
			accounts = append(accounts, a)
		}
	}
	return accounts
}

// directory is what the main application would have sent of accounts.
func directory(accounts []Account, at time.Time) (drafts []domain.Draft) {
	put := func(e domain.DirectoryEntity) { drafts = append(drafts, commands.EntityDraft(e, at)) }
	seen := map[string]bool{}
	first := func(id string) bool {
		defer func() { seen[id] = true }()
		return !seen[id]
	}
	for _, a := range accounts {
		if first(a.ParentAccount) {
			put(domain.DirectoryAccount{ID: a.ParentAccount, Name: "Agency", Active: true})
			put(domain.DirectorySubscription{ID: a.SocialAccount, AccountID: a.ParentAccount, Plan: "pro", StartsAt: at.AddDate(-1, 0, 0)})
		}
		if first(a.AccountID) {
			put(domain.DirectoryAccount{ID: a.AccountID, ParentAccount: a.ParentAccount, Name: "Client", Active: true})
			put(domain.DirectoryMember{ID: a.MemberID, AccountID: a.AccountID, Name: "Member", Active: true})
		}
		put(domain.DirectoryConnection{ID: a.Connection, MemberID: a.MemberID, Platform: a.Platform, AccountType: a.Type, SecretRef: a.Secret})
		put(domain.DirectorySocialAccount{
			ID: a.SocialAccount, ParentAccount: a.ParentAccount, AccountID: a.AccountID, MemberID: a.MemberID, ConnectionID: a.Connection,
			Platform: a.Platform, AccountType: a.Type, ExternalID: a.ExternalID, Name: "Page", Connected: true,
		})
	}
	return drafts
}
