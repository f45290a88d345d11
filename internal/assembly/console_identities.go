package assembly

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/api/console"
	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/identity"
	"github.com/ledgerboard/ledgerboard/internal/vault"
	"github.com/ledgerboard/ledgerboard/projections"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// standings is what [readmodels.People.Standing] answers.
type standings func(ctx context.Context, user, account string) (readmodels.Standing, error)

// personOf is an active user of an active account as the directory holds it now; false: there is none of that id.
func personOf(ctx context.Context, standing standings, user string) (p console.Person, active bool, err error) {
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
	return console.Person{UserID: user, AccountID: of.Account, Role: string(role)}, true, nil
}

// ActiveByEmail returns up to two active users of an address, from whole tables alone: in others one of two may be missing.
func (p people) ActiveByEmail(ctx context.Context, email string) ([]string, error) {
	if err := p.monitor.MayRead(projections.Directory{}.Name()); err != nil {
		return nil, err
	}
	return p.People.ActiveByEmail(ctx, email)
}

// oneOf returns the one active user of all agencies who has an e-mail address, in lower case. Errors: [*console.RefusalError] for none and several;
// unavailable while another of the same address may be on its way.
func (p people) oneOf(ctx context.Context, email string) (user string, err error) {
	if err := p.monitor.PeopleKnown(); err != nil {
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
func (p people) letIn(ctx context.Context, user string) (console.Person, error) {
	person, active, err := personOf(ctx, p.Standing, user)
	if err == nil && !active {
		err = &console.RefusalError{Why: console.WhyEnded, User: user}
	}
	return person, err
}

// consoleIdentities finds the people of the identity provider.
type consoleIdentities struct {
	kept   *vault.Identities
	people people
	staff  identity.Staff
}

// Person implements [console.Identities].
func (c consoleIdentities) Person(ctx context.Context, i identity.Identity) (console.Person, error) {
	if member, listed := c.staff.Find(i); listed {
		return console.Person(member), nil
	}
	user, err := c.kept.UserOf(ctx, i.Issuer, i.Subject)
	if errors.Is(err, vault.ErrNotLinked) {
		return c.link(ctx, i)
	}
	if err != nil {
		return console.Person{}, err
	}
	return c.people.letIn(ctx, user)
}

// link links an identity to the one active user of its verified address.
func (c consoleIdentities) link(ctx context.Context, i identity.Identity) (p console.Person, err error) {
	if i.Email == "" {
		return p, &console.RefusalError{Why: console.WhyUnverified}
	}
	user, err := c.people.oneOf(ctx, i.Email)
	if err != nil {
		return p, err
	}
	if p, err = c.people.letIn(ctx, user); err != nil {
		return p, err
	}
	err = c.kept.Link(ctx, i.Issuer, i.Subject, p.UserID, time.Now())
	if errors.Is(err, vault.ErrLinkedElsewhere) {
		err = &console.RefusalError{Why: console.WhyLinked, User: p.UserID}
	}
	return p, err
}

// Listed implements [console.Identities].
func (c consoleIdentities) Listed(p console.Person) bool { return c.staff.Has(identity.Member(p)) }

// signInRefusals counts sign-ins that are refused, logs them, and records those of people whom the directory holds.
type signInRefusals struct {
	counted  *prometheus.CounterVec
	kept     *vault.Identities
	people   people
	accounts readmodels.Accounts
	log      *eventlog.Log
	logger   *slog.Logger
}

func (s *Service) newSignInRefusals(kept *vault.Identities, known people) (*signInRefusals, error) {
	r := &signInRefusals{kept: kept, people: known, accounts: readmodels.Accounts{Pool: s.ReadPool}, log: s.Log, logger: s.settings.Logger}
	r.counted = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "ledgerboard_sign_ins_refused_total", Help: "Sign-ins to the console that were refused, by how somebody tried and why.",
	}, []string{"way", "why"})
	if err := s.registered.Register(r.counted); err != nil {
		return nil, fmt.Errorf("register metrics: %w", err)
	}
	return r, nil
}

// note is [console.Deps].Refused. What cannot be recorded is refused all the same.
func (r *signInRefusals) note(ctx context.Context, refused console.RefusalError) {
	r.counted.WithLabelValues(refused.Way, string(refused.Why)).Inc()
	r.logger.WarnContext(ctx, "console: sign-in refused", "way", refused.Way, "why", string(refused.Why), "user_id", refused.User)
	if refused.User == "" {
		return
	}
	if err := r.record(ctx, refused, time.Now()); err != nil {
		r.logger.ErrorContext(ctx, "console: a refused sign-in is not recorded", "user_id", refused.User, "error", err)
	}
}

// record appends the refusal of a user whom the directory holds, once an hour.
func (r *signInRefusals) record(ctx context.Context, refused console.RefusalError, now time.Time) error {
	standing, err := r.people.Standing(ctx, refused.User, "")
	if err != nil || !standing.Known {
		return err
	}
	key, err := r.accounts.ParentAccount(ctx, standing.Account)
	if domain.CodeOf(err) == domain.CodeNotFound { // of no client
		if key, err = standing.Account, nil; key == "" {
			key = domain.OperationsKeyAll
		}
	}
	if err != nil {
		return err
	}
	due, err := r.kept.RefusalDue(ctx, refused.User, now)
	if err != nil || !due {
		return err
	}
	data := domain.SignInRefused{User: refused.User, Way: refused.Way, Why: string(refused.Why)}
	draft := commands.NewDraft(domain.TopicOperations, key, data, now)
	draft.Envelope.Audit = domain.Audit{Actor: refused.User}
	return r.log.Append(ctx, draft)
}
