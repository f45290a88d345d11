package signin

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"
)

// Identities finds the person to whom an identity of the identity provider belongs. It implements
// [console.Identities].
type Identities struct {
	Federated FederatedIdentities
	People    People
	Staff     Staff  // auditors and operators, who are not in the directory
	Issuer    string // of the provider; "": no provider
}

// member returns the entry of the list of auditors and operators with a name, if it is the name of
// an entry: a subject, with or without the issuer, or an address.
func (c Identities) member(name string) (p Person, listed bool) {
	who := strings.TrimPrefix(name, c.Issuer+" ")
	return c.Staff.Find(Identity{Subject: who, Email: who})
}

// Named returns the ids of the people whom names of the list of withdrawn people mean, except names
// that are ids.
func (c Identities) Named(ctx context.Context, names []string) ([]string, error) {
	users, err := c.Federated.UsersNamed(ctx, names)
	for _, name := range names {
		if member, listed := c.member(name); listed {
			users = append(users, member.UserID)
		}
	}
	return users, err
}

// Unknown returns those of the names that are of no one who is listed, linked, signed in or in the
// directory.
func (c Identities) Unknown(ctx context.Context, names []string) ([]string, error) {
	names = slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		_, listed := c.member(name)
		return listed
	})
	names, err := c.Federated.UnknownNames(ctx, names)
	if err != nil {
		return nil, err
	}
	return c.People.Unknown(ctx, names)
}

// Person implements [console.Identities].
func (c Identities) Person(ctx context.Context, i Identity) (Person, error) {
	if member, listed := c.Staff.Find(i); listed {
		return member, nil
	}
	user, err := c.Federated.User(ctx, i.Issuer, i.Subject)
	if errors.Is(err, ErrNotLinked) {
		return c.link(ctx, i)
	}
	if err != nil {
		return Person{}, err
	}
	return c.People.letIn(ctx, user)
}

// link links an identity to the only active user with its verified email address.
func (c Identities) link(ctx context.Context, i Identity) (p Person, err error) {
	if i.Email == "" {
		return p, &RefusalError{Why: RefusalUnverified}
	}
	user, err := c.People.onlyPersonWith(ctx, i.Email)
	if err != nil {
		return p, err
	}
	if p, err = c.People.letIn(ctx, user); err != nil {
		return p, err
	}
	err = c.Federated.Link(ctx, i.Issuer, i.Subject, p.UserID, time.Now())
	if errors.Is(err, ErrLinkedElsewhere) {
		err = &RefusalError{Why: RefusalLinkedElsewhere, User: p.UserID}
	}
	return p, err
}

// Listed implements [console.Identities].
func (c Identities) Listed(p Person) bool { return c.Staff.Has(p) }
