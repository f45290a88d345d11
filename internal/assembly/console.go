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
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/internal/vault"
)

// Console puts the console over the HTTP layer, which goes on to serve everything else. Demo are people as whom one may go on without more.
func (s *Service) Console(served *api.Server, c HandlerConfig, demo []console.Person) (*console.Console, error) {
	return console.Handler(console.Deps{
		API: served, Tokens: c.Authenticator, Demo: demo, Headers: c.HTTP.Headers, Passes: pg.MayPass, Logger: s.settings.Logger, Now: time.Now,
		Looks:    &commands.Audit{Log: s.Log, Now: time.Now, Logger: s.settings.Logger},
		Sessions: consoleSessions{vault.NewSessions(s.KeptPool), s.Log},
	})
}

// consoleSessions keeps the console's sessions, and records who signed in.
type consoleSessions struct {
	kept *vault.Sessions
	log  *eventlog.Log
}

// errSignInNotRecorded: every sign-in is on record, so there is none without.
var errSignInNotRecorded = domain.NewError(domain.CodeUnavailable, "The sign-in cannot be recorded now. Nobody was signed in. Try again shortly.")

// Begin implements [console.Sessions]. Auditors and operators may be nobody of the directory: their sign-ins are not recorded there.
func (c consoleSessions) Begin(ctx context.Context, begun console.Session, digest, link []byte) error {
	if begun.IsUser() {
		draft := commands.EntityDraft(domain.DirectorySession{ID: begun.ID, UserID: begun.UserID, LoginAt: begun.BegunAt}, begun.BegunAt)
		draft.Envelope.Audit = domain.Audit{Actor: begun.UserID, Role: strings.Split(begun.Role, ",")[0]}
		if err := c.log.Append(ctx, draft); err != nil {
			return fmt.Errorf("%w (%w)", errSignInNotRecorded, err)
		}
	}
	return c.kept.Begin(ctx, vault.Session(begun), digest, link)
}

// Find implements [console.Sessions].
func (c consoleSessions) Find(ctx context.Context, digest []byte, now time.Time) (console.Session, error) {
	found, err := c.kept.Find(ctx, digest, now)
	return console.Session(found), err
}

// Of implements [console.Sessions].
func (c consoleSessions) Of(ctx context.Context, user string, now time.Time) ([]console.Session, error) {
	kept, err := c.kept.Of(ctx, user, now)
	list := make([]console.Session, len(kept))
	for i, session := range kept {
		list[i] = console.Session(session)
	}
	return list, err
}

// End implements [console.Sessions].
func (c consoleSessions) End(ctx context.Context, user, id string) error {
	return c.kept.End(ctx, user, id)
}

// Link implements [console.Sessions].
func (c consoleSessions) Link(ctx context.Context, digest []byte, now time.Time) (console.Person, error) {
	link, err := c.kept.Link(ctx, digest, now)
	return console.Person{UserID: link.UserID, AccountID: link.AccountID, Role: link.Role}, err
}
