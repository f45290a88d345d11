package assembly

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/api/console"
	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/identity"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/internal/vault"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// SignIns say how people sign in to the console, beside one-time links and tokens.
type SignIns struct {
	PublicURL string             // where browsers find the service; "": it is not known, and agencies make no links
	Demo      []console.Person   // as whom one may go on without more
	Provider  *identity.Provider // nil: there is no identity provider
	Staff     identity.Staff     // auditors and operators whom the provider's sign-ins are looked for in
}

// Console puts the console over the HTTP layer, which goes on to serve everything else. c has the SignIns or the Application.
func (s *Service) Console(served *api.Server, c HandlerConfig) (*console.Console, error) {
	deps := console.Deps{
		API: served, Headers: c.HTTP.Headers, Passes: pg.MayPass, Logger: s.settings.Logger, Now: time.Now, Application: c.Application,
		Looks: &commands.Audit{Log: s.Log, Now: time.Now, Logger: s.settings.Logger},
	}
	if deps.Application == nil {
		if err := s.signIns(&deps, c); err != nil {
			return nil, err
		}
	}
	return console.Handler(deps)
}

// signIns has people sign in to the console itself.
func (s *Service) signIns(deps *console.Deps, c HandlerConfig) error {
	in := c.SignIns
	kept, known := vault.NewIdentities(s.KeptPool), people{readmodels.People{Pool: s.ReadPool}, s.Monitor}
	refused, err := s.newSignInRefusals(kept, known)
	if err != nil {
		return err
	}
	deps.Tokens, deps.Demo, deps.Refused = c.Authenticator, in.Demo, refused.note
	deps.Sessions = consoleSessions{vault.NewSessions(s.KeptPool), s.Log, known.Standing}
	switch {
	case in.Provider != nil:
		deps.Provider, deps.Identities = in.Provider, consoleIdentities{kept, known, in.Staff}
	case len(s.settings.SecretsKeys) > 0:
		secrets, err := vault.NewSecrets(s.KeptPool, s.settings.SecretsKeys)
		if err != nil {
			return err
		}
		deps.Passwords = consolePasswords{known, secrets, identity.NewPasswords(), s.settings.Logger}
	}
	deps.Addressless = in.PublicURL == ""
	return nil
}

// consoleSessions keeps the console's sessions, and records who signed in.
type consoleSessions struct {
	kept     *vault.Sessions
	log      *eventlog.Log
	standing standings
}

// errSignInNotRecorded: every sign-in is on record, so there is none without.
var errSignInNotRecorded = domain.NewError(domain.CodeUnavailable, "The sign-in cannot be recorded now. Nobody was signed in. Try again shortly.")

// Begin implements [console.Sessions]. Auditors and operators may be nobody of the directory: their sign-ins are not recorded there. The record comes
// once the session stands in the database and before it counts: a colleague of whom there is one is not invited again. It is alone only where the
// database or the browser goes away in that moment, and then the link works on.
func (c consoleSessions) Begin(ctx context.Context, begun console.Session, digest, link []byte) error {
	record := func(ctx context.Context) error {
		if !begun.IsUser() {
			return nil
		}
		draft := commands.EntityDraft(domain.DirectorySession{ID: begun.ID, UserID: begun.UserID, LoginAt: begun.BegunAt}, begun.BegunAt)
		draft.Envelope.Audit = domain.Audit{Actor: begun.UserID, Role: strings.Split(begun.Role, ",")[0]}
		if err := c.log.Append(ctx, draft); err != nil {
			return fmt.Errorf("%w (%w)", errSignInNotRecorded, err)
		}
		return nil
	}
	return c.kept.Begin(ctx, vault.Session{
		ID: begun.ID, UserID: begun.UserID, AccountID: begun.AccountID, Role: begun.Role, Way: begun.Way,
		BegunAt: begun.BegunAt, SeenAt: begun.SeenAt, ExpiresAt: begun.ExpiresAt,
	}, digest, link, record)
}

// Find implements [console.Sessions].
func (c consoleSessions) Find(ctx context.Context, digest []byte, now time.Time) (console.Session, error) {
	found, err := c.kept.Find(ctx, digest, now)
	return sessionOf(found), err
}

// sessionOf is a stored session as the console has it.
func sessionOf(s vault.Session) console.Session {
	return console.Session{
		Person: console.Person{UserID: s.UserID, AccountID: s.AccountID, Role: s.Role}, ID: s.ID, Way: s.Way,
		BegunAt: s.BegunAt, SeenAt: s.SeenAt, ExpiresAt: s.ExpiresAt,
	}
}

// Of implements [console.Sessions].
func (c consoleSessions) Of(ctx context.Context, user string, now time.Time) ([]console.Session, error) {
	kept, err := c.kept.Of(ctx, user, now)
	list := make([]console.Session, len(kept))
	for i, session := range kept {
		list[i] = sessionOf(session)
	}
	return list, err
}

// End implements [console.Sessions].
func (c consoleSessions) End(ctx context.Context, user, id string) error {
	return c.kept.End(ctx, user, id)
}

// Link implements [console.Sessions]. What somebody has made who left since opens nothing; operators are in no directory.
func (c consoleSessions) Link(ctx context.Context, digest []byte, now time.Time) (console.Person, error) {
	link, err := c.kept.Link(ctx, digest, now)
	if err != nil {
		return console.Person{}, err
	}
	maker, err := c.standing(ctx, link.MadeBy, "")
	if err == nil && (maker.Erased || maker.Known && !maker.Active) {
		err = vault.ErrNoSignInLink
	}
	return console.Person{UserID: link.UserID, AccountID: link.AccountID, Role: link.Role}, err
}
