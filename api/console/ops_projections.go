package console

import (
	"net/url"
	"slices"
	"strconv"

	"github.com/ledgerboard/ledgerboard/internal/operator"
)

type opsProjectionsView struct {
	Projections []projectionRow
	Generations []operator.Generation
	Rebuilds    []operator.Rebuild // newest first
}

type projectionRow struct {
	operator.Projection

	Version int // version of the projector that built the current generation; 0: unknown
	Bytes   int64
	Back    bool // there is an earlier generation of the same version
	Events  int64
	Making  []operator.Build
	Rebuild string // id of the rebuild in progress; "": none
}

func openProjections(v *visit) (view, error) {
	projections, err := get[[]operator.Projection](v, "/api/ops/projections", nil)
	if err != nil {
		return nil, err
	}
	shown := opsProjectionsView{}
	if shown.Generations, err = get[[]operator.Generation](v, "/api/ops/generations", nil); err != nil {
		return nil, err
	}
	if shown.Rebuilds, err = get[[]operator.Rebuild](v, "/api/ops/rebuilds", nil); err != nil {
		return nil, err
	}
	slices.SortStableFunc(shown.Rebuilds, func(a, b operator.Rebuild) int {
		return b.RequestedAt.Compare(a.RequestedAt)
	})
	for _, p := range projections {
		row := projectionRow{Projection: p, Making: p.Building}
		for _, g := range shown.Generations {
			if g.Projection == p.Projection && g.Generation == p.Generation {
				row.Version, row.Bytes = g.Version, g.Bytes
			}
		}
		row.Back = slices.ContainsFunc(shown.Generations, func(g operator.Generation) bool {
			return g.Projection == p.Projection && g.Version == row.Version && g.State == "retired" && g.LiveAt != nil
		})
		for _, r := range shown.Rebuilds {
			if r.Projection == p.Projection && !r.Ended() {
				row.Rebuild = r.ID
			}
		}
		for _, part := range p.Partitions {
			row.Events += part.NextOffset
		}
		shown.Projections = append(shown.Projections, row)
	}
	return shown, nil
}

type opsRebuildView struct {
	operator.Rebuild

	Steps    []rebuildStep
	MayUndo  bool // readers use the new generation, so it can be rolled back
	Sentence string
	Class    string
	Reading  bool // the log is being read or will be read
	You      string
}

type rebuildStep struct {
	Name    string
	Done    bool
	Current bool
}

func openRebuild(v *visit) (view, error) {
	r, err := get[operator.Rebuild](v, "/api/ops/rebuilds/"+url.PathEscape(v.r.PathValue("id")), nil)
	if err != nil {
		return nil, err
	}
	generations, err := get[[]operator.Generation](v, "/api/ops/generations", nil)
	if err != nil {
		return nil, err
	}
	shown := opsRebuildView{
		Rebuild: r, Steps: stepsOf(r), You: v.who.UserID,
		Reading: r.State == operator.RebuildRequested || r.State == operator.RebuildCopying,
	}
	live := slices.ContainsFunc(generations, func(g operator.Generation) bool {
		return g.Projection == r.Projection && g.Generation == r.Generation && g.State == "live"
	})
	shown.MayUndo = r.State == operator.RebuildDone && !r.Back && live
	shown.Class, shown.Sentence = rebuildStatus(r, live)
	return shown, nil
}

// rebuildSteps are the steps of a rebuild, in order. In a rollback, the existing tables only catch
// up.
var rebuildSteps = []struct {
	state operator.RebuildState
	name  string
	back  bool // also a step of a rollback
}{
	{operator.RebuildRequested, "Requested", true},
	{operator.RebuildCopying, "Log read", false},
	{operator.RebuildIndexing, "Indexes built", false},
	{operator.RebuildCatchingUp, "Caught up", true},
	{operator.RebuildSwitching, "Readers switched", true},
}

func stepsOf(r operator.Rebuild) []rebuildStep {
	at := -1
	var steps []rebuildStep
	for _, step := range rebuildSteps {
		if step.state == r.State {
			at = len(steps)
		}
		if !r.Back || step.back {
			steps = append(steps, rebuildStep{Name: step.name, Current: step.state == r.State})
		}
	}
	for i := range steps {
		steps[i].Done = i < at || r.State == operator.RebuildDone
	}
	return steps
}

// rebuildStatus describes the state of a rebuild. Live means that readers use its generation.
func rebuildStatus(r operator.Rebuild, live bool) (class, sentence string) {
	switch r.State {
	case operator.RebuildRequested:
		return "warn", "Requested. Waiting for a process to start it."
	case operator.RebuildCopying:
		return "warn", "Building new tables from the log. Readers use the current tables."
	case operator.RebuildIndexing:
		return "warn", "Building keys and indexes of the new tables."
	case operator.RebuildCatchingUp:
		return "warn", "Catching up with new events."
	case operator.RebuildSwitching:
		return "warn", "Waiting to switch readers."
	case operator.RebuildDone:
		number := strconv.Itoa(r.Generation)
		if live {
			return "good", "Done. Readers use generation " + number + "."
		}
		return "good", "Done. Readers were switched to generation " + number + ", but they use another generation now."
	case operator.RebuildCanceled:
		return "warn", "Canceled. Readers use the same tables as before."
	default:
		return "bad", "Failed. Readers use the same tables as before."
	}
}
