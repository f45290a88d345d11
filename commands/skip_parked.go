package commands

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"github.com/ledgerboard/ledgerboard/domain"
)

// SkipParked skips a parked record of an agency's stream permanently. The record identifies the
// command: skipping it again changes nothing and is not an error.
type SkipParked struct {
	Caller // ParentAccount is the agency that owns the stream

	Position domain.Position
	Version  int64 // of the record in the stream
	Reason   domain.Reason
}

// Skip appends the skip as the next record of the stream, and returns when the tables have passed
// it. If the record was skipped before, already is true and nothing is appended. Errors are
// [domain.Error]s: conflict by the rules of [domain.DecideSkip] or after too many lost races;
// unavailable if nothing was appended or the outcome is open.
//
// If two operators skip a record at the same time, both calls succeed. If a retry folds the record
// between the decision and the skip, the skip has no effect, and the error is a conflict.
func (d *Dashboards) Skip(ctx context.Context, s SkipParked) (already bool, err error) {
	c := change{
		Caller: s.Caller, commandID: uuid.Must(uuid.NewV7()).String(),
		need: domain.FactsNeed{ParentAccount: s.ParentAccount, Partition: s.Position.Partition, Skip: &s.Position},
		decide: func(view domain.FactsView) (domain.Data, error) {
			skip := domain.ParkedSkipped{Position: s.Position, Version: s.Version, Reason: s.Reason}
			return domain.DecideSkip(*view.Parked, s.ParentAccount, skip)
		},
	}
	already = true
	err = d.inTurn(ctx, s.ParentAccount, "skipped",
		"Too many changes to the stream are being made at the same time. Nothing was skipped. Try again.",
		func(ctx context.Context) (settled bool, err error) {
			settled, appended, err := d.trySkip(ctx, c)
			already = already && !appended
			return settled, err
		})
	return already && err == nil, err
}

// trySkip makes one attempt to skip. settled is false after a lost race.
func (d *Dashboards) trySkip(ctx context.Context, c change) (settled, appended bool, err error) {
	view, event, err := d.consider(ctx, c)
	if err != nil || event == nil {
		return err == nil, false, err
	}
	draft := d.draft(c, event, view.Head)
	draft.Envelope.Subject = c.ParentAccount
	if err := d.appendError(ctx, c, d.Log.Append(ctx, draft)); err != nil {
		return false, false, err
	}
	if _, err := d.AwaitHead(ctx, c.ParentAccount, draft.Envelope.Chain.Version); err != nil {
		return false, true, skipOpen()
	}
	if view, err = d.Store.Load(ctx, c.need); err != nil {
		return false, true, skipOpen()
	}
	// It does not matter which record has the version: every skip of the event has the same effect.
	event, err = c.decide(view)
	switch {
	case errors.Is(err, domain.ErrNothingParked):
		return false, true, domain.NewError(domain.CodeConflict,
			"A retry folded the event before the skip took effect. The event was not skipped, "+
				"and the events that waited for it were retried too.")
	case err != nil: // the message of the decision would say that nothing was appended
		return false, true, domain.NewError(domain.CodeConflict,
			"A skip is in the log, but not all tables have skipped the event: it was retried in the meantime, "+
				"or one set of tables has not processed the skip yet. List the parked events and check again.")
	}
	return event == nil, true, nil
}

func skipOpen() error {
	return unavailable("It is not yet known whether the skip was recorded. " +
		"Check the event again, or repeat the skip. The event will not be skipped twice.")
}
