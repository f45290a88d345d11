package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"
)

// result is one printed line. Limit and ratio are nil where there is nothing to compare with.
type result struct {
	Name  string   `json:"name"`
	Value float64  `json:"value"`
	Unit  string   `json:"unit"`
	Limit *float64 `json:"limit"`
	Ratio *float64 `json:"ratio"`
}

func (r result) print(out io.Writer) error {
	raw, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("encode result: %w", err)
	}
	_, err = fmt.Fprintln(out, string(raw))
	return err
}

// against makes a result with its limit; the ratio is value/limit.
func against(name, unit string, value, limit float64) result {
	ratio := value / limit
	return result{Name: name, Value: round(value), Unit: unit, Limit: new(round(limit)), Ratio: new(round(ratio))}
}

func round(v float64) float64 {
	switch {
	case v >= 1000:
		return float64(int64(v + 0.5))
	default:
		return float64(int64(v*1000+0.5)) / 1000
	}
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

// percentile is in milliseconds.
func percentile(durations []time.Duration, p float64) float64 {
	if len(durations) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(durations))
	i := min(len(sorted)-1, int(p*float64(len(sorted))))
	return float64(sorted[i].Microseconds()) / 1000
}
