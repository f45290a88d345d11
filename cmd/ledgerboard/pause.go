package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/desk"
)

type pauseCommand struct {
	storage
	logging
	actionFlags
	Names []string `arg:"" optional:"" name:"name" help:"Read models (dashboards, …), platforms (${platforms}) or connection ids."`
	List  bool     `help:"List pauses."`
}

func (c pauseCommand) Run(ctx context.Context, s streams) error {
	if c.List == (len(c.Names) > 0) {
		return usageError{errors.New("set the names to pause, or --list")}
	}
	if !c.List {
		return pausing{c.actionFlags, "pause", true}.each(ctx, s, c.storage, c.logger(s), c.Names)
	}
	return look(ctx, c.storage, c.logger(s), func(desk *desk.Looks) error {
		pauses, err := desk.Pauses(ctx)
		for _, p := range pauses {
			fmt.Fprintf(s.Out, "%s %s: %s\n", p.Kind, p.Name, pauseInWords(p.Since, p.Actor, p.Reason.String()))
		}
		if err == nil && len(pauses) == 0 {
			fmt.Fprintln(s.Out, "nothing is paused")
		}
		return err
	})
}

func pauseInWords(since time.Time, by, reason string) string {
	return fmt.Sprintf("paused since %s, by %s, %s", since.UTC().Format(time.RFC3339), plain(by), plain(reason))
}

type resumeCommand struct {
	storage
	logging
	actionFlags
	Names []string `arg:"" name:"name" help:"Read models, platforms or connection ids."`
}

func (c resumeCommand) Run(ctx context.Context, s streams) error {
	return pausing{c.actionFlags, "resume", false}.each(ctx, s, c.storage, c.logger(s), c.Names)
}

type pausing struct {
	actionFlags

	verb   string
	paused bool // the requested state
}

// nameOf returns what a pause applies to.
func nameOf(p domain.Pause) string {
	if p.Kind == domain.PauseConnection {
		return "connection " + p.Name
	}
	return p.Name
}

// each pauses or resumes the named targets. It checks all names before it asks for confirmation,
// skips targets that are already in the requested state, and prints the state of each.
func (p pausing) each(ctx context.Context, s streams, at storage, logger *slog.Logger, names []string) error {
	all, err := allPausable(names)
	if err != nil {
		return err
	}
	return atDesk(ctx, at, logger, func(desk *desk.Desk) error {
		if err := knowAll(ctx, desk, all); err != nil {
			return refused(err)
		}
		left, err := p.left(ctx, s, desk, all)
		if err == nil && len(left) < len(all) {
			fmt.Fprintln(s.Out, "Nothing was changed or recorded for these.")
		}
		if err != nil || len(left) == 0 {
			return err
		}
		var words []string
		for _, of := range left {
			words = append(words, nameOf(of))
		}
		reason, err := p.confirm(s, p.verb+" "+strings.Join(words, ", "))
		if err != nil {
			return err
		}
		do := desk.Resume
		if p.paused {
			do = desk.Pause
		}
		for _, of := range left {
			if err := do(ctx, operatorCaller(), of.Kind, of.Name, reason); err != nil {
				return refused(err)
			}
			if !p.paused {
				fmt.Fprintf(s.Out, "%s resumed\n", nameOf(of))
			} else if _, err := p.left(ctx, s, desk, []domain.Pause{of}); err != nil {
				return err
			}
		}
		return nil
	})
}

// knowAll returns an error if one of the targets does not exist.
func knowAll(ctx context.Context, desk *desk.Desk, all []domain.Pause) error {
	for _, of := range all {
		if _, err := desk.Pausable(ctx, of.Kind, of.Name); err != nil {
			return err
		}
	}
	return nil
}

// left returns the targets that are not in the requested state yet, and prints the state of the
// others.
func (p pausing) left(ctx context.Context, s streams, desk *desk.Desk, all []domain.Pause) (left []domain.Pause, err error) {
	pauses, err := desk.Pauses(ctx)
	if err != nil {
		return nil, err
	}
	for _, of := range all {
		i := slices.IndexFunc(pauses, func(there domain.Pause) bool { return there.Kind == of.Kind && there.Name == of.Name })
		switch {
		case (i >= 0) != p.paused:
			left = append(left, of)
		case p.paused:
			fmt.Fprintf(s.Out, "%s: %s\n", nameOf(of), pauseInWords(pauses[i].Since, pauses[i].Actor, pauses[i].Reason.String()))
		default:
			fmt.Fprintf(s.Out, "%s was not paused\n", nameOf(of))
		}
	}
	return left, nil
}

// allPausable resolves the kind of each name. Numbers are connections. An unknown name is an error.
func allPausable(names []string) (all []domain.Pause, err error) {
	models, platforms := allReadModels(), domain.PlatformNames()
	for _, name := range names {
		name = strings.ToLower(name) // platform names are often capitalized
		id, err := strconv.ParseInt(name, 10, 64)
		switch {
		case err == nil && id > 0:
			all = append(all, domain.Pause{Kind: domain.PauseConnection, Name: strconv.FormatInt(id, 10)})
		case slices.Contains(models, name):
			all = append(all, domain.Pause{Kind: domain.PauseProjection, Name: name})
		case slices.Contains(platforms, name):
			all = append(all, domain.Pause{Kind: domain.PausePlatform, Name: name})
		default:
			return nil, usageError{fmt.Errorf("%q is not a read model, platform or connection. Read models: %s; platforms: %s; "+
				"'ledgerboard connections' lists connection ids. Nothing was changed", name, strings.Join(models, ", "), strings.Join(platforms, ", "))}
		}
	}
	return all, nil
}
