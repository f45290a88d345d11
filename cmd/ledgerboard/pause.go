package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/app"
)

type pauseCommand struct {
	service
	actionFlags
	Names []string `arg:"" optional:"" name:"name" help:"Read models (dashboards, …), platforms (${platforms}) or connection ids."`
	List  bool     `help:"List pauses."`
}

func (p pauseCommand) Run(ctx context.Context, std streams) error {
	if p.List == (len(p.Names) > 0) {
		return usageError{errors.New("name the read models, platforms or connections to pause, or use --list")}
	}
	if !p.List {
		return pauseAction{p.actionFlags, "pause", true}.each(ctx, std, p.service, p.Names)
	}
	at, err := p.client(ctx)
	if err != nil {
		return err
	}
	pauses, err := fetch[[]domain.Pause](ctx, at, "/api/ops/pauses")
	for _, pause := range pauses {
		fmt.Fprintf(std.Out, "%s %s: %s\n", pause.Kind, pause.Name, pauseInWords(pause.Since, pause.Actor, pause.Reason.String()))
	}
	if err == nil && len(pauses) == 0 {
		fmt.Fprintln(std.Out, "nothing is paused")
	}
	return err
}

func pauseInWords(since time.Time, actor, reason string) string {
	return fmt.Sprintf("paused since %s, by %s, %s", since.UTC().Format(time.RFC3339), plain(actor), plain(reason))
}

type resumeCommand struct {
	service
	actionFlags
	Names []string `arg:"" name:"name" help:"Read models, platforms or connection ids."`
}

func (r resumeCommand) Run(ctx context.Context, std streams) error {
	return pauseAction{r.actionFlags, "resume", false}.each(ctx, std, r.service, r.Names)
}

type pauseAction struct {
	actionFlags

	verb   string
	paused bool // the requested state
}

func nameOf(p domain.Pause) string {
	if p.Kind == domain.PauseConnection {
		return "connection " + p.Name
	}
	return p.Name
}

// each pauses or resumes the named targets. It checks all names before it asks for confirmation,
// and skips targets that are already in the requested state.
func (p pauseAction) each(ctx context.Context, std streams, to service, names []string) error {
	all, err := allPausable(names)
	if err != nil {
		return err
	}
	at, err := to.client(ctx)
	if err != nil {
		return err
	}
	for _, target := range all {
		if target.Kind == domain.PauseConnection {
			if _, err := fetch[domain.OperatorTarget](ctx, at, "/api/ops/connections/"+target.Name); err != nil {
				return err
			}
		}
	}
	remaining, err := p.remaining(ctx, std, at, all)
	if err == nil && len(remaining) < len(all) {
		fmt.Fprintln(std.Out, "Nothing was changed or recorded for these.")
	}
	if err != nil || len(remaining) == 0 {
		return err
	}
	var words []string
	for _, target := range remaining {
		words = append(words, nameOf(target))
	}
	reason, err := p.confirm(std, p.verb+" "+strings.Join(words, ", "))
	if err != nil {
		return err
	}
	for _, target := range remaining {
		if _, err := act[done](ctx, at, fmt.Sprintf("/api/ops/%ss/%s/%s", target.Kind, target.Name, p.verb), reason); err != nil {
			return err
		}
		if !p.paused {
			fmt.Fprintf(std.Out, "%s resumed\n", nameOf(target))
		} else if _, err := p.remaining(ctx, std, at, []domain.Pause{target}); err != nil {
			return err
		}
	}
	return nil
}

// remaining returns the targets to change, and prints the state of the others.
func (p pauseAction) remaining(
	ctx context.Context, std streams, at client, all []domain.Pause,
) (remaining []domain.Pause, err error) {
	pauses, err := fetch[[]domain.Pause](ctx, at, "/api/ops/pauses")
	if err != nil {
		return nil, err
	}
	for _, target := range all {
		i := slices.IndexFunc(pauses, func(pause domain.Pause) bool {
			return pause.Kind == target.Kind && pause.Name == target.Name
		})
		switch {
		case (i >= 0) != p.paused:
			remaining = append(remaining, target)
		case p.paused:
			found := pauses[i]
			fmt.Fprintf(std.Out, "%s: %s\n",
				nameOf(target), pauseInWords(found.Since, found.Actor, found.Reason.String()))
		default:
			fmt.Fprintf(std.Out, "%s was not paused\n", nameOf(target))
		}
	}
	return remaining, nil
}

// allPausable resolves the kind of each name. Numbers are connections.
func allPausable(names []string) (all []domain.Pause, err error) {
	models, platforms := app.ProjectionNames(), domain.PlatformNames()
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
			return nil, usageError{fmt.Errorf("%q is not a read model, platform or connection. "+
				"Read models: %s; platforms: %s; 'ledgerboard connections list' lists connection ids. "+
				"Nothing was changed",
				name, strings.Join(models, ", "), strings.Join(platforms, ", "))}
		}
	}
	return all, nil
}
