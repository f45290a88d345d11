package api

import (
	"context"
	"net/http"
	"reflect"
	"regexp"
	"strconv"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/operator"
)

// ParkedForm is the form of ids of parked events, which are the cursors of their list.
const ParkedForm = "[a-z0-9_]+-[0-9]{1,9}-[0-9]{1,18}"

var parkedForm = regexp.MustCompile("^" + ParkedForm + "$")

// parkedID reads the id of a parked event.
func (p *Params) parkedID() string {
	id, _ := p.value(paramParked, KindParked)
	if !parkedForm.MatchString(id) {
		p.bad.Addf(paramParked.Name, "names no parked event: write <projection>-<partition>-<offset>, as the list shows it")
	}
	return id
}

// named reads what the path names; "" without a parameter.
func (p *Params) named(of Param) string {
	switch of.Kind {
	case "":
		return ""
	case KindParked:
		return p.parkedID()
	case KindRowID:
		return strconv.FormatInt(p.ID(of), 10)
	default:
		return p.text(of)
	}
}

// getParked lists parked events.
func (s *Server) getParked() operation {
	return taking(func(w http.ResponseWriter, r *http.Request, params *Params) error {
		filter := operator.ParkedFilter{After: params.cursor(), Limit: params.Limit()}
		if filter.After != "" && !parkedForm.MatchString(filter.After) {
			params.bad.Addf(paramCursor.Name, "is not a cursor of this list: repeat the request of the page before with its next_cursor, or begin without one")
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
	}, paramCursor, paramLimit).answering(reflect.TypeFor[[]operator.ParkedEvent](), reflect.TypeFor[parkedMeta]())
}

// parkedMeta stands beside a page of parked events.
type parkedMeta struct {
	NextCursor string `json:"next_cursor,omitempty"`
}

// retryParked folds one parked event again; "": all of them.
func (s *Server) retryParked(ctx context.Context, c commands.Caller, id string, reason domain.Reason) (operator.RetryResult, error) {
	if id == "" {
		return s.deps.Operators.RetryParked(ctx, c, nil, reason)
	}
	return s.deps.Operators.RetryParked(ctx, c, []string{id}, reason)
}
