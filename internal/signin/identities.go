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
func (i Identities) member(name string) (p Person, listed bool) {
	who := strings.TrimPrefix(name, i.Issuer+" ")
	return i.Staff.Find(Identity{Subject: who, Email: who})
}

// Named returns the ids of the people whom names of the list of withdrawn people mean, except names
// that are ids.
func (i Identities) Named(ctx context.Context, names []string) ([]string, error) {
	users, err := i.Federated.UsersNamed(ctx, names)
	for _, name := range names {
		if member, listed := i.member(name); listed {
			users = append(users, member.UserID)
		}
	}
	return users, err
}

// Unknown returns those of the names that are of no one who is listed, linked, signed in or in the
// directory.
func (i Identities) Unknown(ctx context.Context, names []string) ([]string, error) {
	names = slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		_, listed := i.member(name)
		return listed
	})
	names, err := i.Federated.UnknownNames(ctx, names)
	if err != nil {
		return nil, err
	}
	return i.People.Unknown(ctx, names)
}

// Person implements [console.Identities].
func (i Identities) Person(ctx context.Context, identity Identity) (Person, error) {
	if member, listed := i.Staff.Find(identity); listed {
		return member, nil
	}
	user, err := i.Federated.User(ctx, identity.Issuer, identity.Subject)
	if errors.Is(err, ErrNotLinked) {
		return i.link(ctx, identity)
	}
	if err != nil {
		return Person{}, err
	}
	return i.People.letIn(ctx, user)
}

// link links an identity to the only active user with its verified email address.
func (i Identities) link(ctx context.Context, identity Identity) (p Person, err error) {
	if identity.Email == "" {
		return p, &RefusalError{Why: RefusalUnverified}
	}
	user, err := i.People.onlyPersonWith(ctx, identity.Email)
	if err != nil {
		return p, err
	}
	if p, err = i.People.letIn(ctx, user); err != nil {
		return p, err
	}
	err = i.Federated.Link(ctx, identity.Issuer, identity.Subject, p.UserID, time.Now())
	if errors.Is(err, ErrLinkedElsewhere) {
		err = &RefusalError{Why: RefusalLinkedElsewhere, User: p.UserID}
	}
	return p, err
}

// Listed implements [console.Identities].
func (i Identities) Listed(p Person) bool { return i.Staff.Has(p) }
