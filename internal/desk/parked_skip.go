package desk

import (
	"context"
	"slices"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/projections"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// SkipParked leaves a parked event of an agency's dashboards out for good, by a record of the agency's own stream, and tells
// what became of those that waited behind it. To skip it again does nothing, and says so.
func (d *Desk) SkipParked(ctx context.Context, c commands.Caller, id string, reason domain.Reason) (result operator.SkipResult, err error) {
	result = operator.SkipResult{ID: id, Parked: []operator.StillParked{}}
	event, err := d.skippable(ctx, id)
	if err != nil {
		return result, err
	}
	if event.State == projections.ParkedSkipped {
		result.Already = true
		return result, nil
	}
	waiting, err := d.waiting(ctx, event)
	if err != nil {
		return result, err
	}
	updates, err := d.skipper(ctx)
	if err != nil {
		return result, err
	}
	at := event.Position()
	on := domain.OperatorTarget{Projection: event.Projection, Position: &at, Count: 1}
	err = d.act(ctx, c, domain.ActionParkedSkipped, on, reason, func(ctx context.Context) (commands.Effect, error) {
		c.ParentAccount = event.Stream
		already, err := updates.Skip(ctx, commands.SkipParked{Caller: c, Position: at, Reason: reason})
		if err != nil {
			return commands.Effect{}, err
		}
		result.Already = already
		left, err := d.waiting(ctx, event)
		return behindSkip(&result, waiting, left, err), nil
	})
	return result, err
}

// behindSkip tells what became of the events that waited behind one that is skipped. That they could not be looked at is no failure
// of the skip, which stands in the log and has taken effect.
func behindSkip(result *operator.SkipResult, before, left []operator.ParkedEvent, unread error) commands.Effect {
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

// holdsUp refuses to skip an event that no other waits for.
func holdsUp(event operator.ParkedEvent) error {
	if event.Topic != domain.TopicDashboards {
		return domain.NewError(domain.CodeConflict,
			"Only an event of dashboards can be skipped: elsewhere a parked event holds up nothing. Acknowledge %s instead.", event.ID)
	}
	if stream, ok := domain.HexID(event.Stream); !ok || stream != event.Stream {
		return domain.NewError(domain.CodeConflict, "%s lies in the stream of no agency and holds up nothing. Acknowledge it instead.", event.ID)
	}
	return nil
}

// skippable finds a parked event of dashboards that lies in the stream of an agency, and somebody who folds that.
func (d *Desk) skippable(ctx context.Context, id string) (event operator.ParkedEvent, err error) {
	found, err := d.Parked(ctx, operator.ParkedFilter{IDs: []string{id}})
	if err != nil {
		return event, err
	}
	if len(found) == 0 {
		return event, domain.NewError(domain.CodeNotFound, "No event is parked as %s. 'ledgerboard parked' lists what is.", id)
	}
	event = found[0]
	if err := holdsUp(event); err != nil {
		return event, err
	}
	e, err := d.projection(event.Projection)
	if err != nil {
		return event, err
	}
	status, err := e.Status(ctx)
	if err != nil {
		return event, err
	}
	folded, err := projections.FoldedSoon(ctx, d.engine, status.GenerationName())
	if err != nil {
		return event, err
	}
	if !folded {
		return event, domain.NewError(domain.CodeUnavailable,
			"No process folds %s, so that nobody would carry the skip out. Start a service with the role projector, then skip again.", event.Projection)
	}
	return event, nil
}

// waiting are the events of the same stream that are parked and not skipped, but for the event itself.
func (d *Desk) waiting(ctx context.Context, event operator.ParkedEvent) ([]operator.ParkedEvent, error) {
	list, err := d.Parked(ctx, operator.ParkedFilter{Projection: event.Projection, Stream: event.Stream})
	return slices.DeleteFunc(list, func(p operator.ParkedEvent) bool {
		return p.State == projections.ParkedSkipped || p.ID == event.ID || p.Partition != event.Partition
	}), err
}

// skipper are the commands of dashboards as an operator needs them. Nothing tells it when tables move: it looks.
func (d *Desk) skipper(ctx context.Context) (*commands.Dashboards, error) {
	tables, err := d.tables(ctx)
	if err != nil {
		return nil, err
	}
	config := d.changes
	config.Store = readmodels.NewDashboards(readmodels.DashboardsConfig{Pool: tables, Progress: pg.NewProgress()})
	return commands.NewDashboards(config)
}
