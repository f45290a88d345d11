package commands

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"github.com/ledgerboard/ledgerboard/domain"
)

// SkipParked leaves a parked record of an agency's stream out for good. The record is the command's identity: to skip it
// again changes nothing and is no error.
type SkipParked struct {
	Caller // ParentAccount is the agency whose stream it is

	Position domain.Position
	Reason   domain.Reason
}

// Skip appends the skip as the next record of the stream and returns when the tables have passed it: what waited behind the
// record is folded by then, or parked for a reason of its own. Already says that somebody had skipped it before; nothing is
// appended then. Errors are [domain.Error]s: conflict by the rules of [domain.DecideSkip], also where a retry folded the
// record meanwhile, and after too many lost races; unavailable when nothing was appended, or when the outcome is open.
//
// If two operators skip at once, one record is effective, the other stale, and both find the record skipped. If a retry folds it between the
// look and the skip, the skip has no effect, live and in every rebuild, and the answer says so.
func (d *Dashboards) Skip(ctx context.Context, s SkipParked) (already bool, err error) {
	c := change{
		Caller: s.Caller, commandID: uuid.Must(uuid.NewV7()).String(),
		need: domain.FactsNeed{ParentAccount: s.ParentAccount, Partition: s.Position.Partition, Skip: &s.Position},
		decide: func(view domain.FactsView) (domain.Data, error) {
			return domain.DecideSkip(*view.Parked, s.ParentAccount, s.Position, s.Reason)
		},
	}
	already = true
	err = d.inTurn(ctx, s.ParentAccount, "skipped", "The stream is being changed by many at once. Nothing was skipped; try again.",
		func(ctx context.Context) (settled bool, err error) {
			settled, appended, err := d.trySkip(ctx, c)
			already = already && !appended
			return settled, err
		})
	return already && err == nil, err
}

// trySkip is one round. Settled is false after a lost race.
func (d *Dashboards) trySkip(ctx context.Context, c change) (settled, appended bool, err error) {
	view, event, err := d.consider(ctx, c)
	if err != nil || event == nil {
		return err == nil, false, err
	}
	draft := d.draft(c, event, view.Head)
	draft.Envelope.Subject = c.ParentAccount
	if err := d.appended(ctx, c, d.Log.Append(ctx, draft)); err != nil {
		return false, false, err
	}
	if _, err := d.AwaitHead(ctx, c.ParentAccount, draft.Envelope.Chain.Version); err != nil {
		return false, true, skipOpen()
	}
	if view, err = d.Store.Load(ctx, c.need); err != nil {
		return false, true, skipOpen()
	}
	// Nobody asks whose record passed: the skip of one is the skip of all.
	event, err = c.decide(view)
	switch {
	case errors.Is(err, domain.ErrNothingParked):
		return false, true, domain.NewError(domain.CodeConflict,
			"A retry folded the event before the skip came to it. It is not left out, and what waited behind it was tried again too.")
	case err != nil: // by the words of a decision that nothing was appended after
		return false, true, domain.NewError(domain.CodeConflict, "A skip is in the log, and the event is not left out of all tables: it was retried "+
			"meanwhile, or one set of tables has not come to the skip yet. List what is parked and look again.")
	}
	return event == nil, true, nil
}

func skipOpen() error {
	return unavailable("It is not known yet whether the skip was taken. Look at the event again, or skip it again: it will not be skipped twice.")
}
