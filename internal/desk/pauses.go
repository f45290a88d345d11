package desk

import (
	"context"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
)

var (
	pauseActions = map[domain.PauseKind]domain.OperatorAction{
		domain.PauseProjection: domain.ActionProjectionPaused, domain.PausePlatform: domain.ActionPlatformPaused,
		domain.PauseConnection: domain.ActionConnectionPaused,
	}
	resumeActions = map[domain.PauseKind]domain.OperatorAction{
		domain.PauseProjection: domain.ActionProjectionResumed, domain.PausePlatform: domain.ActionPlatformResumed,
		domain.PauseConnection: domain.ActionConnectionResumed,
	}
)

// Pause pauses a projection, or the reading of a platform or a connection. What is paused stays paused as it was.
func (d *Desk) Pause(ctx context.Context, c commands.Caller, kind domain.PauseKind, name string, reason domain.Reason) error {
	on, err := d.pausable(ctx, kind, name)
	if err != nil {
		return err
	}
	return d.act(ctx, c, pauseActions[kind], on, reason, simply(func(ctx context.Context) error {
		_, err := d.pauses.Pause(ctx, domain.Pause{Kind: kind, Name: name, Since: time.Now().UTC(), Actor: c.UserID, Reason: reason})
		return err
	}))
}

// Resume ends a pause.
func (d *Desk) Resume(ctx context.Context, c commands.Caller, kind domain.PauseKind, name string, reason domain.Reason) error {
	on, err := d.pausable(ctx, kind, name)
	if err != nil {
		return err
	}
	return d.act(ctx, c, resumeActions[kind], on, reason, simply(func(ctx context.Context) error {
		_, err := d.pauses.Resume(ctx, kind, name)
		return err
	}))
}

func (d *Desk) pausable(ctx context.Context, kind domain.PauseKind, name string) (on domain.OperatorTarget, err error) {
	switch kind {
	case domain.PauseProjection:
		_, err = d.projection(name)
		return domain.OperatorTarget{Projection: name}, err
	case domain.PauseConnection:
		return d.connection(ctx, name)
	case domain.PausePlatform:
	}
	var names []string
	for _, p := range domain.Platforms() {
		if p.String() == name {
			return domain.OperatorTarget{Platform: p}, nil
		}
		names = append(names, p.String())
	}
	return on, domain.NewError(domain.CodeNotFound, "There is no platform %q. There are %s.", name, strings.Join(names, ", "))
}
