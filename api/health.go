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
	// Probe returns nil if the condition is met, else the reason. Callers of /readyz see the
	// reason, so it must not contain addresses or secrets. After a [*DegradedError], reads are
	// still possible; after any other error, they are not.
	Probe func(context.Context) error
}

// DegradedError reports a failure with which the process can still serve reads.
type DegradedError struct {
	Reason string
	Writes bool // whether changes can succeed too
}

// Error implements error.
func (d *DegradedError) Error() string { return d.Reason }

const checkTimeout = 2 * time.Second

// HealthBody is the response of /healthz and /readyz.
type HealthBody struct {
	Status string        `json:"status"`           // "ok", "ready", "degraded" or "not_ready"
	Checks []CheckResult `json:"checks,omitempty"` // the readiness checks with their results
	// State of the read models; absent before the first check.
	Projections []ProjectionHealth `json:"projections,omitempty"`
	Platforms   []PlatformPause    `json:"paused_platforms,omitempty"`   // The platforms that an operator paused.
	Connections int                `json:"paused_connections,omitempty"` // Number of connections that an operator paused.
	Readings    []PlatformReading  `json:"readings,omitempty"`           // How this process reads platforms.
}

// CheckResult is the result of one readiness check.
type CheckResult struct {
	Name string `json:"name"` // The name of the check.
	OK   bool   `json:"ok"`   // whether the condition is met
	// Degraded is true if the check failed but the service can do what the request asks about.
	Degraded bool   `json:"degraded,omitempty"`
	Reason   string `json:"reason,omitempty"` // why the condition is not met; absent if it is
}

// ProjectionHealth is the state of a read model, as of this process's last check.
type ProjectionHealth struct {
	Name       string `json:"name"`       // The name of the projection.
	Generation int    `json:"generation"` // The generation that this process reads; 0 before the first.
	State      string `json:"state"`      // "building" or "live"
	Paused     bool   `json:"paused"`     // Whether an operator paused it.
	// DeadLetters is the number of events that could not be folded. Each of dashboards stops a stream.
	DeadLetters int64             `json:"dead_letters"`
	LagEvents   int64             `json:"lag_events"`  // Number of events not folded yet, in all partitions.
	LagSeconds  float64           `json:"lag_seconds"` // Time without progress of the partition that has waited longest.
	Partitions  []PartitionHealth `json:"partitions"`  // The partitions of the topic.
	Building    []BuildHealth     `json:"building"`    // Generations under construction, of any version.
}

// PartitionHealth is the position of one partition.
type PartitionHealth struct {
	Partition  int32   `json:"partition"`         // Number of the partition.
	NextOffset int64   `json:"next_offset"`       // Offset of the first record not folded yet.
	EndOffset  int64   `json:"end_offset"`        // Offset after the last record.
	LagEvents  int64   `json:"lag_events"`        // Number of events not folded yet.
	LagSeconds float64 `json:"lag_seconds"`       // Time that the partition has been behind without progress.
	Stopped    string  `json:"stopped,omitempty"` // Why the partition must not be followed; absent if it may be.
}

// BuildHealth is a generation under construction.
type BuildHealth struct {
	Generation  int    `json:"generation"`      // Number of the generation.
	Version     int    `json:"version"`         // The version of the projector.
	Percent     int    `json:"percent"`         // Progress until the generation can be read.
	SecondsLeft *int64 `json:"seconds_left"`    // Estimate from the rate so far; null if unknown.
	Waits       string `json:"waits,omitempty"` // What the rebuild waits for; absent if it is making progress.
}

// PlatformReading describes how the connections of a platform are read. Their number is not public.
type PlatformReading struct {
	Name   string `json:"name"`   // The name of the platform.
	Kind   string `json:"kind"`   // "account_insights" or "post_insights"
	Slowed bool   `json:"slowed"` // Whether the quota makes readings less frequent than configured.
	// Pace is a sentence that says how often the least frequently read connections are read, and
	// what limits this rate.
	Pace string `json:"pace"`
}

// PlatformPause is a platform that an operator paused: its figures are not read and its tokens are
// not renewed. For operators, GET /api/ops/pauses says who paused what, and why.
type PlatformPause struct {
	Name  string    `json:"name"`  // The name of the platform.
	Since time.Time `json:"since"` // When it was paused, UTC.
}

// Health serves /healthz and /readyz.
type Health struct {
	Checks []Check
	Seen   func(context.Context, *HealthBody) // adds to the response; may be nil
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
	writeJSON(w, contentJSON, http.StatusOK, HealthBody{Status: "ok"})
}

// getReady returns 503 if reads cannot be served or, with for=writes, if dashboards cannot be changed.
func (h Health) getReady(w http.ResponseWriter, r *http.Request) {
	body, status := h.body(r.Context(), r.URL.Query().Get("for") == "writes"), http.StatusOK
	if body.Status == notReady {
		status = http.StatusServiceUnavailable
		w.Header().Set(headerRetryAfter, "1")
	}
	writeJSON(w, contentJSON, status, body)
}

const notReady = "not_ready"

// Ready returns whether the process can serve reads or, with writes, change dashboards.
func (s *Server) Ready(ctx context.Context, writes bool) HealthBody {
	return s.deps.Health.body(ctx, writes)
}

func (h Health) body(ctx context.Context, writes bool) HealthBody {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	results := make([]CheckResult, len(h.Checks))
	var group sync.WaitGroup
	for i, check := range h.Checks {
		group.Go(func() { results[i] = runCheck(ctx, check, writes) })
	}
	group.Wait()
	body := HealthBody{Status: "ready", Checks: results}
	for _, result := range results {
		switch {
		case result.OK:
		case !result.Degraded:
			body.Status = notReady
		case body.Status != notReady:
			body.Status = "degraded"
		}
	}
	if h.Seen != nil {
		h.Seen(ctx, &body)
	}
	return body
}

type readyInput struct {
	// What to check: reads, whether reads can be served; writes, whether changes can succeed.
	For string `param:"for" words:"reads writes" default:"reads" example:"writes"`
}

func getReady(s *Server, w http.ResponseWriter, r *http.Request) error {
	s.deps.Health.getReady(w, r)
	return nil
}

// runCheck does not wait for a probe that ignores its context: readiness must detect a stuck
// process.
func runCheck(ctx context.Context, check Check, writes bool) CheckResult {
	answer := make(chan error, 1)
	go func() { answer <- check.Probe(ctx) }()
	var err error
	select {
	case err = <-answer:
	case <-ctx.Done():
		err = errors.New("did not answer in time")
	}
	if err == nil {
		return CheckResult{Name: check.Name, OK: true}
	}
	result := CheckResult{Name: check.Name, Reason: err.Error()}
	if degraded, ok := errors.AsType[*DegradedError](err); ok {
		result.Degraded, result.Reason = degraded.Writes || !writes, degraded.Reason
	} else if known, ok := errors.AsType[*domain.Error](err); ok {
		result.Reason = known.Message
	}
	return result
}
