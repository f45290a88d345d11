package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/stretchr/testify/require"
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

// print prints a result as a line of JSON, and adds it to the table.
func (b *bench) print(r result) {
	row := b.shown.row(r)
	row.values = append(row.values, r.Value)
	if r.Limit != nil {
		row.limits, row.ratios = append(row.limits, *r.Limit), append(row.ratios, *r.Ratio)
	}
	require.NoError(b, json.NewEncoder(os.Stdout).Encode(r))
}

// report prints a result that has no limit.
func (b *bench) report(name, unit string, value float64) {
	b.print(result{Name: name, Value: round(value), Unit: unit})
}

// compare prints a result with its limit; the ratio is value/limit.
func (b *bench) compare(name, unit string, value, limit float64) {
	b.print(result{Name: name, Value: round(value), Unit: unit, Limit: new(round(limit)), Ratio: new(round(value / limit))})
}

// comparePercentiles prints the median and the 99th percentile.
func (b *bench) comparePercentiles(name string, values, limits []time.Duration) {
	for _, p := range []float64{0.50, 0.99} {
		b.compare(fmt.Sprintf("%s_p%.0f", name, p*100), "ms", percentile(values, p), percentile(limits, p))
	}
}

// inTurns measures ours and the limit in turn, so that other load on the machine affects both equally, and
// returns the medians.
func (b *bench) inTurns(ours, limit func() float64) (value, bound float64) {
	var values, limits []float64
	for range b.rounds {
		values, limits = append(values, ours()), append(limits, limit())
	}
	return median(values), median(limits)
}

// results runs a command that prints results, and returns them.
func results(command *exec.Cmd) (printed []result, err error) {
	command.Stderr = os.Stderr
	out, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("run %s: %w", command, err)
	}
	for decoder := json.NewDecoder(bytes.NewReader(out)); decoder.More(); {
		var r result
		if err := decoder.Decode(&r); err != nil {
			return nil, fmt.Errorf("read result: %w", err)
		}
		printed = append(printed, r)
	}
	return printed, nil
}

// printResultsOf runs a command that prints results, and prints them.
func (b *bench) printResultsOf(command *exec.Cmd) {
	printed, err := results(command)
	require.NoError(b, err)
	for _, r := range printed {
		b.print(r)
	}
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
