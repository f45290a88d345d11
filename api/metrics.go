package api

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// requestMetrics counts requests by route pattern, so that ids in paths make no new series.
type requestMetrics struct {
	duration *prometheus.HistogramVec
	inFlight prometheus.Gauge
}

func newRequestMetrics(registerer prometheus.Registerer) (*requestMetrics, error) {
	m := &requestMetrics{
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "ledgerboard_http_request_duration_seconds",
			Help:    "Time from the first byte of a request to the end of its answer; streams are left out.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"method", "route", "status"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "ledgerboard_http_requests_in_flight",
			Help: "Requests being served now, streams included.",
		}),
	}
	if registerer == nil {
		return m, nil
	}
	return m, errors.Join(registerer.Register(m.duration), registerer.Register(m.inFlight))
}

// started counts a request in and returns what counts it out.
func (m *requestMetrics) started() func(method, route string, status int, took time.Duration) {
	m.inFlight.Inc()
	return func(method, route string, status int, took time.Duration) {
		m.inFlight.Dec()
		if !isStream(route) {
			m.duration.WithLabelValues(boundedMethod(method), route, strconv.Itoa(status)).Observe(took.Seconds())
		}
	}
}

// boundedMethod keeps made-up methods from making series.
func boundedMethod(method string) string {
	known := []string{
		http.MethodGet, http.MethodHead, http.MethodPut, http.MethodPost,
		http.MethodDelete, http.MethodPatch, http.MethodOptions,
	}
	if slices.Contains(known, method) {
		return method
	}
	return "other"
}
