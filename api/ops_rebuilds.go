package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/internal/stream"
)

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
