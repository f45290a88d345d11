package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/app"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/internal/tabular"
)

type rebuildCommand struct {
	service
	actionFlags
	Names  []string `arg:"" optional:"" name:"name" help:"Read models: dashboards, account_insights, post_insights, directory, operations, contents."`
	All    bool     `xor:"what" help:"Rebuild all read models, one after the other."`
	Cancel bool     `help:"Cancel the running rebuild and drop its tables."`
	JSON   bool     `help:"Print one JSON object per rebuild."`
}

// Messages of an interrupted command.
const (
	notChanged   = "nothing was changed"
	servedGoesOn = "a service continues the rebuild; 'ledgerboard status' shows its progress, --cancel cancels it"
	pausedGoesOn = "the read model is paused; after 'ledgerboard resume', a running service completes the rebuild; " +
		"--cancel cancels it"
)

var errNotRebuilt = errors.New("the read model was not rebuilt; the previous tables stay live")

func (r rebuildCommand) Run(ctx context.Context, std streams) error {
	names, err := readModels(r.Names, r.All)
	if err != nil {
		return err
	}
	at, err := r.client(ctx)
	if err != nil {
		return err
	}
	for _, name := range names {
		b := build{streams: std, cancel: r.Cancel, json: r.JSON, outcome: "serves"}
		where, left, err := whereBuilt(ctx, at, name)
		if err == nil {
			b.g, err = r.startOrCancel(ctx, std, at, name)
		}
		if err != nil {
			return interruptedError(ctx, err, notChanged)
		}
		b.begin()
		b.sayf("rebuild %s %s", b.g.ID, where)
		if err := b.follow(ctx, at); err != nil {
			return interruptedError(ctx, err, left)
		}
	}
	return nil
}

func (r rebuildCommand) startOrCancel(ctx context.Context, std streams, at client, name string) (g operator.Generation, err error) {
	if !r.Cancel {
		reason, err := r.confirm(std, "rebuild read model "+name+
			" from the log, and switch readers to the new tables once they have caught up")
		if err != nil {
			return g, err
		}
		return act[operator.Generation](ctx, at, "/api/ops/projections/"+name+"/rebuild", reason)
	}
	all, err := fetch[[]operator.Generation](ctx, at, "/api/ops/generations")
	if err != nil {
		return g, err
	}
	i := slices.IndexFunc(all, func(g operator.Generation) bool { return g.Projection == name && g.Unfinished() })
	if i < 0 {
		return g, usageError{fmt.Errorf("there is no running rebuild of %s", name)}
	}
	reason, err := r.confirm(std, fmt.Sprintf("cancel the build of %s and drop its tables", all[i].ID))
	if err == nil {
		_, err = act[done](ctx, at, "/api/ops/generations/"+all[i].ID+"/cancel", reason)
	}
	return all[i], err
}

// whereBuilt returns where a rebuild of a read model runs, and what an interrupted command leaves.
func whereBuilt(ctx context.Context, at client, name string) (where, left string, err error) {
	pauses, err := fetch[[]domain.Pause](ctx, at, "/api/ops/pauses")
	if err != nil {
		return "", "", err
	}
	all, err := fetch[[]operator.Generation](ctx, at, "/api/ops/generations")
	switch {
	case slices.ContainsFunc(pauses, func(p domain.Pause) bool { return p.Kind == domain.PauseProjection && p.Name == name }):
		return "waits: an operator has paused this read model", pausedGoesOn, err
	case !slices.ContainsFunc(all, func(g operator.Generation) bool { return g.Projection == name && g.Folded }):
		return "waits: no process folds this read model. Start one with the role projector", servedGoesOn, err
	default:
		return "runs in a service", servedGoesOn, err
	}
}

func readModels(names []string, all bool) ([]string, error) {
	known := app.ProjectionNames()
	for _, name := range names {
		if !slices.Contains(known, name) {
			return nil, usageError{
				fmt.Errorf("unknown read model %q: use %s, or --all", name, strings.Join(known, ", ")),
			}
		}
	}
	switch {
	case all && len(names) > 0:
		return nil, usageError{errors.New("name read models or use --all, not both")}
	case all:
		return known, nil
	case len(names) == 0:
		return nil, usageError{
			fmt.Errorf("name the read models to rebuild (%s), or use --all", strings.Join(known, ", ")),
		}
	}
	return names, nil
}

// build shows the progress of the build of a generation.
type build struct {
	streams

	g       operator.Generation
	bar     *progress
	cancel  bool // the command cancels the build
	json    bool
	outcome string // describes the generation when the build is done
}

func (b *build) begin() { b.bar = newProgress(b.Err, b.g.Projection, int(b.g.EventsTotal)) }

func (b *build) sayf(format string, args ...any) {
	if !b.cancel {
		b.bar.say(fmt.Sprintf(format, args...))
	}
}

// show shows what has changed.
func (b *build) show(next operator.Generation) {
	if !b.cancel && next.EventsDone > 0 && b.g.State == operator.StateBuilding {
		b.bar.total, b.bar.rate = int(next.EventsTotal), next.Rate
		b.bar.add(int(next.EventsDone) - b.bar.done)
	}
	if next.State != b.g.State {
		b.sayf("%s: %s", next.Projection, next.State)
	}
	if problem := next.Problem(); problem != b.g.Problem() && problem != "" {
		b.sayf("%s: %s", next.Projection, plain(problem))
	}
	b.g = next
}

// follow shows the progress that the service reports until the build ends.
func (b *build) follow(ctx context.Context, at client) error {
	for b.g.Unfinished() {
		events, err := at.open(ctx, http.MethodGet, "/api/ops/generations/"+b.g.ID+"/events", nil, nil)
		if err != nil {
			return err
		}
		n := b.read(events.Body)
		events.Body.Close()
		if n > 0 || !b.g.Unfinished() {
			continue
		}
		select { // the service asks its clients to come back later
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Second):
		}
	}
	return b.printResult()
}

// read shows the events of a stream until it ends, and returns their number.
func (b *build) read(stream io.Reader) (n int) {
	lines := bufio.NewScanner(stream)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var next operator.Generation
		data, isData := strings.CutPrefix(lines.Text(), "data: ")
		if isData && json.Unmarshal([]byte(data), &next) == nil && next.ID == b.g.ID {
			b.show(next)
			n++
		}
	}
	return n
}

func (b *build) printResult() error {
	g := b.g
	if b.json {
		if err := tabular.NewLines(b.Out).Row(g); err != nil {
			return err
		}
	}
	var text string
	switch {
	case g.LiveAt != nil:
		text = fmt.Sprintf("%s: generation %d %s; %d records, %.0f per second",
			g.Projection, g.Generation, b.outcome, g.EventsDone, g.Rate)
	case g.Canceled() && b.cancel:
		text = fmt.Sprintf("the build of %s was canceled; its tables are dropped", g.ID)
	case g.Canceled():
		return fmt.Errorf("%w: it was canceled. %s", errNotRebuilt, g.Error)
	default:
		return fmt.Errorf("%w: its state is %s. %s", errNotRebuilt, g.State, g.Error)
	}
	if !b.json {
		fmt.Fprintln(b.Out, text)
	}
	return nil
}
