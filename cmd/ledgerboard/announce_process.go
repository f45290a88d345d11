package main

import (
	"context"
	"log/slog"

	"github.com/ledgerboard/ledgerboard/internal/assembly"
	"github.com/ledgerboard/ledgerboard/projections"
)

// announce tells everybody until leave what a command folds, so that it is not taken for folded by nobody.
func announce(ctx context.Context, parts *assembly.Parts, role string, folds func() []string) (leave func(), err error) {
	pool, err := parts.Engine(ctx)
	if err != nil {
		return nil, err
	}
	return projections.Announce(ctx, projections.ProcessConfig{
		Pool: pool, Release: thisBuild().release(), Roles: []string{role}, Folds: folds, Logger: slog.New(slog.DiscardHandler),
	})
}
