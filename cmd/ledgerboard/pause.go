package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/desk"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
)

// pauseCommand pauses read models, or the reading of platforms.
type pauseCommand struct {
	storage
	logging
	actionFlags
	Names []string `arg:"" optional:"" name:"name" help:"Read models (dashboards, …) or platforms (facebook, instagram, linkedin, tiktok)."`
	List  bool     `help:"Show what is paused."`
}

func (c pauseCommand) Run(ctx context.Context, s streams) error {
	if c.List == (len(c.Names) > 0) {
		return usageError{errors.New("name what to pause, or give --list")}
	}
	if !c.List {
		return c.models(ctx, s, c.storage, c.logger(s), c.Names, pausing{verb: "pause", paused: true})
	}
	return look(ctx, c.storage, c.logger(s), func(desk *desk.Looks) error {
		pauses, err := desk.Pauses(ctx)
		for _, p := range pauses {
			fmt.Fprintf(s.Out, "%s %s\n", p.Kind, pauseInWords(p))
		}
		if err == nil && len(pauses) == 0 {
			fmt.Fprintln(s.Out, "nothing is paused")
		}
		return err
	})
}

// pauseInWords says what is paused since when, by whom and why.
func pauseInWords(p domain.Pause) string {
	return fmt.Sprintf("%s: paused since %s, by %s, %s", p.Name, p.Since.UTC().Format(time.RFC3339), plain(p.Actor), plain(p.Reason.String()))
}

// resumeCommand ends pauses.
type resumeCommand struct {
	storage
	logging
	actionFlags
	Names []string `arg:"" name:"name" help:"Read models or platforms."`
}

func (c resumeCommand) Run(ctx context.Context, s streams) error {
	return c.models(ctx, s, c.storage, c.logger(s), c.Names, pausing{verb: "resume"})
}

// pausing is what is done to each name: pause or resume.
type pausing struct {
	verb   string
	paused bool   // that it shall be
	called string // stands before each name; may be empty
}

// do pauses or resumes.
func (p pausing) do(ctx context.Context, desk *desk.Desk, kind domain.PauseKind, name string, reason domain.Reason) error {
	if p.paused {
		return desk.Pause(ctx, operatorCaller(), kind, name, reason)
	}
	return desk.Resume(ctx, operatorCaller(), kind, name, reason)
}

// models pauses or resumes read models and platforms; it knows all names before it asks.
func (f actionFlags) models(ctx context.Context, s streams, at storage, logger *slog.Logger, names []string, p pausing) error {
	for i := range names {
		names[i] = strings.ToLower(names[i]) // people write LinkedIn
	}
	kinds, err := pausable(names)
	if err != nil {
		return err
	}
	return f.each(ctx, s, at, logger, names, kinds, p)
}

// each leaves those alone that are so already, and says what is so of each.
func (f actionFlags) each(
	ctx context.Context, s streams, at storage, logger *slog.Logger, names []string, kinds map[string]domain.PauseKind, p pausing,
) error {
	return atDesk(ctx, at, logger, func(desk *desk.Desk) error {
		left, err := p.left(ctx, s, desk, names)
		if err != nil || len(left) == 0 {
			return err
		}
		reason, err := f.confirm(s, p.verb+" "+p.called+strings.Join(left, ", "))
		if err != nil {
			return err
		}
		for _, name := range left {
			if err := p.do(ctx, desk, kinds[name], name, reason); err != nil {
				return refused(err)
			}
			if !p.paused {
				fmt.Fprintf(s.Out, "%s%s goes on\n", p.called, name)
				continue
			}
			if err := p.told(ctx, s, desk, name); err != nil {
				return err
			}
		}
		return nil
	})
}

// left are the names that are not so yet; of the others it says what is so.
func (p pausing) left(ctx context.Context, s streams, desk *desk.Desk, names []string) (left []string, err error) {
	pauses, err := desk.Pauses(ctx)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		i := slices.IndexFunc(pauses, func(there domain.Pause) bool { return there.Name == name })
		switch {
		case (i >= 0) != p.paused:
			left = append(left, name)
		case p.paused:
			fmt.Fprintln(s.Out, p.called+pauseInWords(pauses[i])+" (it was so before)")
		default:
			fmt.Fprintf(s.Out, "%s%s was not paused\n", p.called, name)
		}
	}
	return left, nil
}

// told says since when a name is paused.
func (p pausing) told(ctx context.Context, s streams, desk *desk.Desk, name string) error {
	pauses, err := desk.Pauses(ctx)
	for _, pause := range pauses {
		if pause.Name == name {
			fmt.Fprintln(s.Out, p.called+pauseInWords(pause))
		}
	}
	return err
}

// pausable finds out what each name is, and refuses all when one is nothing.
func pausable(names []string) (map[string]domain.PauseKind, error) {
	known := map[string]domain.PauseKind{}
	var models, platforms []string
	for _, p := range projectors.All(0) {
		known[p.Name()] = domain.PauseProjection
		models = append(models, p.Name())
	}
	for _, p := range domain.Platforms() {
		known[p.String()] = domain.PausePlatform
		platforms = append(platforms, p.String())
	}
	for _, name := range names {
		if known[name] == "" {
			return nil, usageError{fmt.Errorf("there is neither a read model nor a platform %q: read models are %s; platforms are %s. %s",
				name, strings.Join(models, ", "), strings.Join(platforms, ", "), "Nothing was changed")}
		}
	}
	return known, nil
}
