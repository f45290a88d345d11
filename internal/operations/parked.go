package operations

import (
	"context"
	"errors"
	"slices"
	"strconv"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/projections"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// InspectParked returns a parked event and its record in the log. The access is recorded.
func (d *Service) InspectParked(
	ctx context.Context, c commands.Caller, id string, reason domain.Reason,
) (record operator.ParkedRecord, err error) {
	event, err := d.parkedEvent(ctx, id)
	if err != nil {
		return record, err
	}
	e, err := d.projection(event.Projection)
	if err != nil {
		return record, err
	}
	at := event.Position()
	target := domain.OperatorTarget{Projection: e.Name(), Position: &at}
	err = d.act(ctx, c, domain.ActionParkedInspected, target, reason, withoutEffect(func(ctx context.Context) error {
		record, err = e.InspectParked(ctx, id)
		return err
	}))
	return record, err
}

func (d *Service) parkedEvent(ctx context.Context, id string) (event operator.ParkedEvent, err error) {
	found, err := d.Parked(ctx, operator.ParkedFilter{IDs: []string{id}})
	if err != nil {
		return event, err
	}
	if len(found) == 0 {
		return event, domain.NewError(domain.CodeNotFound,
			"There is no parked event %s. 'ledgerboard parked' lists all parked events.", id)
	}
	return found[0], nil
}

// RetryParked folds the parked events with the given ids from the log again; without ids, all
// parked events. One action is recorded for each affected projection.
func (d *Service) RetryParked(
	ctx context.Context, c commands.Caller, ids []string, reason domain.Reason,
) (operator.RetryResult, error) {
	all := operator.RetryResult{Parked: []operator.StillParked{}}
	events, err := d.Parked(ctx, operator.ParkedFilter{IDs: ids, State: projections.ParkedWaits})
	if err != nil {
		return all, err
	}
	found := map[string][]operator.ParkedEvent{}
	for _, ev := range events {
		found[ev.Projection] = append(found[ev.Projection], ev)
	}
	for _, id := range ids {
		if !slices.ContainsFunc(events, func(e operator.ParkedEvent) bool { return e.ID == id }) {
			return all, domain.NewError(domain.CodeNotFound,
				"The event %.60q is not parked. 'ledgerboard parked' lists all parked events. Nothing was retried.", id)
		}
	}
	if len(found) == 0 {
		return all, domain.NewError(domain.CodeNotFound, "No events are parked.")
	}
	var failed []error
	for _, e := range d.Engines {
		events := found[e.Name()]
		if len(events) == 0 {
			continue
		}
		at := events[0].Position()
		target := domain.OperatorTarget{Projection: e.Name(), Position: &at, Count: len(events)}
		retry := func(ctx context.Context) (commands.Effect, error) {
			result, err := e.RetryParked(ctx, operator.ParkedFilter{IDs: ids, Projection: e.Name()})
			all.Folded += result.Folded
			all.Parked = append(all.Parked, result.Parked...)
			return commands.Effect{Count: result.Folded, Left: len(result.Parked)}, err
		}
		failed = append(failed, d.act(ctx, c, domain.ActionParkedRetried, target, reason, retry))
	}
	return all, errors.Join(failed...)
}

// SkipParked skips a parked event. An event that blocks an agency's dashboards is skipped
// permanently, by a record in the agency's stream; the result describes the events that were parked
// behind it. An event that blocks no other events is only marked as skipped. If the event was
// already skipped, SkipParked does nothing and sets Already.
func (d *Service) SkipParked(
	ctx context.Context, c commands.Caller, id string, reason domain.Reason,
) (result operator.SkipResult, err error) {
	result = operator.SkipResult{ID: id, Parked: []operator.StillParked{}}
	event, err := d.parkedEvent(ctx, id)
	if err != nil {
		return result, err
	}
	if event.State == projections.ParkedSkipped {
		result.Already = true
		return result, nil
	}
	at := event.Position()
	target := domain.OperatorTarget{Projection: event.Projection, Position: &at, Count: 1}
	// SkipParked refuses an event that broke the chain of a stream in the stream's own partition.
	if !blocksStream(event) || event.Reason == fold.ReasonChainBroken {
		e, err := d.projection(event.Projection)
		if err != nil {
			return result, err
		}
		skip := func(ctx context.Context) error { return e.SkipParked(ctx, id) }
		return result, d.act(ctx, c, domain.ActionParkedSkipped, target, reason, withoutEffect(skip))
	}
	version, err := d.checkSkip(ctx, event)
	if err != nil {
		return result, err
	}
	waiting, err := d.waiting(ctx, event)
	if err != nil {
		return result, err
	}
	updates, err := d.skipper(ctx)
	if err != nil {
		return result, err
	}
	err = d.act(ctx, c, domain.ActionParkedSkipped, target, reason, func(ctx context.Context) (commands.Effect, error) {
		c.ParentAccount = event.Stream
		skip := commands.SkipParked{Caller: c, Position: at, Version: version, Reason: reason}
		if result.Already, err = updates.Skip(ctx, skip); err != nil {
			return commands.Effect{}, err
		}
		left, err := d.waiting(ctx, event)
		return addWaiting(&result, waiting, left, err), nil
	})
	return result, err
}

// addWaiting adds the events that were parked behind the skipped event to the result. If they could
// not be read, it sets Unknown instead of returning an error, because the skip has taken effect.
func addWaiting(result *operator.SkipResult, before, left []operator.ParkedEvent, unread error) commands.Effect {
	if unread != nil {
		result.Unknown = true
		return commands.Effect{}
	}
	for _, p := range left {
		result.Parked = append(result.Parked, operator.StillParked{ID: p.ID, Reason: p.Reason, Detail: p.Detail})
	}
	for _, p := range before {
		if !slices.ContainsFunc(left, func(l operator.ParkedEvent) bool { return l.ID == p.ID }) {
			result.Folded++
		}
	}
	return commands.Effect{Count: result.Folded, Left: len(result.Parked)}
}

// blocksStream reports whether an event belongs to the stream of an agency's dashboards.
func blocksStream(event operator.ParkedEvent) bool {
	stream, ok := domain.HexID(event.Stream)
	return event.Topic == domain.TopicDashboards && ok && stream == event.Stream
}

// checkSkip returns an error if no process would apply a skip, and otherwise the version of the
// event, which the skip names.
func (d *Service) checkSkip(ctx context.Context, event operator.ParkedEvent) (version int64, err error) {
	e, err := d.projection(event.Projection)
	if err != nil {
		return 0, err
	}
	status, err := e.Status(ctx)
	if err != nil {
		return 0, err
	}
	folded, err := projections.Folded(ctx, d.engine)
	if err != nil {
		return 0, err
	}
	if !slices.Contains(folded, status.GenerationName()) {
		return 0, domain.NewError(domain.CodeUnavailable,
			"No process folds %s, so the skip would not take effect. "+
				"Start a process with the role projector, then skip the event again.",
			event.Projection)
	}
	record, err := e.InspectParked(ctx, event.ID)
	for _, h := range record.Headers {
		if h.Key == eventlog.MetadataVersion {
			version, _ = strconv.ParseInt(h.Value, 10, 64) // valid, because the event was effective
		}
	}
	return version, err
}

func (d *Service) waiting(ctx context.Context, event operator.ParkedEvent) ([]operator.ParkedEvent, error) {
	list, err := d.Parked(ctx, operator.ParkedFilter{Projection: event.Projection, Stream: event.Stream})
	return slices.DeleteFunc(list, func(p operator.ParkedEvent) bool {
		return p.State == projections.ParkedSkipped || p.ID == event.ID || p.Partition != event.Partition
	}), err
}

// skipper returns the dashboard commands for skips. They poll the tables, because their Progress is
// not connected.
func (d *Service) skipper(ctx context.Context) (*commands.Dashboards, error) {
	tables, err := d.tables(ctx)
	if err != nil {
		return nil, err
	}
	config := d.Changes
	config.Store = &readmodels.Dashboards{Pool: tables, Progress: pg.NewProgress()}
	return commands.NewDashboards(config), nil
}
