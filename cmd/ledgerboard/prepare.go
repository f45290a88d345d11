package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/ledgerboard/ledgerboard/internal/assembly"
	"github.com/ledgerboard/ledgerboard/internal/desk"
	"github.com/ledgerboard/ledgerboard/internal/operator"
)

// prepareCommand makes the generations of this program's version, before anything of the one that runs is stopped.
type prepareCommand struct {
	storage
	logging
	actionFlags
	Names []string `arg:"" optional:"" name:"name" help:"Read models; without any: all that this version makes in another way."`
	JSON  bool     `name:"json" help:"Print JSON objects, one for each."`
}

func (c prepareCommand) Run(ctx context.Context, s streams) (err error) {
	names, err := rebuildCommand{Names: c.Names, All: len(c.Names) == 0}.chosen()
	if err != nil {
		return err
	}
	parts, err := rebuildParts(s, c.storage, c.logging)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, parts.Close()) }()
	if _, err := parts.Log(ctx); err != nil { // before the database is touched
		return explainInUse(err)
	}
	if err := parts.Migrate(ctx); err != nil { // it only adds: what runs goes on
		return explainInUse(err)
	}
	desk, err := parts.Desk(ctx)
	if err != nil {
		return err
	}
	return c.prepare(ctx, s, parts, desk, names)
}

// prepare asks once for all that are not there, and makes them one after the other.
func (c prepareCommand) prepare(ctx context.Context, s streams, parts *assembly.Parts, desk *desk.Desk, names []string) error {
	var left []string
	for _, name := range names {
		prepared, err := desk.Prepared(ctx, name)
		switch {
		case err != nil:
			return refused(err)
		case prepared.Already:
			fmt.Fprintf(s.Err, "%s: generation %d of version %d is there already\n", name, prepared.Generation, prepared.Version)
		default:
			left = append(left, name)
		}
	}
	if len(left) == 0 {
		return nil
	}
	reason, err := c.confirm(s, "make the tables of this version of "+strings.Join(left, ", ")+" from the log, beside those that serve")
	if err != nil {
		return err
	}
	watch := rebuildWatch{json: c.JSON, outcome: "is ready for readers of this version"}
	for _, name := range left {
		rebuild, standing, err := rebuildCommand{}.interrupted(ctx, desk, name)
		if err == nil && !standing {
			var prepared operator.Prepared
			if prepared, err = desk.PrepareGeneration(ctx, operatorCaller(), name, reason); err == nil && prepared.Already {
				continue // a process of this version has started meanwhile
			} else if err == nil {
				rebuild = *prepared.Rebuild
			}
		}
		if err == nil {
			err = watch.follow(ctx, s, parts, desk, rebuild)
		}
		if errors.Is(err, errInterrupted) {
			return err
		}
		if err != nil {
			return interrupted(ctx, refused(err), notChanged)
		}
	}
	return nil
}
