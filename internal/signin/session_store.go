package signin

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/identity"
	"github.com/ledgerboard/ledgerboard/internal/vault"
)

// Sessions keeps the console's sessions, and records who signed in. It implements [console.Sessions].
type Sessions struct {
	*vault.Sessions

	Log    *eventlog.Log
	People People
}

// errSignInNotRecorded: every sign-in is on record, so there is none without.
var errSignInNotRecorded = domain.NewError(domain.CodeUnavailable, "The sign-in cannot be recorded now. Nobody was signed in. Try again shortly.")

// Begin implements [console.Sessions]. Auditors and operators may be nobody of the directory: their sign-ins are not recorded there. The record comes
// once the session stands in the database and before it counts: a colleague of whom there is one is not invited again. It is alone only where the
// database or the browser goes away in that moment, and then the link works on.
func (c Sessions) Begin(ctx context.Context, begun identity.Session, digest, link []byte) error {
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
	return c.Sessions.Begin(ctx, begun, digest, link, record)
}

// Link implements [console.Sessions]. What somebody has made who left since opens nothing; operators are in no directory.
func (c Sessions) Link(ctx context.Context, digest []byte, now time.Time) (identity.Person, error) {
	link, err := c.Sessions.Link(ctx, digest, now)
	if err != nil {
		return identity.Person{}, err
	}
	maker, err := c.People.Standing(ctx, link.MadeBy, "")
	if err == nil && (maker.Erased || maker.Known && !maker.Active) {
		err = vault.ErrNoSignInLink
	}
	return link.Person, err
}
