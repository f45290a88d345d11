package desk

import (
	"context"
	"crypto/rand"
	"time"

	"github.com/ledgerboard/ledgerboard/api/console"
	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/signin"
	"github.com/ledgerboard/ledgerboard/internal/vault"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

var errNobodyToSignIn = domain.NewError(domain.CodeUnprocessable,
	"The directory holds no active user of that id with an active account, so a link would sign nobody in. Auditors and operators are "+
		"given a token instead ('ledgerboard token'): they sign in with it.")

// Candidate is the user whom a link would sign in, as the directory holds it now. Error: unprocessable where it would sign nobody in.
func (d *Desk) Candidate(ctx context.Context, user string) (signin.Link, error) {
	tables, err := d.tables(ctx)
	if err != nil {
		return signin.Link{}, err
	}
	p, active, err := signin.ActiveUser(ctx, readmodels.People{Pool: tables}.Standing, user)
	if err == nil && !active {
		err = errNobodyToSignIn
	}
	return signin.Link{UserID: p.UserID, AccountID: p.AccountID, Role: p.Role}, err
}

// MakeSignInLink makes a candidate's link, which works for a time ([api.SignInLinkDuration]), and records
// who made it for whom.
func (d *Desk) MakeSignInLink(
	ctx context.Context, c commands.Caller, link signin.Link, validFor time.Duration, reason domain.Reason,
) (signin.Link, error) {
	word, now := rand.Text(), time.Now()
	link.Path, link.ExpiresAt = console.LinkPath(word), now.Add(validFor)
	on := domain.OperatorTarget{User: link.UserID}
	err := d.act(ctx, c, domain.ActionSignInLinkMade, on, reason, simply(func(ctx context.Context) error {
		return vault.NewSessions(d.kept).MakeLink(ctx, vault.SignInLink{
			UserID: link.UserID, AccountID: link.AccountID, Role: link.Role, MadeBy: c.UserID, MadeAt: now, ExpiresAt: link.ExpiresAt,
		}, console.Digest(word))
	}))
	return link, err
}

// SignInLinkedTo returns the issuer of the identity provider that knows a user. Error: not_found, nobody is linked to it.
func (d *Desk) SignInLinkedTo(ctx context.Context, user string) (issuer string, err error) {
	return vault.NewIdentities(d.kept).LinkedTo(ctx, user)
}

// UnlinkSignIn takes a user's link to a person of the identity provider off, and ends its sessions. It is recorded.
func (d *Desk) UnlinkSignIn(ctx context.Context, c commands.Caller, user string, reason domain.Reason) error {
	return d.act(ctx, c, domain.ActionSignInUnlinked, domain.OperatorTarget{User: user}, reason, simply(func(ctx context.Context) error {
		return vault.NewIdentities(d.kept).Unlink(ctx, user)
	}))
}
