package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/projections/projectors"
)

// rebuildCommand makes read models anew from the log, beside the ones that serve.
type rebuildCommand struct {
	storage
	logging
	actionFlags
	Names      []string `arg:"" optional:"" name:"name" help:"Read models: dashboards, account_insights, post_insights, directory, operations."`
	All        bool     `xor:"what" help:"Rebuild all of them, one after the other."`
	Until      *instant `xor:"what" placeholder:"TIME" help:"Keep a still generation of the events recorded up to this day (2026-11-01, its start in UTC) or instant (RFC 3339) instead (account_insights, post_insights)."`
	VerifyOnly bool     `xor:"how" help:"Compare the live tables with a fold of the log, and change nothing; a difference is exit code 1."`
	Back       bool     `xor:"how" help:"Switch readers back to the generation before, once it has caught up."`
	Cancel     bool     `xor:"how" help:"Stop the rebuild that is under way and drop its tables."`
	Accept     string   `xor:"how" placeholder:"REPORT" help:"Switch although the tables differ: the id of the report that you have read."`
	DryRun     bool     `xor:"how" help:"Fold the log beside the tables, compare as --verify-only does (a difference is no failure), and say how long that took and how much disk a rebuild needs."`
	DiskMB     int64    `name:"rebuild-disk-mb" env:"LEDGERBOARD_REBUILD_DISK_MB" default:"0" help:"Disk that a rebuild may need, where this command runs it; 0: four fifths of what is free."`
	JSON       bool     `name:"json" help:"Print JSON objects, one for each rebuild or report."`
}

var (
	errTablesDiffer = errors.New("the tables are not what the log gives: see the report")
	errNotRebuilt   = errors.New("the read model was not rebuilt; what served before still serves")
)

// instant is a point in time as a flag: a day, which begins in UTC, or RFC 3339.
type instant struct{ time.Time }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (i *instant) UnmarshalText(text []byte) (err error) {
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if i.Time, err = time.Parse(layout, string(text)); err == nil {
			return nil
		}
	}
	return fmt.Errorf("%q is no day like 2026-11-01 and no instant like 2026-11-01T08:30:00Z", text)
}

// until is the instant of a still generation; nil for a rebuild.
func (c rebuildCommand) until() *time.Time {
	if c.Until == nil {
		return nil
	}
	return &c.Until.Time
}

func (c rebuildCommand) Run(ctx context.Context, s streams) (err error) {
	if c.Names, err = c.chosen(); err != nil {
		return err
	}
	parts, err := rebuildParts(s, c.storage, c.logging, c.DiskMB)
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
			return fmt.Errorf("nothing is rebuilt or compared: %w", err)
		}
		if err := parts.EraseAgain(ctx); err != nil {
			return fmt.Errorf("nothing is rebuilt or compared: %w", err)
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
