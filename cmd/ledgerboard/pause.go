package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/internal/assembly"

	"github.com/ledgerboard/ledgerboard/domain"
)

// pauseCommand pauses read models, or the reading of platforms.
type pauseCommand struct {
	storage
	logging
	actionFlags
	Names []string `arg:"" optional:"" name:"name" help:"Read models (dashboards, …) or platforms (facebook, instagram, linkedin, tiktok)."`
	List  bool     `help:"Show what is paused."`
}

// Run implements the subcommand.
func (c pauseCommand) Run(ctx context.Context, s streams) error {
	if c.List == (len(c.Names) > 0) {
		return usageError{errors.New("name what to pause, or give --list")}
	}
	return atDesk(ctx, c.storage, c.logger(s), func(desk *assembly.Desk) error {
		if !c.List {
			return c.each(ctx, s, c.Names, "pause", desk.Pause)
		}
		pauses, err := desk.Pauses(ctx)
		for _, p := range pauses {
			fmt.Fprintf(s.Out, "%s %s: since %s, by %s, %s\n", p.Kind, p.Name, p.Since.UTC().Format(time.RFC3339), p.Actor, p.Reason)
		}
		if err == nil && len(pauses) == 0 {
			fmt.Fprintln(s.Out, "nothing is paused")
		}
		return err
	})
}

// resumeCommand ends pauses.
type resumeCommand struct {
	storage
	logging
	actionFlags
	Names []string `arg:"" name:"name" help:"Read models or platforms."`
}

// Run implements the subcommand.
func (c resumeCommand) Run(ctx context.Context, s streams) error {
	return atDesk(ctx, c.storage, c.logger(s), func(desk *assembly.Desk) error {
		return c.each(ctx, s, c.Names, "resume", desk.Resume)
	})
}

// pausing is [assembly.Desk.Pause] or Resume.
type pausing = func(context.Context, commands.Caller, domain.PauseKind, string, domain.Reason) error

func (f actionFlags) each(ctx context.Context, s streams, names []string, verb string, do pausing) error {
	kinds := map[string]domain.PauseKind{}
	for _, name := range names {
		kinds[name] = domain.PauseProjection
		if slices.ContainsFunc(domain.Platforms(), func(p domain.Platform) bool { return p.String() == name }) {
			kinds[name] = domain.PausePlatform
		}
	}
	reason, err := f.confirm(s, verb+" "+strings.Join(names, ", "))
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := do(ctx, operatorCaller(), kinds[name], name, reason); err != nil {
			return refused(err)
		}
	}
	return nil
}
