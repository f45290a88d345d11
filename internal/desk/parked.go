package desk

import (
	"context"
	"errors"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/projections"
)

// InspectParked shows a parked event as it stands in the log. Its texts are masked without a reason; to see them is
// recorded.
func (d *Desk) InspectParked(ctx context.Context, c commands.Caller, id string, unmask *domain.Reason) (record operator.ParkedRecord, err error) {
	events, err := d.Parked(ctx, operator.ParkedFilter{IDs: []string{id}})
	if err != nil {
		return record, err
	}
	if len(events) == 0 {
		return record, domain.NewError(domain.CodeNotFound, "No event is parked as %s.", id)
	}
	e, err := d.projection(events[0].Projection)
	if err != nil {
		return record, err
	}
	if unmask == nil {
		return e.InspectParked(ctx, id, false)
	}
	at := events[0].Position()
	on := domain.OperatorTarget{Projection: e.Name(), Position: &at}
	err = d.act(ctx, c, domain.ActionParkedInspected, on, *unmask, simply(func(ctx context.Context) error {
		record, err = e.InspectParked(ctx, id, true)
		return err
	}))
	return record, err
}

// RetryParked folds parked events again from the log; each projection that has some is recorded.
func (d *Desk) RetryParked(
	ctx context.Context, c commands.Caller, f operator.ParkedFilter, reason domain.Reason,
) (operator.RetryResult, error) {
	all := operator.RetryResult{Parked: []operator.StillParked{}}
	err := d.eachParked(ctx, c, f, domain.ActionParkedRetried, reason, func(
		ctx context.Context, e *projections.Engine, f operator.ParkedFilter,
	) (commands.Effect, error) {
		result, err := e.RetryParked(ctx, f)
		all.Folded += result.Folded
		all.Parked = append(all.Parked, result.Parked...)
		return commands.Effect{Count: result.Folded, Left: len(result.Parked)}, err
	})
	return all, err
}

// AcknowledgeParked notes that parked events were looked after. Tables stay as they are.
func (d *Desk) AcknowledgeParked(ctx context.Context, c commands.Caller, f operator.ParkedFilter, reason domain.Reason) (n int, err error) {
	err = d.eachParked(ctx, c, f, domain.ActionParkedAcknowledged, reason, func(
		ctx context.Context, e *projections.Engine, f operator.ParkedFilter,
	) (commands.Effect, error) {
		acknowledged, err := e.AcknowledgeParked(ctx, f)
		n += acknowledged
		return commands.Effect{Count: acknowledged}, err
	})
	return n, err
}

// eachParked records and acts, projection by projection, on what a filter chooses and waits for an operator.
func (d *Desk) eachParked(
	ctx context.Context, c commands.Caller, f operator.ParkedFilter, action domain.OperatorAction, reason domain.Reason,
	do func(context.Context, *projections.Engine, operator.ParkedFilter) (commands.Effect, error),
) error {
	f.State = ""
	events, err := d.Parked(ctx, f)
	if err != nil {
		return err
	}
	found := map[string][]operator.ParkedEvent{}
	for _, ev := range events {
		if ev.State != projections.ParkedSkipped {
			found[ev.Projection] = append(found[ev.Projection], ev)
		}
	}
	if len(found) == 0 {
		return domain.NewError(domain.CodeNotFound, "No parked event is all that you named.")
	}
	var failed []error
	for _, e := range d.engines {
		of := found[e.Name()]
		if len(of) == 0 {
			continue
		}
		on := domain.OperatorTarget{Projection: e.Name(), Stream: f.Stream, Type: f.Type, Count: len(of)}
		if on.Stream == "" && on.Type == "" {
			at := of[0].Position()
			on.Position = &at // of the first
		}
		f.Projection = e.Name()
		failed = append(failed, d.act(ctx, c, action, on, reason, func(ctx context.Context) (commands.Effect, error) { return do(ctx, e, f) }))
	}
	return errors.Join(failed...)
}
