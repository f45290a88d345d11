package operations

import (
	"context"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
)

var pauseActions = map[domain.PauseKind]struct{ pause, resume domain.OperatorAction }{
	domain.PauseProjection: {domain.ActionProjectionPaused, domain.ActionProjectionResumed},
	domain.PausePlatform:   {domain.ActionPlatformPaused, domain.ActionPlatformResumed},
	domain.PauseConnection: {domain.ActionConnectionPaused, domain.ActionConnectionResumed},
}

// Pause pauses a projection, or the readings of a platform or connection. If the target is already
// paused, the error has code [domain.CodeConflict].
func (d *Service) Pause(
	ctx context.Context, c commands.Caller, kind domain.PauseKind, name string, reason domain.Reason,
) error {
	target, err := d.pauseTarget(ctx, kind, name, false)
	if err != nil {
		return err
	}
	return d.act(ctx, c, pauseActions[kind].pause, target, reason, withoutEffect(func(ctx context.Context) error {
		_, err := d.pauses.Pause(ctx, domain.Pause{
			Kind: kind, Name: name, Since: time.Now().UTC(), Actor: c.UserID, Reason: reason,
		})
		return err
	}))
}

// Resume ends a pause. If the target is not paused, the error has code [domain.CodeConflict].
func (d *Service) Resume(
	ctx context.Context, c commands.Caller, kind domain.PauseKind, name string, reason domain.Reason,
) error {
	target, err := d.pauseTarget(ctx, kind, name, true)
	if err != nil {
		return err
	}
	return d.act(ctx, c, pauseActions[kind].resume, target, reason, withoutEffect(func(ctx context.Context) error {
		_, err := d.pauses.Resume(ctx, kind, name)
		return err
	}))
}

// pauseTarget is like [Service.Pausable], but returns an error if the target's state is not the
// expected one.
func (d *Service) pauseTarget(
	ctx context.Context, kind domain.PauseKind, name string, paused bool,
) (on domain.OperatorTarget, err error) {
	if on, err = d.Pausable(ctx, kind, name); err != nil {
		return on, err
	}
	isPaused, err := d.pauses.Paused(ctx, kind, name)
	if err == nil && isPaused != paused {
		err = domain.NewError(domain.CodeConflict, "Nothing was done: %s %s is %s.",
			kind, name, map[bool]string{true: "already paused", false: "not paused"}[isPaused])
	}
	return on, err
}

// Pausable returns the target for pausing or resuming a projection, platform or connection. If it
// does not exist, the error has code [domain.CodeNotFound].
func (d *Service) Pausable(
	ctx context.Context, kind domain.PauseKind, name string,
) (on domain.OperatorTarget, err error) {
	switch kind {
	case domain.PauseProjection:
		_, err = d.projection(name)
		return domain.OperatorTarget{Projection: name}, err
	case domain.PauseConnection:
		return d.connection(ctx, name)
	case domain.PausePlatform:
	}
	if p := domain.PlatformNamed(name); p != 0 {
		return domain.OperatorTarget{Platform: p}, nil
	}
	return on, domain.NewError(domain.CodeNotFound, "There is no platform %q. The platforms are %s.",
		name, strings.Join(domain.PlatformNames(), ", "))
}
