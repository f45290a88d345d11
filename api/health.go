package api

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/ledgerboard/ledgerboard/internal/operator"
)

// Check is one condition of readiness.
type Check struct {
	Name string // for example "log" or "database"
	// Probe returns no reasons if the condition is met.
	Probe func(context.Context) []operator.HealthReason
}

const checkTimeout = 2 * time.Second

// Alive is the response of /healthz.
type Alive struct {
	Status string `json:"status"` // "ok"
}

// Health serves /healthz, /readyz and GET /api/ops/health.
type Health struct {
	Checks []Check
	// Reads is whether the process needs the projections.
	Reads bool
	// Projections returns their health, and an error if a change of a dashboard would be refused; nil:
	// the process does not know them yet.
	Projections func() ([]operator.ProjectionHealth, error)
	// Details adds what only operators see; may be nil.
	Details func(context.Context, *operator.Health)
}

// Handler serves only /healthz, /readyz and /metrics, for processes without the API. If metrics is
// nil, there is no /metrics.
func (h Health) Handler(metrics http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", getHealth)
	mux.HandleFunc("GET /readyz", h.getReady)
	if metrics != nil {
		mux.Handle("GET /metrics", metrics)
	}
	return BoundBodies(defaultRequestTimeout, mux)
}

// getHealth reports that the process is running.
func getHealth(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, contentJSON, http.StatusOK, Alive{Status: "ok"})
}

// getReady returns 503 if reads cannot be served or, with for=writes, if dashboards cannot be changed.
// Everyone may ask, so the response contains states only.
func (h Health) getReady(w http.ResponseWriter, r *http.Request) {
	body, status := h.Now(r.Context()).Public(), http.StatusOK
	if body.Status == operator.NotReady || !body.MayWrite && r.URL.Query().Get("for") == "writes" {
		status = http.StatusServiceUnavailable
		w.Header().Set(headerRetryAfter, "1")
	}
	writeJSON(w, contentJSON, status, body)
}

// Health returns what the process can do.
func (s *Server) Health(ctx context.Context) operator.Health { return s.deps.Health.full(ctx) }

func (h Health) full(ctx context.Context) operator.Health {
	body := h.Now(ctx)
	if h.Details != nil {
		h.Details(ctx, &body)
	}
	return body
}

// Now runs the checks.
func (h Health) Now(ctx context.Context) operator.Health {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	results := make([]operator.HealthCheck, len(h.Checks))
	var group sync.WaitGroup
	for i, check := range h.Checks {
		group.Go(func() { results[i] = runCheck(ctx, check) })
	}
	group.Wait()
	projections, refused := []operator.ProjectionHealth{}, error(nil)
	if h.Projections != nil {
		projections, refused = h.Projections()
	}
	body := operator.NewHealth(results, projections, h.Reads)
	body.MayWrite = body.MayWrite && refused == nil
	return body
}

type readyInput struct {
	// What to check: reads, whether reads can be served; writes, whether a change of a dashboard would be accepted.
	For string `param:"for" words:"reads writes" default:"reads" example:"writes"`
}

func getReady(s *Server, w http.ResponseWriter, r *http.Request) error {
	s.deps.Health.getReady(w, r)
	return nil
}

// runCheck does not wait for a probe that ignores its context: readiness must detect a stuck
// process.
func runCheck(ctx context.Context, check Check) operator.HealthCheck {
	answer := make(chan []operator.HealthReason, 1)
	go func() { answer <- check.Probe(ctx) }()
	var reasons []operator.HealthReason
	select {
	case reasons = <-answer:
	case <-ctx.Done():
		reasons = []operator.HealthReason{{Code: operator.HealthNoAnswer}}
	}
	return operator.HealthCheck{Name: check.Name, OK: len(reasons) == 0, Reasons: reasons}
}
