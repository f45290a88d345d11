package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"time"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/internal/stream"
)

// action is the body of what an operator does.
type action struct {
	reason domain.Reason
	until  *time.Time
	report string
	kind   string
}

// actionBody is the body of what an operator does.
type actionBody struct {
	// Reason is CODE or CODE:TICKET; the codes are a fixed list, and other needs a ticket.
	Reason string `json:"reason"`
}

// rebuildBody is the body of a request for a rebuild.
type rebuildBody struct {
	actionBody

	// Until makes a still generation of the events recorded up to then, instead of one that readers use.
	Until *time.Time `json:"until,omitempty"`
}

// acceptBody is the body by which an operator accepts a report.
type acceptBody struct {
	actionBody

	// Report is the id of the report that was read.
	Report string `json:"report"`
}

// readAction reads {"reason": "CODE[:TICKET]"}, and what an action takes besides. Unknown members are refused: one that
// was mistyped would do more than was meant.
func (s *Server) readAction(w http.ResponseWriter, r *http.Request, also ...string) (a action, err error) {
	members, err := s.readObject(w, r)
	if err != nil {
		return a, err
	}
	var bad fieldErrors
	var reason string
	into := map[string]any{"reason": &reason}
	for _, name := range also {
		switch name {
		case "until":
			into[name] = &a.until
		case "report":
			into[name] = &a.report
		case "kind":
			into[name] = &a.kind
		}
	}
	for name, value := range members {
		field, known := into[name]
		switch {
		case !known:
			bad.addf(clip(name), "is not known here: leave it out")
		case json.Unmarshal(value, field) != nil:
			bad.addf(name, "cannot be read: reason, report and kind are texts, until is a time like 2026-11-20T14:00:00Z")
		}
	}
	if err := bad.err(); err != nil {
		return a, err
	}
	a.reason, err = domain.ParseReason(reason)
	if told, ok := errors.AsType[*domain.Error](err); ok {
		return a, told.WithField("reason", "is none that is taken")
	}
	return a, err
}

// postRebuild asks for a rebuild of the projection in the path; {"until": …} makes a still generation as of a time.
func (s *Server) postRebuild() operation {
	return doing(s, reflect.TypeFor[rebuildBody](), []string{"until"}, []Param{paramProjection},
		func(p *Params) (string, error) { return p.text(paramProjection), nil },
		func(ctx context.Context, c commands.Caller, projection string, a action) (operator.Rebuild, error) {
			return s.deps.Operators.RequestRebuild(ctx, c, projection, a.until, a.reason)
		})
}

// rebuild is the one that the path names.
func (s *Server) rebuild(r *http.Request, params *Params) (operator.Rebuild, error) {
	id := params.text(paramRebuild)
	if err := params.Err(); err != nil {
		return operator.Rebuild{}, err
	}
	return s.deps.Operators.Rebuild(r.Context(), id)
}

func (s *Server) getRebuild() operation {
	return taking(func(w http.ResponseWriter, r *http.Request, params *Params) error {
		rebuild, err := s.rebuild(r, params)
		if err != nil {
			return err
		}
		return s.writeData(w, rebuild, nil)
	}, paramRebuild).answering(reflect.TypeFor[operator.Rebuild](), nil)
}

// acceptRebuild lets a rebuild go on whose tables differ: the body names the report that was read.
func (s *Server) acceptRebuild() operation {
	return doing(s, reflect.TypeFor[acceptBody](), []string{"report"}, []Param{paramRebuild},
		func(p *Params) (string, error) { return p.text(paramRebuild), nil },
		func(ctx context.Context, c commands.Caller, id string, a action) (done, error) {
			if a.report == "" {
				return done{}, invalidField("report", "is missing: give the id of the report that you accept, as the rebuild shows it")
			}
			return done{true}, s.deps.Operators.AcceptRebuild(ctx, c, id, a.report, a.reason)
		})
}

// progressEvery is the time between two events of a rebuild's progress.
const progressEvery = time.Second

// streamRebuild tells the progress of a rebuild as Server-Sent Events, until it has ended.
func (s *Server) streamRebuild() operation {
	return taking(func(w http.ResponseWriter, r *http.Request, params *Params) error {
		rebuild, err := s.rebuild(r, params)
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
				return nil // a listener that went away is no failure of ours
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
			if rebuild, err = s.deps.Operators.Rebuild(r.Context(), rebuild.ID); err != nil {
				return nil // the answer has begun; a listener connects again
			}
		}
	}, paramRebuild)
}
