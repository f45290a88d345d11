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
		return serviceAction{p.service, p.actionFlags}.setPaused(ctx, std, p.Names, true)
	}
	at, err := p.client(ctx)
	if err != nil {
		return err
	}
	pauses, err := fetch[[]domain.Pause](ctx, at, "/api/ops/pauses")
	for _, pause := range pauses {
		fmt.Fprintf(std.Out, "%s %s: %s\n", pause.Kind, pause.Name, pauseInWords(pause))
	}
	if err == nil && len(pauses) == 0 {
		fmt.Fprintln(std.Out, "nothing is paused")
	}
	return err
}

func pauseInWords(p domain.Pause) string {
	return fmt.Sprintf("paused since %s, by %s, %s", p.Since.UTC().Format(time.RFC3339), plain(p.Actor), plain(p.Reason.String()))
}

type resumeCommand struct {
	service
	actionFlags
	Names []string `arg:"" name:"name" help:"Read models, platforms or connection ids."`
}

func (r resumeCommand) Run(ctx context.Context, std streams) error {
	return serviceAction{r.service, r.actionFlags}.setPaused(ctx, std, r.Names, false)
}

func nameOf(p domain.Pause) string {
	if p.Kind == domain.PauseConnection {
		return "connection " + p.Name
	}
	return p.Name
}

// setPaused pauses or resumes the named targets. It checks all names before it asks for confirmation,
// and skips targets that are already in the requested state.
func (s serviceAction) setPaused(ctx context.Context, std streams, names []string, paused bool) error {
	all, err := allPausable(names)
	if err != nil {
		return err
	}
	at, err := s.client(ctx)
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
	remaining, err := notYet(ctx, std, at, all, paused)
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
	verb := "resume"
	if paused {
		verb = "pause"
	}
	reason, err := s.confirm(std, verb+" "+strings.Join(words, ", "))
	if err != nil {
		return err
	}
	for _, target := range remaining {
		if _, err := act[done](ctx, at, fmt.Sprintf("/api/ops/%ss/%s/%s", target.Kind, target.Name, verb), reason); err != nil {
			return err
		}
		if !paused {
			fmt.Fprintf(std.Out, "%s resumed\n", nameOf(target))
		} else if _, err := notYet(ctx, std, at, []domain.Pause{target}, paused); err != nil {
			return err
		}
	}
	return nil
}

// notYet returns the targets that are not in the requested state, and prints the state of the others.
func notYet(
	ctx context.Context, std streams, at client, all []domain.Pause, paused bool,
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
		case (i >= 0) != paused:
			remaining = append(remaining, target)
		case paused:
			fmt.Fprintf(std.Out, "%s: %s\n", nameOf(target), pauseInWords(pauses[i]))
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
