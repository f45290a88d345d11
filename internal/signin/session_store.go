package signin

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/api/console"
	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/vault"
)

// Sessions keeps the console's sessions, and records who signed in. It implements [console.Sessions].
type Sessions struct {
	Kept   *vault.Sessions
	Log    *eventlog.Log
	People People
}

// errSignInNotRecorded: every sign-in is on record, so there is none without.
var errSignInNotRecorded = domain.NewError(domain.CodeUnavailable, "The sign-in cannot be recorded now. Nobody was signed in. Try again shortly.")

// Begin implements [console.Sessions]. Auditors and operators may be nobody of the directory: their sign-ins are not recorded there. The record comes
// once the session stands in the database and before it counts: a colleague of whom there is one is not invited again. It is alone only where the
// database or the browser goes away in that moment, and then the link works on.
func (c Sessions) Begin(ctx context.Context, begun console.Session, digest, link []byte) error {
	record := func(ctx context.Context) error {
		if !begun.IsUser() {
			return nil
		}
		draft := commands.EntityDraft(domain.DirectorySession{ID: begun.ID, UserID: begun.UserID, LoginAt: begun.BegunAt}, begun.BegunAt)
		draft.Envelope.Audit = domain.Audit{Actor: begun.UserID, Role: strings.Split(begun.Role, ",")[0]}
		if err := c.Log.Append(ctx, draft); err != nil {
			return fmt.Errorf("%w (%w)", errSignInNotRecorded, err)
		}
		return nil
	}
	return c.Kept.Begin(ctx, vault.Session{
		ID: begun.ID, UserID: begun.UserID, AccountID: begun.AccountID, Role: begun.Role, Way: begun.Way,
		BegunAt: begun.BegunAt, SeenAt: begun.SeenAt, ExpiresAt: begun.ExpiresAt,
	}, digest, link, record)
}

// Find implements [console.Sessions].
func (c Sessions) Find(ctx context.Context, digest []byte, now time.Time) (console.Session, error) {
	found, err := c.Kept.Find(ctx, digest, now)
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
func (c Sessions) Of(ctx context.Context, user string, now time.Time) ([]console.Session, error) {
	kept, err := c.Kept.Of(ctx, user, now)
	list := make([]console.Session, len(kept))
	for i, session := range kept {
		list[i] = sessionOf(session)
	}
	return list, err
}

// End implements [console.Sessions].
func (c Sessions) End(ctx context.Context, user, id string) error {
	return c.Kept.End(ctx, user, id)
}

// Link implements [console.Sessions]. What somebody has made who left since opens nothing; operators are in no directory.
func (c Sessions) Link(ctx context.Context, digest []byte, now time.Time) (console.Person, error) {
	link, err := c.Kept.Link(ctx, digest, now)
	if err != nil {
		return console.Person{}, err
	}
	maker, err := c.People.Standing(ctx, link.MadeBy, "")
	if err == nil && (maker.Erased || maker.Known && !maker.Active) {
		err = vault.ErrNoSignInLink
	}
	return console.Person{UserID: link.UserID, AccountID: link.AccountID, Role: link.Role}, err
}
