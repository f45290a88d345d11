package assembly

import (
	"context"
	"errors"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/projections"
)

// Parked lists parked events: also the preview of what the same filter retries or acknowledges.
func (d *Desk) Parked(ctx context.Context, f operator.ParkedFilter) ([]operator.ParkedEvent, error) {
	if f.Projection != "" {
		if _, err := d.engine(f.Projection); err != nil {
			return nil, err
		}
	}
	return projections.ListParked(ctx, d.parts.engine.value, f)
}

// InspectParked shows a parked event as it stands in the log. Its texts are masked without a reason; to see them is
// recorded.
func (d *Desk) InspectParked(ctx context.Context, c commands.Caller, id string, unmask *domain.Reason) (operator.ParkedRecord, error) {
	events, err := d.Parked(ctx, operator.ParkedFilter{IDs: []string{id}})
	if err != nil {
		return operator.ParkedRecord{}, err
	}
	if len(events) == 0 {
		return operator.ParkedRecord{}, domain.NewError(domain.CodeNotFound, "No event is parked as %s.", id)
	}
	e, err := d.engine(events[0].Projection)
	if err != nil {
		return operator.ParkedRecord{}, err
	}
	if unmask != nil {
		at := events[0].Position()
		on := domain.OperatorTarget{Projection: e.Name(), Position: &at}
		if err := d.record(ctx, c, domain.ActionParkedInspected, on, *unmask); err != nil {
			return operator.ParkedRecord{}, err
		}
	}
	return e.InspectParked(ctx, id, unmask != nil)
}

// RetryParked folds parked events again from the log; each projection that has some is recorded.
func (d *Desk) RetryParked(
	ctx context.Context, c commands.Caller, f operator.ParkedFilter, reason domain.Reason,
) (operator.RetryResult, error) {
	all := operator.RetryResult{Parked: []operator.StillParked{}}
	err := d.eachParked(ctx, c, f, domain.ActionParkedRetried, reason, func(e *projections.Engine, f operator.ParkedFilter) error {
		result, err := e.RetryParked(ctx, f)
		all.Folded += result.Folded
		all.Parked = append(all.Parked, result.Parked...)
		return err
	})
	return all, err
}

// AcknowledgeParked notes that parked events were looked after. Tables stay as they are.
func (d *Desk) AcknowledgeParked(ctx context.Context, c commands.Caller, f operator.ParkedFilter, reason domain.Reason) (n int, err error) {
	err = d.eachParked(ctx, c, f, domain.ActionParkedAcknowledged, reason, func(e *projections.Engine, f operator.ParkedFilter) error {
		acknowledged, err := e.AcknowledgeParked(ctx, f)
		n += acknowledged
		return err
	})
	return n, err
}

// eachParked records and acts, projection by projection, on what a filter chooses and waits for an operator.
func (d *Desk) eachParked(
	ctx context.Context, c commands.Caller, f operator.ParkedFilter, action domain.OperatorAction, reason domain.Reason,
	act func(*projections.Engine, operator.ParkedFilter) error,
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
		if err := d.record(ctx, c, action, on, reason); err != nil {
			return errors.Join(append(failed, err)...)
		}
		f.Projection = e.Name()
		failed = append(failed, act(e, f))
	}
	return errors.Join(failed...)
}
