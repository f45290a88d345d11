package main

import (
	"context"
	"log/slog"
	"strconv"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/desk"
)

// connectionsPauseCommand has the accounts of connections left alone.
type connectionsPauseCommand struct {
	storage
	logging
	actionFlags
	IDs []int64 `arg:"" name:"id" help:"Connections, as 'connections list' shows them."`
}

func (c connectionsPauseCommand) Run(ctx context.Context, s streams) error {
	return c.connections(ctx, s, c.storage, c.logger(s), c.IDs, pausing{verb: "pause", paused: true})
}

// connectionsResumeCommand has them read again.
type connectionsResumeCommand connectionsPauseCommand

func (c connectionsResumeCommand) Run(ctx context.Context, s streams) error {
	return c.connections(ctx, s, c.storage, c.logger(s), c.IDs, pausing{verb: "resume"})
}

// connections pauses or resumes connections; it knows that all are there before it asks.
func (f actionFlags) connections(ctx context.Context, s streams, at storage, logger *slog.Logger, ids []int64, p pausing) error {
	names, kinds := make([]string, len(ids)), map[string]domain.PauseKind{}
	for i, id := range ids {
		names[i] = strconv.FormatInt(id, 10)
		kinds[names[i]] = domain.PauseConnection
	}
	if err := look(ctx, at, logger, func(desk *desk.Looks) error { return refused(desk.KnowConnections(ctx, ids)) }); err != nil {
		return err
	}
	p.called = "connection "
	return f.each(ctx, s, at, logger, names, kinds, p)
}
