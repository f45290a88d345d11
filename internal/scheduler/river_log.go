package scheduler

import (
	"context"
	"log/slog"
)

// quiet lets only warnings and errors of River through: it reports each failed job and each start of a
// loop as information, and jobs are reported here, with what they were.
type quiet struct{ slog.Handler }

func quietLogger(logger *slog.Logger) *slog.Logger {
	return slog.New(quiet{logger.With("component", "river").Handler()})
}

// Enabled implements [slog.Handler].
func (q quiet) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && q.Handler.Enabled(ctx, level)
}

// WithAttrs implements [slog.Handler].
func (q quiet) WithAttrs(attrs []slog.Attr) slog.Handler { return quiet{q.Handler.WithAttrs(attrs)} }

// WithGroup implements [slog.Handler].
func (q quiet) WithGroup(name string) slog.Handler { return quiet{q.Handler.WithGroup(name)} }
