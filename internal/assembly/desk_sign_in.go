package assembly

import (
	"context"
	"crypto/rand"
	"time"

	"github.com/ledgerboard/ledgerboard/api/console"
	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/vault"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// signInLinkFor is how long a link that signs in works.
const signInLinkFor = 15 * time.Minute

// SignInLink is a link that signs a user in to the console once.
type SignInLink struct {
	Path      string // of its address
	UserID    string
	AccountID string
	Role      string // that the directory gives the user: agency or client
	ExpiresAt time.Time
}

var errNobodyToSignIn = domain.NewError(domain.CodeUnprocessable,
	"The directory holds no active user of that id with an active account, so a link would sign nobody in. Auditors and operators are "+
		"given a token instead ('ledgerboard token'): they sign in with it.")

// Candidate is the user whom a link would sign in, as the directory holds it now. Error: unprocessable where it would sign nobody in.
func (d *Desk) Candidate(ctx context.Context, user string) (SignInLink, error) {
	tables, err := d.parts.Tables(ctx)
	if err != nil {
		return SignInLink{}, err
	}
	p, active, err := personOf(ctx, readmodels.People{Pool: tables}.Standing, user)
	if err == nil && !active {
		err = errNobodyToSignIn
	}
	return SignInLink{UserID: p.UserID, AccountID: p.AccountID, Role: p.Role}, err
}

// MakeSignInLink makes the link of a candidate. Who made it for whom is recorded.
func (d *Desk) MakeSignInLink(ctx context.Context, c commands.Caller, link SignInLink, reason domain.Reason) (SignInLink, error) {
	pool, err := d.parts.Vault(ctx)
	if err != nil {
		return SignInLink{}, err
	}
	word, now := rand.Text(), time.Now()
	link.Path, link.ExpiresAt = console.LinkPath(word), now.Add(signInLinkFor)
	err = d.act(ctx, c, domain.ActionSignInLinkMade, domain.OperatorTarget{User: link.UserID}, reason, simply(func(ctx context.Context) error {
		return vault.NewSessions(pool).MakeLink(ctx, vault.SignInLink{
			UserID: link.UserID, AccountID: link.AccountID, Role: link.Role, MadeBy: c.UserID, MadeAt: now, ExpiresAt: link.ExpiresAt,
		}, console.Digest(word))
	}))
	return link, err
}

// SignInLinkedTo returns the issuer of the identity provider that knows a user. Error: not_found, nobody is linked to it.
func (d *Desk) SignInLinkedTo(ctx context.Context, user string) (issuer string, err error) {
	pool, err := d.parts.Vault(ctx)
	if err != nil {
		return "", err
	}
	return vault.NewIdentities(pool).LinkedTo(ctx, user)
}

// UnlinkSignIn takes a user's link to a person of the identity provider off, and ends its sessions. It is recorded.
func (d *Desk) UnlinkSignIn(ctx context.Context, c commands.Caller, user string, reason domain.Reason) error {
	pool, err := d.parts.Vault(ctx)
	if err != nil {
		return err
	}
	return d.act(ctx, c, domain.ActionSignInUnlinked, domain.OperatorTarget{User: user}, reason, simply(func(ctx context.Context) error {
		return vault.NewIdentities(pool).Unlink(ctx, user)
	}))
}
