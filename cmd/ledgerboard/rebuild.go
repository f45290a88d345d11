package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ledgerboard/ledgerboard/projections/projectors"
)

// rebuildCommand rebuilds read models from the log, next to the ones in use.
type rebuildCommand struct {
	storage
	logging
	actionFlags
	Names  []string `arg:"" optional:"" name:"name" help:"Read models: dashboards, account_insights, post_insights, directory, operations, contents."`
	All    bool     `xor:"what" help:"Rebuild all of them, one after the other."`
	Back   bool     `xor:"how" help:"Switch readers back to the generation before, once it has caught up."`
	Cancel bool     `xor:"how" help:"Stop the rebuild that is under way and drop its tables."`
	JSON   bool     `name:"json" help:"Print JSON objects, one for each rebuild or report."`
}

var errNotRebuilt = errors.New("the read model was not rebuilt; what served before still serves")

func (c rebuildCommand) Run(ctx context.Context, s streams) (err error) {
	if c.Names, err = c.chosen(); err != nil {
		return err
	}
	parts, err := rebuildParts(s, c.storage, c.logging)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, parts.Close()) }()
	desk, err := parts.Desk(ctx)
	if err != nil {
		return explainInUse(err)
	}
	if !c.Cancel {
		if _, err := parts.Log(ctx); err != nil { // what is wrong with it would be in the new tables too
			return fmt.Errorf("nothing is rebuilt: %w", err)
		}
	}
	for _, name := range c.Names {
		err := c.one(ctx, s, parts, desk, name)
		if errors.Is(err, errInterrupted) {
			return err
		}
		if err != nil {
			return interrupted(ctx, refused(err), notChanged)
		}
	}
	return nil
}

// chosen checks and completes the names.
func (c rebuildCommand) chosen() ([]string, error) {
	var known []string
	for _, p := range projectors.All(0) {
		known = append(known, p.Name())
	}
	for _, name := range c.Names {
		if !slices.Contains(known, name) {
			return nil, usageError{fmt.Errorf("there is no read model %q: use %s, or --all", name, strings.Join(known, ", "))}
		}
	}
	switch {
	case c.All && len(c.Names) > 0:
		return nil, usageError{errors.New("name read models or give --all, not both")}
	case c.All:
		return known, nil
	case len(c.Names) == 0:
		return nil, usageError{fmt.Errorf("name what to rebuild: %s, or --all", strings.Join(known, ", "))}
	}
	return c.Names, nil
}
