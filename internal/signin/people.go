package signin

import (
	"cmp"
	"context"
	"strings"
	"unicode/utf8"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/monitor"
)

// Directory looks people up in the tables of the directory.
type Directory interface {
	// UserStatus returns the status of a user and of the account that the user claims.
	UserStatus(ctx context.Context, user, account string) (domain.UserStatus, error)
	// HasSignedIn reports whether a user has ever signed in, here or in the main application.
	HasSignedIn(ctx context.Context, user string) (bool, error)
	// Unknown returns those of the names that are neither the id nor the address of a user.
	Unknown(ctx context.Context, names []string) ([]string, error)
	// ActiveByEmail returns at most two active users with an email address.
	ActiveByEmail(ctx context.Context, email string) ([]string, error)
}

// People looks people up in complete tables only. It implements [api.PeopleDirectory].
type People struct {
	Directory

	Monitor *monitor.Monitor
}

// UserStatus implements [api.PeopleDirectory].
func (p People) UserStatus(ctx context.Context, user, account string) (domain.UserStatus, error) {
	if err := p.Monitor.MayRead(domain.TopicDirectory, domain.TopicOperations); err != nil {
		return domain.UserStatus{}, err
	}
	return p.Directory.UserStatus(ctx, user, account)
}

// Unknown returns those of the names that are neither the id nor the address of a user, active or
// not.
func (p People) Unknown(ctx context.Context, names []string) ([]string, error) {
	if err := p.Monitor.MayRead(domain.TopicDirectory); err != nil {
		return nil, err
	}
	return p.Directory.Unknown(ctx, names)
}

// ActiveUser returns a user with the role that the directory gives them. active is false if the
// user or the account is unknown or not active.
func ActiveUser(
	ctx context.Context, status func(ctx context.Context, user, account string) (domain.UserStatus, error),
	user string,
) (p Person, active bool, err error) {
	known, err := status(ctx, user, "")
	if err != nil {
		return p, false, err
	}
	current, err := status(ctx, user, known.Account)
	if err != nil || !current.Known || !current.Active || !current.AccountKnown || !current.AccountActive {
		return p, false, err
	}
	role := RoleAgency
	if current.SubAccount {
		role = RoleClient
	}
	return Person{UserID: user, AccountID: current.Account, Role: role}, true, nil
}

// onlyPersonWith returns the only active user, across all agencies, with an email address in lower
// case. Errors: [*RefusalError] if there is no such user or more than one; unavailable
// while the tables may not be up to date.
func (p People) onlyPersonWith(ctx context.Context, email string) (user string, err error) {
	if err := cmp.Or(p.Monitor.PeopleKnown(), p.Monitor.MayRead(domain.TopicDirectory)); err != nil {
		return "", err
	}
	if !utf8.ValidString(email) || strings.ContainsRune(email, 0) {
		email = "" // the database rejects such text, so no user has it
	}
	users, err := p.ActiveByEmail(ctx, email) // at most two
	switch {
	case err != nil:
		return "", err
	case len(users) == 0 || email == "": // a user without an address is never found
		return "", &RefusalError{Why: RefusalUnknownPerson}
	case len(users) > 1:
		return "", &RefusalError{Why: RefusalAmbiguous}
	}
	return users[0], nil
}

func (p People) letIn(ctx context.Context, user string) (Person, error) {
	person, active, err := ActiveUser(ctx, p.UserStatus, user)
	if err == nil && !active {
		err = &RefusalError{Why: RefusalEnded, User: user}
	}
	return person, err
}
