package collect

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

// errNoToken is a connection without a stored token.
var errNoToken = domain.NewError(domain.CodeNotFound, "There is no token for this connection: the person must sign in again.")

// settle records that a person must sign in again. Tried is when the tokens were looked up that were
// tried last: what a sign-in stored later was not tried, so the recorded time must not be after it, and what was
// there by then was, so the time must not be before it. A token that a sign-in brought
// and that is dead as well is recorded again, or it would be tried for ever.
func (r *round) settle(ctx context.Context, task domain.FetchTask, tried time.Time, err error) error {
	waits := task.ConnectionState == domain.ConnectionReconnect
	if !dead(err) || waits && !task.SignedInAgain() {
		return err
	}
	if task.SignedInAt != nil && task.SignedInAt.After(tried) { // by another clock
		tried = *task.SignedInAt
	}
	return errors.Join(err, r.changeState(ctx, task, domain.ConnectionReconnect, reasonFor(err), tried))
}

// works records that a connection works again, once the platform has answered a call with its token. To look
// at a token proves nothing, nor does a round in which there was nothing to ask.
func (r *round) works(ctx context.Context, task domain.FetchTask) error {
	if task.ConnectionState != domain.ConnectionReconnect || r.claim.Kind == domain.FetchTokens {
		return nil
	}
	return r.changeState(ctx, task, domain.ConnectionOK, "", r.clock())
}

// dead tells whether only a person can mend the connection.
func dead(err error) bool {
	return platforms.ClassOf(err) == platforms.ClassReconnect || errors.Is(err, errNoToken)
}

// changeState records, once per change, how a connection is. While it waits for a person it is left out,
// because its recorded state says so.
func (c *Collector) changeState(ctx context.Context, account domain.FetchTask, state, reason string, at time.Time) error {
	first, err := c.Marks.First(ctx, account.ConnectionID, state, account.StateAt)
	if err != nil || !first {
		return err
	}
	if account.StateAt != nil && !at.After(*account.StateAt) { // the newest by this time is what counts
		at = account.StateAt.Add(time.Microsecond)
	}
	draft := commands.NewDraft(domain.TopicOperations, account.ParentAccount, domain.ConnectionStateChanged{
		ConnectionID: account.ConnectionID, AccountID: account.AccountID, MemberID: account.MemberID,
		Platform: account.Platform, State: state, Reason: reason, At: at,
	}, c.clock())
	draft.Envelope.Audit.Actor = "system:fetcher"
	if err := c.Operations.Append(ctx, draft); err != nil {
		return fmt.Errorf("record that connection %d is %s: %w", account.ConnectionID, state, err) // the log may have it all the same
	}
	c.Logger.WarnContext(ctx, "connection changed its state", "connection", account.ConnectionID, "state", state, "reason", reason)
	return c.Marks.Recorded(ctx, account.ConnectionID, state, at)
}
