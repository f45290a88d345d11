package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"text/tabwriter"
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

// table has a row for each name, with the medians of its results here and at an older commit.
type table struct {
	names []string // in the order of the rows
	rows  map[string]*tableRow
}

type tableRow struct {
	unit                           string
	values, limits, ratios, before []float64
}

func (t *table) row(r result) *tableRow {
	if t.rows[r.Name] == nil {
		if t.rows == nil {
			t.rows = map[string]*tableRow{}
		}
		t.names, t.rows[r.Name] = append(t.names, r.Name), &tableRow{unit: r.Unit}
	}
	return t.rows[r.Name]
}

// add returns a function that adds results and prints them as JSON lines.
func (t *table) add(out io.Writer) func(result) error {
	return func(r result) error {
		row := t.row(r)
		row.values = append(row.values, r.Value)
		if r.Limit != nil {
			row.limits, row.ratios = append(row.limits, *r.Limit), append(row.ratios, *r.Ratio)
		}
		if err := json.NewEncoder(out).Encode(r); err != nil {
			return fmt.Errorf("print result: %w", err)
		}
		return nil
	}
}

func (t *table) addBefore(r result) error {
	row := t.row(r)
	row.before = append(row.before, r.Value)
	return nil
}

func (t *table) print(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "name\tunit\tours\tlimit\tratio\tbefore\tours/before\t")
	for _, name := range t.names {
		row := t.rows[name]
		gain := "-"
		if len(row.values) > 0 && len(row.before) > 0 {
			gain = fmt.Sprintf("%.2f", median(row.values)/median(row.before))
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t\n", name, row.unit,
			cell(row.values), cell(row.limits), cell(row.ratios), cell(row.before), gain)
	}
	return w.Flush()
}

func cell(values []float64) string {
	if len(values) == 0 {
		return "-"
	}
	return strconv.FormatFloat(round(median(values)), 'f', -1, 64)
}

// runBefore runs what matches a pattern in an older checkout, with the flags of this run.
func runBefore(ctx context.Context, dir, pattern string, add func(result) error) error {
	args := []string{"run", "./internal/dev/bench"}
	flag.Visit(func(f *flag.Flag) {
		if f.Name != "before" && f.Name != "pairs" {
			args = append(args, "-"+f.Name+"="+f.Value.String())
		}
	})
	command := exec.CommandContext(ctx, "go", append(args, "-run="+pattern)...) // of two, the last one counts
	command.Dir = dir
	return results(command, add)
}

// results runs a command that prints results, and adds them.
func results(command *exec.Cmd, add func(result) error) error {
	command.Stderr = os.Stderr
	out, err := command.Output()
	if err != nil {
		return fmt.Errorf("run %s: %w", command, err)
	}
	for decoder := json.NewDecoder(bytes.NewReader(out)); decoder.More(); {
		var r result
		if err := decoder.Decode(&r); err != nil {
			return fmt.Errorf("read result: %w", err)
		}
		if err := add(r); err != nil {
			return err
		}
	}
	return nil
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

// median returns the mean of the two middle values if their number is even.
func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
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
