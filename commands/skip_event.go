package commands

import (
	"context"

	"github.com/ledgerboard/ledgerboard/domain"
)

// SkipEvent leaves out an event of an agency's stream permanently.
type SkipEvent struct {
	Caller // ParentAccount is the agency that owns the stream

	Version int64 // of the event in the stream
	Reason  domain.Reason
}

// Skip appends the skip as the next record of the stream, and returns when the stream was folded
// again without the event. Errors are [domain.Error]s: conflict by the rules of [domain.DecideSkip]
// or after too many lost races; unavailable if nothing was appended or the outcome is open.
func (d *Dashboards) Skip(ctx context.Context, s SkipEvent) error {
	c := d.begin(change{
		Caller: s.Caller, need: domain.FactsNeed{ParentAccount: s.ParentAccount, Skip: true},
		decide: func(view domain.FactsView) (domain.Data, error) {
			return domain.DecideSkip(view.Stop, domain.EventSkipped{Version: s.Version, Reason: s.Reason})
		},
	})
	return d.inTurn(ctx, s.ParentAccount, "skipped",
		"Too many changes to the stream are being made at the same time. Nothing was skipped. Try again.",
		func(ctx context.Context) (settled bool, err error) { return d.trySkip(ctx, c, s.Version) })
}

// trySkip makes one attempt to skip. settled is false after a lost race.
func (d *Dashboards) trySkip(ctx context.Context, c change, skipped int64) (settled bool, err error) {
	view, event, err := d.consider(ctx, c)
	if err != nil {
		return false, err
	}
	draft := d.draft(c, event, view.Head)
	draft.Envelope.Subject = c.ParentAccount
	if err := d.appendError(ctx, c, d.Log.Append(ctx, draft)); err != nil {
		return false, err
	}
	version := draft.Envelope.Chain.Version
	if view, err = d.awaitFoldedAgain(ctx, c, version); err != nil {
		return false, unavailable("It is not yet known whether the skip was recorded and the stream was folded again. " +
			"List the dead letters and check again.")
	}
	if view.Stop != nil && view.Stop.Version == skipped {
		return false, nil // another record has the version
	}
	// If the stream has stopped before the skip, no command is known for its version.
	s, err := d.Store.Settle(ctx, c.ParentAccount, version)
	return err == nil && (s.CommandID == "" || s.CommandID == c.commandID), err
}

// awaitFoldedAgain waits until the head has reached a version and the stream need not be folded
// again.
func (d *Dashboards) awaitFoldedAgain(ctx context.Context, c change, version int64) (view domain.FactsView, err error) {
	err = await(ctx, closed, d.moved(c.ParentAccount), func(ctx context.Context) (bool, error) {
		var failed error
		view, failed = d.Store.Load(ctx, c.need)
		return failed == nil && view.Head.Version >= version && (view.Stop == nil || !view.Stop.FoldAgain), nil
	})
	return view, err
}
