package desk

import (
	"context"
	"errors"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/projections"
)

// InspectParked shows a parked event as it stands in the log, which is recorded.
func (d *Desk) InspectParked(ctx context.Context, c commands.Caller, id string, reason domain.Reason) (record operator.ParkedRecord, err error) {
	event, err := d.parkedEvent(ctx, id)
	if err != nil {
		return record, err
	}
	e, err := d.projection(event.Projection)
	if err != nil {
		return record, err
	}
	at := event.Position()
	on := domain.OperatorTarget{Projection: e.Name(), Position: &at}
	err = d.act(ctx, c, domain.ActionParkedInspected, on, reason, simply(func(ctx context.Context) error {
		record, err = e.InspectParked(ctx, id)
		return err
	}))
	return record, err
}

// parkedEvent finds a parked event.
func (d *Desk) parkedEvent(ctx context.Context, id string) (event operator.ParkedEvent, err error) {
	found, err := d.Parked(ctx, operator.ParkedFilter{IDs: []string{id}})
	if err != nil {
		return event, err
	}
	if len(found) == 0 {
		return event, domain.NewError(domain.CodeNotFound, "No event is parked as %s. 'ledgerboard parked' lists what is.", id)
	}
	return found[0], nil
}

// RetryParked folds parked events again from the log, all of them without ids; each projection that has some is recorded.
func (d *Desk) RetryParked(ctx context.Context, c commands.Caller, ids []string, reason domain.Reason) (operator.RetryResult, error) {
	all := operator.RetryResult{Parked: []operator.StillParked{}}
	events, err := d.Parked(ctx, operator.ParkedFilter{IDs: ids, State: projections.ParkedWaits})
	if err != nil {
		return all, err
	}
	found := map[string][]operator.ParkedEvent{}
	for _, ev := range events {
		found[ev.Projection] = append(found[ev.Projection], ev)
	}
	if len(found) == 0 {
		return all, domain.NewError(domain.CodeNotFound, "No such event is parked. 'ledgerboard parked' lists what is.")
	}
	var failed []error
	for _, e := range d.engines {
		of := found[e.Name()]
		if len(of) == 0 {
			continue
		}
		at := of[0].Position()
		on := domain.OperatorTarget{Projection: e.Name(), Position: &at, Count: len(of)}
		failed = append(failed, d.act(ctx, c, domain.ActionParkedRetried, on, reason, func(ctx context.Context) (commands.Effect, error) {
			result, err := e.RetryParked(ctx, operator.ParkedFilter{IDs: ids, Projection: e.Name()})
			all.Folded += result.Folded
			all.Parked = append(all.Parked, result.Parked...)
			return commands.Effect{Count: result.Folded, Left: len(result.Parked)}, err
		}))
	}
	return all, errors.Join(failed...)
}
