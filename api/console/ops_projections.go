package console

import (
	"net/url"
	"slices"
	"strconv"

	"github.com/ledgerboard/ledgerboard/internal/operator"
)

// opsProjectionsView is what is read, what is being made, and what was made before.
type opsProjectionsView struct {
	Projections []projectionRow
	Generations []operator.Generation
	Rebuilds    []operator.Rebuild // the newest first
}

// projectionRow is a projection with what its tables are.
type projectionRow struct {
	operator.Projection

	Version int              // of the projector that made what readers use; 0: not known
	Bytes   int64            // of its tables and indexes
	Back    bool             // there is an earlier generation of the same version
	Events  int64            // of its topic, folded
	Making  []operator.Build // with how much is made
	Rebuild string           // id of the one that is under way; "": none is
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
	slices.SortStableFunc(shown.Rebuilds, func(a, b operator.Rebuild) int { return b.RequestedAt.Compare(a.RequestedAt) })
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

// opsRebuildView is a rebuild on its way.
type opsRebuildView struct {
	operator.Rebuild

	Steps    []rebuildStep
	MayUndo  bool // readers use what it made, so that it can be taken back
	Sentence string
	Class    string
	Reading  bool // the log is read, or about to be
}

// rebuildStep is one of the steps of a rebuild.
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
	shown := opsRebuildView{Rebuild: r, Steps: stepsOf(r), Reading: r.State == operator.RebuildRequested || r.State == operator.RebuildCopying}
	read := slices.ContainsFunc(generations, func(g operator.Generation) bool {
		return g.Projection == r.Projection && g.Generation == r.Generation && g.State == "live"
	})
	shown.MayUndo = r.State == operator.RebuildDone && !r.Back && read
	shown.Class, shown.Sentence = told(r, read)
	return shown, nil
}

// rebuildSteps are the steps of a rebuild, in their order. On the way back, tables that were made before only catch up.
var rebuildSteps = []struct {
	state operator.RebuildState
	name  string
	back  bool // of the way back, too
}{
	{operator.RebuildRequested, "Asked for", true},
	{operator.RebuildCopying, "Log read in bulk", false},
	{operator.RebuildIndexing, "Indexes made", false},
	{operator.RebuildCatchingUp, "Caught up", true},
	{operator.RebuildSwitching, "Readers switched", true},
}

// stepsOf are the steps of a rebuild and how far it is.
func stepsOf(r operator.Rebuild) []rebuildStep {
	state, at := r.State, -1
	var steps []rebuildStep
	for _, step := range rebuildSteps {
		if step.state == state {
			at = len(steps)
		}
		if r.Back && !step.back {
			continue
		}
		steps = append(steps, rebuildStep{Name: step.name, Current: step.state == state})
	}
	for i := range steps {
		steps[i].Done = i < at || r.State == operator.RebuildDone
	}
	return steps
}

// told says in one sentence how far a rebuild is. Read: readers use its generation now.
func told(r operator.Rebuild, read bool) (class, sentence string) {
	switch r.State {
	case operator.RebuildRequested:
		return "warn", "It is asked for. A process will take it."
	case operator.RebuildCopying:
		return "warn", "The log is read, and new tables are made of it. Readers use the old ones."
	case operator.RebuildIndexing:
		return "warn", "Keys and indexes of the new tables are made."
	case operator.RebuildCatchingUp:
		return "warn", "What came meanwhile is followed."
	case operator.RebuildSwitching:
		return "warn", "It waits for the moment at which readers can be switched."
	case operator.RebuildDone:
		number := strconv.Itoa(r.Generation)
		if read {
			return "good", "It is done. Readers use generation " + number + "."
		}
		return "good", "It is done. Readers were switched to generation " + number + ", and use another one by now."
	case operator.RebuildCancelled:
		return "warn", "It was cancelled. Readers use the tables that they used before."
	default:
		return "bad", "It failed. Readers use the tables that they used before."
	}
}
