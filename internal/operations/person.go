package operations

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"time"

	"github.com/ledgerboard/ledgerboard/api/console"
	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/identity"
	"github.com/ledgerboard/ledgerboard/internal/signin"
	"github.com/ledgerboard/ledgerboard/internal/vault"
	"github.com/ledgerboard/ledgerboard/readmodels/directory"
)

// Person finds the ids of a person by member number or, if that is 0, by user id. If there is no
// such person, the error is [directory.ErrPersonNotFound].
func (d *Service) Person(ctx context.Context, user string, member int64) (domain.Person, error) {
	tables, err := d.tables(ctx)
	if err != nil {
		return domain.Person{}, err
	}
	people := directory.People{Pool: tables}
	if member != 0 {
		return people.OfMember(ctx, member)
	}
	return people.OfUser(ctx, user)
}

// ExportPerson writes all data about a person to a file, like [directory.People.Export]. file must
// create the file and call content to write it. The export is recorded before file is called, and
// its outcome after file returns.
func (d *Service) ExportPerson(
	ctx context.Context, c commands.Caller, person domain.Person, reason domain.Reason,
	file func(content func(io.Writer) error) error,
) (sections []directory.PersonSectionCount, err error) {
	tables, err := d.tables(ctx)
	if err != nil {
		return nil, err
	}
	target := domain.OperatorTarget{User: person.User}
	if person.User == "" {
		target.Member = person.Members[0]
	}
	head := directory.PersonExportHead{MadeAt: time.Now().UTC(), Behind: map[string]int64{}}
	statuses, err := d.Projections(ctx) // before the record of the export is appended
	if err != nil {
		return nil, fmt.Errorf("read the lag of the tables: %w", err)
	}
	for _, p := range statuses {
		if p.Lag > 0 {
			head.Behind[p.Projection] = p.Lag
		}
	}
	err = d.act(ctx, c, domain.ActionPersonExported, target, reason, withoutEffect(func(ctx context.Context) error {
		return file(func(out io.Writer) (err error) {
			sections, err = directory.People{Pool: tables}.Export(ctx, out, head, person)
			return err
		})
	}))
	return sections, err
}

var errNobodyToSignIn = domain.NewError(domain.CodeUnprocessable,
	"The directory contains no active user with this id in an active account, so a sign-in link would not work. "+
		"Auditors and operators sign in with a token instead ('ledgerboard token').")

// Candidate returns the user whom a sign-in link would sign in, according to the current directory.
// If the link would not work, the error has code [domain.CodeUnprocessable].
func (d *Service) Candidate(ctx context.Context, user string) (identity.Person, error) {
	tables, err := d.tables(ctx)
	if err != nil {
		return identity.Person{}, err
	}
	p, active, err := signin.ActiveUser(ctx, directory.People{Pool: tables}.UserStatus, user)
	if err == nil && !active {
		err = errNobodyToSignIn
	}
	return p, err
}

// MakeSignInLink creates a sign-in link for a candidate and records who created it for whom. It
// returns the path of the link and the time when it expires.
func (d *Service) MakeSignInLink(
	ctx context.Context, c commands.Caller, candidate identity.Person, validFor time.Duration, reason domain.Reason,
) (path string, until time.Time, err error) {
	secret, now := rand.Text(), time.Now()
	until = now.Add(validFor)
	target := domain.OperatorTarget{User: candidate.UserID}
	err = d.act(ctx, c, domain.ActionSignInLinkMade, target, reason, withoutEffect(func(ctx context.Context) error {
		link := vault.SignInLink{Person: candidate, MadeBy: c.UserID, MadeAt: now, ExpiresAt: until}
		return vault.NewSessions(d.kept, nil).MakeLink(ctx, link, console.Digest(secret))
	}))
	return console.LinkPath(secret), until, err
}

// LinkSignIn links a candidate to a subject of the identity provider and records the action. Error:
// [vault.ErrLinkedElsewhere].
func (d *Service) LinkSignIn(
	ctx context.Context, c commands.Caller, candidate identity.Person, issuer, subject string, reason domain.Reason,
) error {
	target := domain.OperatorTarget{User: candidate.UserID}
	return d.act(ctx, c, domain.ActionSignInLinked, target, reason, withoutEffect(func(ctx context.Context) error {
		return vault.Identities{Pool: d.kept}.Link(ctx, issuer, subject, candidate.UserID, time.Now())
	}))
}

// SignInLinkedTo returns the issuers of the identity providers to which a user is linked. If the
// user is not linked, the error has code [domain.CodeNotFound].
func (d *Service) SignInLinkedTo(ctx context.Context, user string) (issuers []string, err error) {
	return vault.Identities{Pool: d.kept}.LinkedTo(ctx, user)
}

// UnlinkSignIn removes a user's links to identity providers and ends the user's sessions. The action
// is recorded.
func (d *Service) UnlinkSignIn(ctx context.Context, c commands.Caller, user string, reason domain.Reason) error {
	target := domain.OperatorTarget{User: user}
	return d.act(ctx, c, domain.ActionSignInUnlinked, target, reason, withoutEffect(func(ctx context.Context) error {
		return vault.Identities{Pool: d.kept}.Unlink(ctx, user)
	}))
}
