package main

import (
	"context"
	"errors"
	"log/slog"

	"github.com/ledgerboard/ledgerboard/internal/assembly"
	"github.com/ledgerboard/ledgerboard/internal/desk"
)

// look opens the database alone, and gives it back.
func look(ctx context.Context, at storage, logger *slog.Logger, do func(*desk.Looks) error) (err error) {
	if err := at.needTables(); err != nil {
		return err
	}
	parts := assembly.NewParts(at.backends(logger))
	defer func() { err = errors.Join(err, parts.Close()) }()
	looks, err := parts.Looks(ctx)
	if err != nil {
		return explainInUse(err)
	}
	return do(looks)
}

// atDesk opens what operators need, and gives it back.
func atDesk(ctx context.Context, at storage, logger *slog.Logger, do func(*desk.Desk) error) (err error) {
	if err := errors.Join(at.needLog(), at.needTables()); err != nil {
		return err
	}
	parts := assembly.NewParts(at.backends(logger))
	defer func() { err = errors.Join(err, parts.Close()) }()
	desk, err := parts.Desk(ctx)
	if err != nil {
		return explainInUse(err)
	}
	return do(desk)
}
