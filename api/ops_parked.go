package api

import (
	"context"
	"net/http"
	"reflect"
	"regexp"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/internal/operator"
)

var parkedFilters = []Param{paramOfProjection, paramOfStream, paramOfType}

// ParkedForm is the form of ids of parked events, which are the cursors of their list.
const ParkedForm = "[a-z0-9_]+-[0-9]{1,9}-[0-9]{1,18}"

var parkedForm = regexp.MustCompile("^" + ParkedForm + "$")

// parkedID reads the id of a parked event.
func (p *Params) parkedID() string {
	id, _ := p.value(paramParked, KindParked)
	if !parkedForm.MatchString(id) {
		p.bad.addf(paramParked.Name, "names no parked event: write <projection>-<partition>-<offset>, as the list shows it")
	}
	return id
}

// named reads what the path names.
func (p *Params) named(of Param) string {
	if of.Kind == KindParked {
		return p.parkedID()
	}
	return p.text(of)
}

func (p *Params) parkedFilter() operator.ParkedFilter {
	return operator.ParkedFilter{Projection: p.text(paramOfProjection), Stream: p.text(paramOfStream), Type: p.text(paramOfType)}
}

// getParked lists parked events: the preview of what the same filter would retry or acknowledge.
func (s *Server) getParked() operation {
	return taking(func(w http.ResponseWriter, r *http.Request, params *Params) error {
		filter := params.parkedFilter()
		filter.State, filter.After, filter.Limit = params.word(paramParkedState), params.cursor(), params.Limit()
		if filter.After != "" && !parkedForm.MatchString(filter.After) {
			params.bad.addf(paramCursor.Name, "is not a cursor of this list: repeat the request of the page before with its next_cursor, or begin without one")
		}
		if err := params.Err(); err != nil {
			return err
		}
		events, err := s.deps.Operators.Parked(r.Context(), filter)
		if err != nil {
			return err
		}
		meta := parkedMeta{}
		if len(events) == filter.Limit {
			meta.NextCursor = events[len(events)-1].ID
		}
		return s.writeData(w, append([]operator.ParkedEvent{}, events...), meta)
	}, with(parkedFilters, paramParkedState, paramCursor, paramLimit)...).
		answering(reflect.TypeFor[[]operator.ParkedEvent](), reflect.TypeFor[parkedMeta]())
}

// parkedMeta stands beside a page of parked events.
type parkedMeta struct {
	NextCursor string `json:"next_cursor,omitempty"`
}

// manyParked acts on all parked events that the query chooses. A query that chooses nothing is refused: who means all
// events of a projection names it.
func manyParked[R any](s *Server, act manyFunc[R]) operation {
	return doing(s, parkedFilters,
		func(p *Params) (filter operator.ParkedFilter, err error) {
			filter = p.parkedFilter()
			if filter.Projection == "" && filter.Stream == "" && filter.Type == "" {
				err = invalidField(paramOfProjection.Name, "is missing: name a projection, a stream or a type of events in the query")
			}
			return filter, err
		},
		func(ctx context.Context, c commands.Caller, f operator.ParkedFilter, a action) (R, error) {
			return act(ctx, c, f, a.reason)
		})
}

// inspectParked shows a parked record with its texts masked.
func (s *Server) inspectParked() operation {
	return taking(func(w http.ResponseWriter, r *http.Request, params *Params) error {
		id := params.parkedID()
		if err := params.Err(); err != nil {
			return err
		}
		record, err := s.deps.Operators.InspectParked(r.Context(), operatorOf(r), id, nil)
		if err != nil {
			return err
		}
		return s.writeData(w, record, nil)
	}, paramParked).answering(reflect.TypeFor[operator.ParkedRecord](), nil)
}
