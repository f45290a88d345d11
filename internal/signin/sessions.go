package signin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/identity"
	"github.com/ledgerboard/ledgerboard/internal/vault"
)

// Sessions stores the console's sessions and records sign-ins. It implements [console.Sessions].
type Sessions struct {
	*vault.Sessions

	People People
	// Record appends a sign-in to the log.
	Record func(context.Context, domain.DirectorySession, domain.Audit) error
}

var errSignInNotRecorded = domain.NewError(domain.CodeUnavailable,
	"Your sign-in cannot be recorded at the moment, so you are not signed in. Try again shortly.")

// Begin implements [console.Sessions]. It does not record the sign-ins of auditors and operators,
// who may not be in the directory. The record is appended after the session is inserted and before
// it is committed, because a colleague with a recorded sign-in is not invited again. If the commit
// fails, only the record exists, and the link is still valid.
func (c Sessions) Begin(ctx context.Context, session identity.Session, digest, link []byte) error {
	record := func(ctx context.Context) error {
		if !session.IsUser() {
			return nil
		}
		entity := domain.DirectorySession{ID: session.ID, UserID: session.UserID, LoginAt: session.BegunAt}
		role, _, _ := strings.Cut(session.Role, ",")
		if err := c.Record(ctx, entity, domain.Audit{Actor: session.UserID, Role: role}); err != nil {
			return fmt.Errorf("%w (%w)", errSignInNotRecorded, err)
		}
		return nil
	}
	return c.Sessions.Begin(ctx, session, digest, link, record)
}

// Link implements [console.Sessions]. A link is invalid if the person who created it has left. This
// is not checked for operators, who are not in the directory.
func (c Sessions) Link(ctx context.Context, digest []byte, now time.Time) (identity.Person, error) {
	link, err := c.Sessions.Link(ctx, digest, now)
	if err != nil {
		return identity.Person{}, err
	}
	maker, err := c.People.UserStatus(ctx, link.MadeBy, "")
	if err == nil && (maker.Erased || maker.Known && !maker.Active) {
		err = vault.ErrNoSignInLink
	}
	return link.Person, err
}

// Identities finds the person to whom an identity of the identity provider belongs. It implements
// [console.Identities].
type Identities struct {
	Federated vault.FederatedIdentities
	People    People
	Staff     identity.Staff // auditors and operators, who are not in the directory
	Issuer    string         // of the provider; "": no provider
}

// member returns the entry of the list of auditors and operators with a name, if it is the name of
// an entry: a subject, with or without the issuer, or an address.
func (c Identities) member(name string) (p identity.Person, listed bool) {
	who := strings.TrimPrefix(name, c.Issuer+" ")
	return c.Staff.Find(identity.Identity{Subject: who, Email: who})
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
func (c Identities) Person(ctx context.Context, i identity.Identity) (identity.Person, error) {
	if member, listed := c.Staff.Find(i); listed {
		return member, nil
	}
	user, err := c.Federated.User(ctx, i.Issuer, i.Subject)
	if errors.Is(err, vault.ErrNotLinked) {
		return c.link(ctx, i)
	}
	if err != nil {
		return identity.Person{}, err
	}
	return c.People.letIn(ctx, user)
}

// link links an identity to the only active user with its verified email address.
func (c Identities) link(ctx context.Context, i identity.Identity) (p identity.Person, err error) {
	if i.Email == "" {
		return p, &identity.RefusalError{Why: identity.RefusalUnverified}
	}
	user, err := c.People.onlyPersonWith(ctx, i.Email)
	if err != nil {
		return p, err
	}
	if p, err = c.People.letIn(ctx, user); err != nil {
		return p, err
	}
	err = c.Federated.Link(ctx, i.Issuer, i.Subject, p.UserID, time.Now())
	if errors.Is(err, vault.ErrLinkedElsewhere) {
		err = &identity.RefusalError{Why: identity.RefusalLinkedElsewhere, User: p.UserID}
	}
	return p, err
}

// Listed implements [console.Identities].
func (c Identities) Listed(p identity.Person) bool { return c.Staff.Has(p) }
