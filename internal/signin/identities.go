package signin

import (
	"context"
	"errors"
	"time"

	"github.com/ledgerboard/ledgerboard/api/console"
	"github.com/ledgerboard/ledgerboard/internal/identity"
	"github.com/ledgerboard/ledgerboard/internal/vault"
)

// Identities finds the person of an identity from the identity provider. It implements
// [console.Identities].
type Identities struct {
	Kept   vault.Identities
	People People
	Staff  identity.Staff // auditors and operators, who are not in the directory
}

// Person implements [console.Identities].
func (c Identities) Person(ctx context.Context, i identity.Identity) (identity.Person, error) {
	if member, listed := c.Staff.Find(i); listed {
		return member, nil
	}
	user, err := c.Kept.UserOf(ctx, i.Issuer, i.Subject)
	if errors.Is(err, vault.ErrNotLinked) {
		return c.link(ctx, i)
	}
	if err != nil {
		return identity.Person{}, err
	}
	return c.People.letIn(ctx, user)
}

// link links an identity to the only active user with its verified address.
func (c Identities) link(ctx context.Context, i identity.Identity) (p identity.Person, err error) {
	if i.Email == "" {
		return p, &console.RefusalError{Why: console.RefusalUnverified}
	}
	user, err := c.People.onlyPersonWith(ctx, i.Email)
	if err != nil {
		return p, err
	}
	if p, err = c.People.letIn(ctx, user); err != nil {
		return p, err
	}
	err = c.Kept.Link(ctx, i.Issuer, i.Subject, p.UserID, time.Now())
	if errors.Is(err, vault.ErrLinkedElsewhere) {
		err = &console.RefusalError{Why: console.RefusalLinkedElsewhere, User: p.UserID}
	}
	return p, err
}

// Listed implements [console.Identities].
func (c Identities) Listed(p identity.Person) bool { return c.Staff.Has(p) }
