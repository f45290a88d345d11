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
	// no address and no secret. A [*DegradedError] leaves reads possible; any other error does not.
	Probe func(context.Context) error
}

// DegradedError is a reason that does not keep a process from serving reads.
type DegradedError struct {
	Reason string
	Writes bool // changes can succeed too
}

// Error implements error.
func (d *DegradedError) Error() string { return d.Reason }

const checkTimeout = 2 * time.Second

// The states of readiness.
const (
	statusReady    = "ready"
	statusDegraded = "degraded"
	statusNotReady = "not_ready"
)

// HealthBody is the answer of /healthz and /readyz.
type HealthBody struct {
	Status      string             `json:"status"` // ok, ready, degraded, not_ready
	Checks      []CheckResult      `json:"checks,omitempty"`
	Projections []ProjectionHealth `json:"projections,omitempty"`        // how far the read models are; absent before they were looked at
	Platforms   []PlatformPause    `json:"paused_platforms,omitempty"`   // that are not read
	Connections []ConnectionPause  `json:"paused_connections,omitempty"` // whose accounts are not read
	Readings    []PlatformReading  `json:"readings,omitempty"`           // how this process reads platforms
}

// CheckResult is one condition of readiness.
type CheckResult struct {
	Name     string `json:"name"` // what is looked at
	OK       bool   `json:"ok"`
	Degraded bool   `json:"degraded,omitempty"` // it does not hold, and what was asked for is possible all the same
	Reason   string `json:"reason,omitempty"`
}

// ProjectionHealth is how far a read model is, as this process saw it last.
type ProjectionHealth struct {
	Name       string            `json:"name"`        // of the projection
	Generation int               `json:"generation"`  // that this process reads; 0: no generation yet
	State      string            `json:"state"`       // building, live
	Paused     bool              `json:"paused"`      // by an operator
	Parked     int64             `json:"parked"`      // events that wait for an operator
	LagEvents  int64             `json:"lag_events"`  // not folded yet, over all partitions
	LagSeconds float64           `json:"lag_seconds"` // without progress of the partition that waits longest
	Partitions []PartitionHealth `json:"partitions"`  // of the topic
	Building   []BuildHealth     `json:"building"`    // generations that are being made, of any version
}

// PartitionHealth is the position of one partition.
type PartitionHealth struct {
	Partition  int32   `json:"partition"`         // its number
	NextOffset int64   `json:"next_offset"`       // the first that is not folded
	EndOffset  int64   `json:"end_offset"`        // behind the last record
	LagEvents  int64   `json:"lag_events"`        // not folded yet
	LagSeconds float64 `json:"lag_seconds"`       // since when it has been behind without progress
	Stopped    string  `json:"stopped,omitempty"` // why it must not be followed; absent when it may
}

// BuildHealth is a generation that is being made.
type BuildHealth struct {
	Generation  int    `json:"generation"`      // its number
	Version     int    `json:"version"`         // of the projector
	Percent     int    `json:"percent"`         // made of what it needs before it may be read
	SecondsLeft *int64 `json:"seconds_left"`    // estimated from the rate so far; null: not known yet
	Waits       string `json:"waits,omitempty"` // what its rebuild waits for; absent when it goes on
}

// PlatformReading is how connections of a platform are read. How many there are is for who signs in.
type PlatformReading struct {
	Name   string `json:"name"`   // of the platform
	Kind   string `json:"kind"`   // account_insights or post_insights
	Slowed bool   `json:"slowed"` // less often than configured, because of its quota
	Pace   string `json:"pace"`   // a sentence: how often those are read that are read least often, and why not more often
}

// PlatformPause is a platform that an operator paused: neither are its figures read nor its tokens renewed.
type PlatformPause struct {
	Name   string    `json:"name"`   // of the platform
	Since  time.Time `json:"since"`  // UTC
	By     string    `json:"by"`     // who paused it
	Reason string    `json:"reason"` // CODE or CODE:TICKET
}

// ConnectionPause is a connection that an operator paused: neither are its figures read nor its token renewed.
type ConnectionPause struct {
	ConnectionID int64     `json:"connection_id"` // of the connection
	Since        time.Time `json:"since"`         // UTC
	By           string    `json:"by"`            // who paused it
	Reason       string    `json:"reason"`        // CODE or CODE:TICKET
}

// Health answers /healthz and /readyz.
type Health struct {
	Checks []Check
	Seen   func(context.Context, *HealthBody) // tells what else there is to report; nil: nothing
}

// Handler serves /healthz, /readyz and /metrics alone: what a process has that serves nothing else. Metrics may be nil:
// then there is no such route.
func (h Health) Handler(metrics http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", getHealth)
	mux.HandleFunc("GET /readyz", h.getReady)
	if metrics != nil {
		mux.Handle("GET /metrics", metrics)
	}
	return boundBodies(defaultRequestTimeout, mux)
}

// getHealth says that the process serves; whether it can do its work is /readyz.
func getHealth(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, contentJSON, http.StatusOK, HealthBody{Status: "ok"})
}

// getReady answers 503 when reads cannot be served, or, asked for writes, when no change can succeed.
func (h Health) getReady(w http.ResponseWriter, r *http.Request) {
	body, status := h.ready(r)
	if status != http.StatusOK {
		w.Header().Set(headerRetryAfter, "1")
	}
	writeJSON(w, contentJSON, status, body)
}

// ready runs all checks at once.
func (h Health) ready(r *http.Request) (HealthBody, int) {
	ctx, cancel := context.WithTimeout(r.Context(), checkTimeout)
	defer cancel()
	writes := r.URL.Query().Get("for") == "writes"
	results := make([]CheckResult, len(h.Checks))
	var group sync.WaitGroup
	for i, check := range h.Checks {
		group.Go(func() { results[i] = runCheck(ctx, check, writes) })
	}
	group.Wait()
	body, status := HealthBody{Status: statusReady, Checks: results}, http.StatusOK
	for _, result := range results {
		switch {
		case result.OK:
		case !result.Degraded:
			body.Status, status = statusNotReady, http.StatusServiceUnavailable
		case status == http.StatusOK:
			body.Status = statusDegraded
		}
	}
	if h.Seen != nil {
		h.Seen(ctx, &body)
	}
	return body, status
}

// runCheck does not wait for a probe that ignores its context: readiness is asked for in order to
// take a stuck process out of rotation.
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
