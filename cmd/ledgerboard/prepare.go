package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/app"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/projections"
)

// prepareCommand needs no service: it runs before one of its version does.
type prepareCommand struct {
	installation
	actionFlags
	Names []string `arg:"" optional:"" name:"name" help:"Read models. Default: all read models without tables of the projector version of this program."`
	JSON  bool     `help:"Print one JSON object per read model."`
}

const (
	hereGoesOn = "the build ran in this command and has stopped; run the same command again to continue it, " +
		"or cancel it with 'ledgerboard rebuild --cancel'"
	pausedHere = "the read model is paused; after 'ledgerboard resume', a running service completes the build; " +
		"without one, run the same command again"
)

func (p prepareCommand) Run(ctx context.Context, std streams) error {
	names, err := readModels(p.Names, len(p.Names) == 0)
	if err != nil {
		return err
	}
	return p.withRebuilds(std, func(parts *app.Parts) error {
		if err := parts.OpenLog(ctx); err != nil { // fails before the database is changed
			return err
		}
		// Migrations only add to the schemas, so running processes are not affected.
		if err := parts.Migrate(ctx); err != nil {
			return err
		}
		ops, err := parts.Operators(ctx)
		if err != nil {
			return err
		}
		var remaining []string
		for _, name := range names {
			prepared, err := ops.Prepared(ctx, name)
			switch {
			case err != nil:
				return commandError(err)
			case prepared.State == operator.StateLive:
				fmt.Fprintf(std.Err, "%s: generation %d of version %d already exists\n", name, prepared.Generation, prepared.Version)
			default:
				remaining = append(remaining, name)
			}
		}
		if len(remaining) == 0 {
			return nil
		}
		reason, err := p.confirm(std,
			"build the tables of this version of "+strings.Join(remaining, ", ")+" from the log, next to the live ones")
		if err != nil {
			return err
		}
		for _, name := range remaining {
			if err := p.prepare(ctx, std, parts, ops, name, reason); err != nil {
				return interruptedError(ctx, commandError(err), notChanged)
			}
		}
		return nil
	})
}

func (p prepareCommand) prepare(
	ctx context.Context, std streams, parts *app.Parts, ops *app.Operators, name string, reason domain.Reason,
) error {
	b := build{streams: std, json: p.JSON, outcome: "is ready for readers of this version"}
	prepared, err := ops.Prepared(ctx, name)
	switch {
	case err != nil:
	case prepared.ID == "":
		prepared, err = ops.PrepareGeneration(ctx, operatorCaller(), name, reason)
	case prepared.Unfinished():
		fmt.Fprintf(std.Err, "continuing the build of %s\n", prepared.ID)
	}
	if err != nil || prepared.State == operator.StateLive { // a process of this version started in the meantime
		return err
	}
	b.g = prepared
	pauses, err := ops.Pauses(ctx)
	if err != nil {
		return err
	}
	engines, err := parts.Engines(ctx, name)
	if err != nil {
		return err
	}
	b.begin()
	left := hereGoesOn
	if slices.ContainsFunc(pauses, func(pause domain.Pause) bool { return pause.Kind == domain.PauseProjection && pause.Name == name }) {
		left = pausedHere
		b.sayf("build %s waits: an operator has paused this read model", b.g.ID)
	}
	building, stop := context.WithCancel(ctx)
	group, building := errgroup.WithContext(building)
	for _, engine := range engines {
		group.Go(func() error { return engine.Run(building) })
	}
	group.Go(func() error { parts.Listen(building); return nil })
	group.Go(func() error {
		defer stop()
		return b.watch(building, ops, engines[0])
	})
	return interruptedError(ctx, group.Wait(), left)
}

// watch shows the progress of a build in this process until it ends. It waits for the steps of the
// build; between them, it shows each second how far the build is.
func (b *build) watch(ctx context.Context, ops *app.Operators, engine *projections.Engine) error {
	for b.g.Unfinished() {
		step := engine.Stepped() // before reading, so that no step is missed
		next, err := ops.Generation(ctx, b.g.ID)
		if err != nil {
			return err
		}
		if b.show(next); !next.Unfinished() {
			break
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-step:
		case <-time.After(time.Second):
		}
	}
	return b.printResult()
}

func (i installation) withRebuilds(std streams, do func(*app.Parts) error) error {
	if err := i.needLogAndTables(); err != nil {
		return err
	}
	if i.LogLevel == "info" {
		i.LogLevel = "warn" // the command prints its own progress
	}
	return withParts(i.config(i.logger(std)), do)
}
