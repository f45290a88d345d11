package api

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// Check is one condition of readiness.
type Check struct {
	Name string // for example "log", "database", "projector_lag"
	// Probe returns nil when all is well, else the reason, which callers of /readyz see: it must name
	// no address and no secret.
	Probe func(context.Context) error
}

const checkTimeout = 2 * time.Second

// healthBody is the answer of /healthz and /readyz.
type healthBody struct {
	Status string        `json:"status"` // ok, ready, not_ready
	Checks []checkResult `json:"checks,omitempty"`
}

// checkResult is one condition of readiness.
type checkResult struct {
	Name   string `json:"name"` // what is looked at
	OK     bool   `json:"ok"`
	Reason string `json:"reason,omitempty"`
}

// getHealth says that the process serves; whether it can do its work is /readyz.
func (s *Server) getHealth(w http.ResponseWriter, _ *http.Request) error {
	s.writeJSON(w, contentJSON, http.StatusOK, healthBody{Status: "ok"})
	return nil
}

// getReady runs all checks at once: 200 when all hold, else 503 with the reasons.
func (s *Server) getReady(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), checkTimeout)
	defer cancel()
	results := make([]checkResult, len(s.deps.Checks))
	var group sync.WaitGroup
	for i, check := range s.deps.Checks {
		group.Go(func() { results[i] = runCheck(ctx, check) })
	}
	group.Wait()
	body, status := healthBody{Status: "ready", Checks: results}, http.StatusOK
	for _, result := range results {
		if !result.OK {
			body.Status, status = "not_ready", http.StatusServiceUnavailable
			w.Header().Set(headerRetryAfter, "1")
		}
	}
	s.writeJSON(w, contentJSON, status, body)
	return nil
}

// runCheck does not wait for a probe that ignores its context: readiness is asked for in order to
// take a stuck process out of rotation.
func runCheck(ctx context.Context, check Check) checkResult {
	answer := make(chan error, 1)
	go func() { answer <- check.Probe(ctx) }()
	var err error
	select {
	case err = <-answer:
	case <-ctx.Done():
		err = errors.New("did not answer in time")
	}
	var known *domain.Error
	switch {
	case err == nil:
		return checkResult{Name: check.Name, OK: true}
	case errors.As(err, &known):
		return checkResult{Name: check.Name, Reason: known.Message}
	default:
		return checkResult{Name: check.Name, Reason: err.Error()}
	}
}
