package signin

import (
	"context"
	"strings"
	"unicode/utf8"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/api/console"
	"github.com/ledgerboard/ledgerboard/internal/identity"
	"github.com/ledgerboard/ledgerboard/internal/monitor"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// People answers from whole tables alone: in those that are being made nobody is found yet, and who is refused for good does
// not come back. It implements [api.PeopleDirectory].
type People struct {
	readmodels.People

	Monitor *monitor.Monitor
}

// Standing implements [api.PeopleDirectory].
func (p People) Standing(ctx context.Context, user, account string) (readmodels.Standing, error) {
	if err := p.Monitor.MayRead(projectors.Directory.Name, projectors.Operations.Name); err != nil {
		return readmodels.Standing{}, err
	}
	return p.People.Standing(ctx, user, account)
}

// ActiveUser is an active user of an active account as the directory holds it now; false: there is none of that id.
func ActiveUser(
	ctx context.Context, standing func(ctx context.Context, user, account string) (readmodels.Standing, error), user string,
) (p identity.Person, active bool, err error) {
	known, err := standing(ctx, user, "")
	if err != nil {
		return p, false, err
	}
	of, err := standing(ctx, user, known.Account)
	if err != nil || !of.Known || !of.Active || !of.AccountKnown || !of.AccountActive {
		return p, false, err
	}
	role := api.RoleAgency
	if of.SubAccount {
		role = api.RoleClient
	}
	return identity.Person{UserID: user, AccountID: of.Account, Role: string(role)}, true, nil
}

// ActiveByEmail returns up to two active users of an address, from whole tables alone: in others one of two may be missing.
func (p People) ActiveByEmail(ctx context.Context, email string) ([]string, error) {
	if err := p.Monitor.MayRead(projectors.Directory.Name); err != nil {
		return nil, err
	}
	return p.People.ActiveByEmail(ctx, email)
}

// oneOf returns the one active user of all agencies who has an e-mail address, in lower case. Errors: [*console.RefusalError] for none and several;
// unavailable while another of the same address may be on its way.
func (p People) oneOf(ctx context.Context, email string) (user string, err error) {
	if err := p.Monitor.PeopleKnown(); err != nil {
		return "", err
	}
	if !utf8.ValidString(email) || strings.ContainsRune(email, 0) {
		email = "" // the database takes no such text, so nobody has it
	}
	users, err := p.ActiveByEmail(ctx, email)
	switch {
	case err != nil:
		return "", err
	case len(users) == 0 || email == "": // who has no address is found by none
		return "", &console.RefusalError{Why: console.WhyNobody}
	case len(users) > 1:
		return "", &console.RefusalError{Why: console.WhySeveral}
	}
	return users[0], nil
}

// letIn returns an active user of an active account. Error: [*console.RefusalError] for another one.
func (p People) letIn(ctx context.Context, user string) (identity.Person, error) {
	person, active, err := ActiveUser(ctx, p.Standing, user)
	if err == nil && !active {
		err = &console.RefusalError{Why: console.WhyEnded, User: user}
	}
	return person, err
}
