package console

import (
	"net/url"
	"slices"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/internal/operator"
)

type opsProjectionsView struct {
	Projections []projectionRow
	Generations []operator.Generation // newest first
}

type projectionRow struct {
	operator.Projection

	Version int // version of the projector that built the current generation; 0: unknown
	Bytes   int64
	Events  int64
	Build   string // id of the generation that is being built; "": none
}

func openProjections(v *visit) (view, error) {
	projections, err := ask(v, api.GetOpsProjections, nil)
	if err != nil {
		return nil, err
	}
	shown := opsProjectionsView{}
	if shown.Generations, err = ask(v, api.GetOpsGenerations, nil); err != nil {
		return nil, err
	}
	for _, p := range projections {
		row := projectionRow{Projection: p}
		for _, g := range shown.Generations {
			if g.Projection != p.Projection {
				continue
			}
			if g.Generation == p.Generation {
				row.Version, row.Bytes = g.Version, g.Bytes
			}
			if g.Unfinished() {
				row.Build = g.ID
			}
		}
		for _, part := range p.Partitions {
			row.Events += part.NextOffset
		}
		shown.Projections = append(shown.Projections, row)
	}
	return shown, nil
}

type opsGenerationView struct {
	operator.Generation

	Steps    []buildStep
	Sentence string
	Class    string
	You      string
}

type buildStep struct {
	Name    string
	Done    bool
	Current bool
}

func openGeneration(v *visit) (view, error) {
	g, err := ask(v, api.GetOpsGeneration, url.Values{"generation": {v.r.PathValue("id")}})
	if err != nil {
		return nil, err
	}
	shown := opsGenerationView{Generation: g, Steps: stepsOf(g), You: v.who.UserID}
	shown.Class, shown.Sentence = buildStatus(g)
	return shown, nil
}

// stepsOf returns the steps of a build, in order.
func stepsOf(g operator.Generation) []buildStep {
	states := []operator.State{operator.StateBuilding, operator.StateCatchingUp}
	at := slices.Index(states, g.State)
	if g.LiveAt != nil {
		at = len(states)
	}
	steps := []buildStep{{Name: "Log read and tables built"}, {Name: "Caught up and readers switched"}}
	for i := range steps {
		steps[i].Done, steps[i].Current = i < at, i == at
	}
	return steps
}

func buildStatus(g operator.Generation) (class, sentence string) {
	switch {
	case g.State == operator.StateBuilding && g.StartedAt == nil:
		return "warn", "Requested. Waiting for a process to start it."
	case g.State == operator.StateBuilding:
		return "warn", "Building new tables from the log. Readers use the current tables."
	case g.State == operator.StateCatchingUp:
		return "warn", "Catching up with new events."
	case g.State == operator.StateLive:
		return "good", "Done. Readers use this generation."
	case g.State == operator.StateFailed:
		return "bad", "Failed. Readers do not use this generation."
	case g.Canceled():
		return "warn", "Canceled. Readers use the same tables as before."
	default:
		return "good", "Done. Another generation has replaced this one."
	}
}
