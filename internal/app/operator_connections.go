package app

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/vault"
	"github.com/ledgerboard/ledgerboard/readmodels/directory"
)

// Connections lists the connected accounts and how they are read.
func (o *Operators) Connections(ctx context.Context, q directory.ReadingsQuery) ([]directory.ConnectionReading, error) {
	return directory.Connections{Pool: o.parts.ReadPool}.Readings(ctx, q, time.Now())
}

// connection returns the target with an id, which must have the canonical decimal form by which
// pauses are stored. A paused connection may no longer exist.
func (o *Operators) connection(ctx context.Context, name string) (on domain.OperatorTarget, err error) {
	id, err := strconv.ParseInt(name, 10, 64)
	if err != nil || strconv.FormatInt(id, 10) != name {
		id = 0 // no connection has id 0
	}
	place, err := directory.Connections{Pool: o.parts.ReadPool}.TokenPlace(ctx, id)
	if errors.Is(err, directory.ErrConnectionNotFound) {
		var paused bool
		if paused, err = o.pauses.Paused(ctx, domain.PauseConnection, name); paused || err != nil {
			return domain.OperatorTarget{Connection: id}, err
		}
		err = domain.NewError(domain.CodeNotFound,
			"There is no connection %.40s. 'ledgerboard connections list' lists all connections.", name)
	}
	return domain.OperatorTarget{Connection: id, Platform: place.Platform}, err
}

// ReadConnection makes the accounts of a connection due immediately: their totals, and those of
// their posts that are due by age. Quotas still apply. If none of the accounts can be read, the
// error has code [domain.CodeConflict] and contains the reason.
func (o *Operators) ReadConnection(ctx context.Context, c commands.Caller, id string, reason domain.Reason) error {
	target, err := o.connection(ctx, id)
	if err != nil {
		return err
	}
	readings, err := o.Connections(ctx, directory.ReadingsQuery{Connections: []int64{target.Connection}})
	if err != nil {
		return err
	}
	if len(readings) == 0 {
		return domain.NewError(domain.CodeConflict, "Connection %s reads no connected account. Connect one first.", id)
	}
	var accounts []int64
	for _, r := range readings {
		if r.Read() {
			accounts = append(accounts, r.SocialAccount)
		}
	}
	if len(accounts) == 0 {
		return domain.NewError(domain.CodeConflict, "Connection %s is not read at the moment. %s", id, readings[0].Text)
	}
	return o.act(ctx, c, domain.ActionConnectionRead, target, reason, withoutEffect(func(ctx context.Context) error {
		return vault.ReadNow(ctx, o.parts.KeptPool, target.Platform, accounts, time.Now().UTC())
	}))
}

var pauseActions = map[domain.PauseKind]struct{ pause, resume domain.OperatorAction }{
	domain.PauseProjection: {domain.ActionProjectionPaused, domain.ActionProjectionResumed},
	domain.PausePlatform:   {domain.ActionPlatformPaused, domain.ActionPlatformResumed},
	domain.PauseConnection: {domain.ActionConnectionPaused, domain.ActionConnectionResumed},
}

// Pause pauses a projection, or the readings of a platform or connection. If the target is already
// paused, the error has code [domain.CodeConflict].
func (o *Operators) Pause(
	ctx context.Context, c commands.Caller, kind domain.PauseKind, name string, reason domain.Reason,
) error {
	target, err := o.pauseTarget(ctx, kind, name, false)
	if err != nil {
		return err
	}
	return o.act(ctx, c, pauseActions[kind].pause, target, reason, withoutEffect(func(ctx context.Context) error {
		_, err := o.pauses.Pause(ctx, domain.Pause{
			Kind: kind, Name: name, Since: time.Now().UTC(), Actor: c.UserID, Reason: reason,
		})
		return err
	}))
}

// Resume ends a pause. If the target is not paused, the error has code [domain.CodeConflict].
func (o *Operators) Resume(
	ctx context.Context, c commands.Caller, kind domain.PauseKind, name string, reason domain.Reason,
) error {
	target, err := o.pauseTarget(ctx, kind, name, true)
	if err != nil {
		return err
	}
	return o.act(ctx, c, pauseActions[kind].resume, target, reason, withoutEffect(func(ctx context.Context) error {
		_, err := o.pauses.Resume(ctx, kind, name)
		return err
	}))
}

// pauseTarget is like [Operators.Pausable], but returns an error if the target's state is not the
// expected one.
func (o *Operators) pauseTarget(
	ctx context.Context, kind domain.PauseKind, name string, paused bool,
) (on domain.OperatorTarget, err error) {
	if on, err = o.Pausable(ctx, kind, name); err != nil {
		return on, err
	}
	isPaused, err := o.pauses.Paused(ctx, kind, name)
	if err == nil && isPaused != paused {
		err = domain.NewError(domain.CodeConflict, "Nothing was done: %s %s is %s.",
			kind, name, map[bool]string{true: "already paused", false: "not paused"}[isPaused])
	}
	return on, err
}

// Pausable returns the target for pausing or resuming a projection, platform or connection. If it
// does not exist, the error has code [domain.CodeNotFound].
func (o *Operators) Pausable(
	ctx context.Context, kind domain.PauseKind, name string,
) (on domain.OperatorTarget, err error) {
	switch kind {
	case domain.PauseProjection:
		_, err = o.projection(name)
		return domain.OperatorTarget{Projection: name}, err
	case domain.PauseConnection:
		return o.connection(ctx, name)
	case domain.PausePlatform:
	}
	if p := domain.PlatformNamed(name); p != 0 {
		return domain.OperatorTarget{Platform: p}, nil
	}
	return on, domain.NewError(domain.CodeNotFound, "There is no platform %q. The platforms are %s.",
		name, strings.Join(domain.PlatformNames(), ", "))
}
