package signin

import (
	"cmp"
	"context"
	"errors"
	"log/slog"

	"github.com/ledgerboard/ledgerboard/api/console"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/identity"
	"github.com/ledgerboard/ledgerboard/internal/vault"
)

// Passwords checks the passwords whose hashes were imported. It implements [console.Passwords].
type Passwords struct {
	People  People
	Secrets *vault.Secrets
	Check   *identity.Passwords
	Logger  *slog.Logger
}

// Offered implements [console.Passwords].
func (c Passwords) Offered(ctx context.Context) (bool, error) {
	return c.People.HavePasswords(ctx)
}

// Person implements [console.Passwords]. Whether the person may still come in is looked at once the password is right: only who knows it is told.
func (c Passwords) Person(ctx context.Context, email, password string) (p console.Person, err error) {
	user, unknown := c.People.oneOf(ctx, identity.LowerASCII(email))
	if _, refused := errors.AsType[*console.RefusalError](unknown); unknown != nil && !refused {
		return p, unknown
	}
	hash, err := c.hashOf(ctx, user)
	if err != nil {
		return p, err
	}
	right, err := c.Check.Matches(ctx, hash, password)
	switch {
	case errors.Is(err, identity.ErrHash):
		return p, &console.RefusalError{Why: console.WhyHash, User: user}
	case err != nil:
		return p, err
	case unknown != nil:
		return p, unknown
	case !right:
		return p, &console.RefusalError{Why: console.WhyPassword, User: user}
	}
	return c.People.letIn(ctx, user)
}

// noHash is in place of a hash that cannot be opened, and is no hash either.
const noHash = "-"

// hashOf is the hash of a user's password; "" for who has none, and for nobody, for whom it asks as much.
func (c Passwords) hashOf(ctx context.Context, user string) (string, error) {
	ref, err := c.People.PasswordRef(ctx, user)
	if err != nil {
		return "", err
	}
	hash, err := c.Secrets.Get(ctx, cmp.Or(ref, "password/"))
	switch {
	case domain.CodeOf(err) == domain.CodeNotFound:
		return "", nil
	case errors.Is(err, vault.ErrUnknownKey), errors.Is(err, vault.ErrTampered):
		c.Logger.ErrorContext(ctx, "console: the hash of a password does not open", "user_id", user, "error", err)
		return noHash, nil
	}
	return string(hash), err
}
