package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/ledgerboard/ledgerboard/projections"
)

// lookEvery is how often [await] looks.
const lookEvery = 50 * time.Millisecond

// await looks until there is no reason left to wait. When that takes too long, it returns the reason that is left.
func await(
	ctx context.Context, logger *slog.Logger, within time.Duration, look func(context.Context) (reason string, err error),
) (left string, err error) {
	said := ""
	for end := time.Now().Add(within); ; {
		reason, err := look(ctx)
		if err != nil || reason == "" {
			return "", err
		}
		if reason != said {
			logger.DebugContext(ctx, "waiting", "reason", reason)
			said = reason
		}
		if time.Now().After(end) {
			return reason, nil
		}
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case <-time.After(lookEvery):
		}
	}
}

// foldWhile lets engines fold while do works: nobody else does, for the broker is this process's own.
func foldWhile(ctx context.Context, engines []*projections.Engine, do func(context.Context) error) (err error) {
	folding, stop := context.WithCancel(ctx)
	ended := make(chan error, len(engines))
	for _, engine := range engines {
		go func() { ended <- engine.Run(folding) }()
	}
	defer func() {
		stop()
		for range engines {
			err = errors.Join(err, <-ended)
		}
	}()
	return do(ctx)
}

// behind looks whether the tables show all that is in the log, and says how far they are behind.
func behind(engines []*projections.Engine) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		for _, engine := range engines {
			status, err := engine.Status(ctx)
			if err != nil {
				return "", err
			}
			if !status.Live() || status.Lag > 0 {
				return fmt.Sprintf("the tables of %s are %d events behind the log", status.GenerationName(), status.Lag), nil
			}
		}
		return "", nil
	}
}
