package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"time"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/internal/stream"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// ParkedForm is the form of ids of parked events, which are the cursors of their list.
const ParkedForm = "[a-z0-9_]+-[0-9]{1,9}-[0-9]{1,18}"

var parkedForm = regexp.MustCompile("^" + ParkedForm + "$")

// parkedID reads the id of a parked event.
func (p *Params) parkedID() string {
	id, _ := p.value(paramParked)
	if !parkedForm.MatchString(id) {
		p.bad.Addf(paramParked.Name, "names no parked event: write <projection>-<partition>-<offset>, as the list shows it")
	}
	return id
}

func parseParked(p *Params) operator.ParkedFilter {
	filter := operator.ParkedFilter{After: p.cursor(paramCursor), Limit: p.Limit()}
	if filter.After != "" && !parkedForm.MatchString(filter.After) {
		p.bad.Addf(paramCursor.Name, "is not a cursor of this list: repeat the request of the page before with its next_cursor, or begin without one")
	}
	return filter
}

// parkedMeta stands beside a page of parked events.
type parkedMeta struct {
	NextCursor string `json:"next_cursor,omitempty"`
}

func (s *Server) parked(r *http.Request, filter operator.ParkedFilter) (events []operator.ParkedEvent, meta parkedMeta, err error) {
	events, err = s.deps.Operators.Parked(r.Context(), filter)
	if len(events) == filter.Limit {
		meta.NextCursor = events[len(events)-1].ID
	}
	return events, meta, err
}

// retryParked folds one parked event again; "": all of them.
func (s *Server) retryParked(ctx context.Context, c commands.Caller, id string, reason domain.Reason) (operator.RetryResult, error) {
	if id == "" {
		return s.deps.Operators.RetryParked(ctx, c, nil, reason)
	}
	return s.deps.Operators.RetryParked(ctx, c, []string{id}, reason)
}

// actions lists what operators did, and what came of it. Looking here is itself not recorded.
func (s *Server) actions(r *http.Request, page readmodels.Page) (list []operator.Action, meta readmodels.ListMeta, err error) {
	list, meta.NextCursor, err = s.deps.Operators.Actions(r.Context(), page.Limit, page.Cursor)
	return list, meta, err
}

// connections lists how the connected accounts of all agencies are read.
func (s *Server) connections(ctx context.Context) ([]readmodels.ConnectionReading, error) {
	connections, err := s.deps.Operators.Connections(ctx, readmodels.ReadingsQuery{})
	for i := range connections {
		connections[i].HidePerson()
	}
	return connections, err
}

func (s *Server) rebuild(r *http.Request, id string) (operator.Rebuild, error) {
	return s.deps.Operators.Rebuild(r.Context(), id)
}

// progressEvery is the time between two events of a rebuild's progress.
const progressEvery = time.Second

// streamRebuild tells the progress of a rebuild as Server-Sent Events, until it has ended.
func (s *Server) streamRebuild(w http.ResponseWriter, r *http.Request, id string) error {
	rebuild, err := s.rebuild(r, id)
	if err != nil {
		return err
	}
	p, _ := PrincipalFrom(r.Context())
	stream.SetEventHeader(w.Header())
	out := http.NewResponseController(w)
	ticker := time.NewTicker(progressEvery)
	defer ticker.Stop()
	for {
		raw, err := json.Marshal(rebuild)
		if err != nil {
			return fmt.Errorf("encode progress: %w", err)
		}
		_ = out.SetWriteDeadline(time.Now().Add(10 * progressEvery))
		if _, err := fmt.Fprintf(w, "event: rebuild\ndata: %s\n\n", raw); err != nil || out.Flush() != nil || rebuild.Ended() {
			return nil // a listener that has gone away is not our failure
		}
		select {
		case <-r.Context().Done():
			return nil
		case <-s.closing:
			return nil
		case <-ticker.C:
		}
		if s.doorkeeper.admit(r.Context(), p) != nil {
			return nil // the next opening says why
		}
		if rebuild, err = s.rebuild(r, id); err != nil {
			return nil // the answer has begun; a listener connects again
		}
	}
}
