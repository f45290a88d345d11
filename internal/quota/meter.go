package quota

import (
	"context"
	"sync/atomic"
)

// Meter counts the calls that were let through under a context.
type Meter struct{ calls atomic.Int64 }

// Calls is the count so far.
func (m *Meter) Calls() int { return int(m.calls.Load()) }

type meterKey struct{}

// WithMeter returns a context whose calls are counted.
func WithMeter(ctx context.Context) (context.Context, *Meter) {
	m := new(Meter)
	return context.WithValue(ctx, meterKey{}, m), m
}
