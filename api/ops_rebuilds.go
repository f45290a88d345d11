package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/internal/stream"
)

// actionBody is the body of what an operator does.
type actionBody struct {
	// Reason is CODE or CODE:TICKET; the codes are a fixed list, and other needs a ticket.
	Reason string `json:"reason"`
}

// readReason reads {"reason": "CODE[:TICKET]"}. Unknown members are refused: one that
// was mistyped would do more than was meant.
func (s *Server) readReason(w http.ResponseWriter, r *http.Request) (reason domain.Reason, err error) {
	members, err := s.readObject(w, r)
	if err != nil {
		return reason, err
	}
	var bad domain.FieldErrors
	var text string
	for name, value := range members {
		switch {
		case name != "reason":
			bad.Addf(clip(name), "is not known here: leave it out")
		case json.Unmarshal(value, &text) != nil:
			bad.Addf(name, "cannot be read: reason is a text")
		}
	}
	if err := bad.Err(); err != nil {
		return reason, err
	}
	reason, err = domain.ParseReason(text)
	if told, ok := errors.AsType[*domain.Error](err); ok {
		return reason, told.WithField("reason", "is not one of the reasons")
	}
	return reason, err
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
			if rebuild, err = s.deps.Operators.Rebuild(r.Context(), rebuild.ID); err != nil {
				return nil // the answer has begun; a listener connects again
			}
		}
	}, paramRebuild)
}
