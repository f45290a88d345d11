package assembly

import (
	"context"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/stream"
)

// RunReactors runs the reactors of a process that has nothing else.
func RunReactors(ctx context.Context, log *eventlog.Log, updates *commands.Dashboards, streams *stream.Hub) error {
	s := &Service{Parts: NewParts(Settings{}), Log: log, Updates: updates, streams: streams}
	return s.runReactors(ctx)
}
