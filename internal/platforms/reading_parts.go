package platforms

import (
	"context"
	"slices"

	"github.com/ledgerboard/ledgerboard/domain"
)

// reading is one account reading in the making.
type reading struct {
	t    Target
	req  AccountRequest
	snap AccountSnapshot
	got  figures
}

// run reads one part after the other and returns what they gave. It ends early when there is no quota left: more calls
// would only be refused.
func (r *reading) run(ctx context.Context, parts ...func(context.Context) error) error {
	for _, part := range parts {
		if r.snap.Incomplete != nil && r.snap.Incomplete.Class == ClassThrottled {
			break
		}
		if err := part(ctx); err != nil {
			return err
		}
	}
	return nil
}

// done is the reading with its figures.
func (r *reading) done() AccountSnapshot {
	r.snap.Figures = r.got.list
	return r.snap
}

// total adds a figure of the present moment, or says that the answer lacks it.
func (r *reading) total(name string, kind domain.Kind, source string, value count) {
	if !value.ok {
		r.snap.miss(name, ReasonEmpty, source+" was not in the answer")
		return
	}
	r.got.add(domain.Figure{Name: name, Kind: kind, Value: value.n, Source: source})
}

// missRest says of each name that has no figure why: the platform does not know it, or the reading is incomplete, or it
// came without a value.
func (r *reading) missRest(reason, detail string, names ...string) {
	if r.snap.Incomplete != nil && reason != ReasonUnsupported {
		reason, detail = reasonOf(r.snap.Incomplete.Class), r.snap.Incomplete.detail()
	}
	for _, name := range names {
		if !r.got.has(name) {
			r.snap.miss(name, reason, detail)
		}
	}
}

// figures collects the figures of a reading; of two for the same metric, day and window the later
// counts (a platform may repeat a day at the seam of two answers).
type figures struct {
	list  []domain.Figure
	index map[domain.Figure]int
}

func (f *figures) add(figure domain.Figure) {
	key := figure
	key.Value = 0
	if i, ok := f.index[key]; ok {
		f.list[i] = figure
		return
	}
	if f.index == nil {
		f.index = map[domain.Figure]int{}
	}
	f.index[key] = len(f.list)
	f.list = append(f.list, figure)
}

func (f *figures) has(name string) bool {
	return slices.ContainsFunc(f.list, func(figure domain.Figure) bool { return figure.Name == name })
}
