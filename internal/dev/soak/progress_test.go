package soak_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"
)

// shown are the counts that tell why connections are not read, with what a line calls them.
var shown = map[string]string{
	"ledgerboard_fetch_claims_total":           "claims",
	"ledgerboard_fetch_connections_total":      "read",
	"ledgerboard_fetch_due_connections":        "due",
	"ledgerboard_fetch_left_connections":       "left",
	"ledgerboard_fetch_lag_seconds":            "lag",
	"ledgerboard_platform_breaker_state":       "breaker",
	"ledgerboard_platform_refused_calls_total": "refused",
	"ledgerboard_platform_holds_total":         "held",
}

// progress prints each tenth of the run what each process counted since the tenth before, a line for each platform: after a
// run of an hour, that is what is left to tell a platform that stood still from one that was slow.
func (r *run) progress(ctx context.Context) {
	before := make([]map[string]float64, len(r.stack.Counts)) // by process
	for process := range before {
		before[process] = map[string]float64{}
	}
	for tenth := time.NewTicker(r.clock.Wall(r.lasts) / 10); ; {
		select {
		case <-ctx.Done():
			tenth.Stop()
			return
		case <-tenth.C:
		}
		for process, counts := range r.stack.Counts {
			families, err := counts.Gather()
			if err != nil {
				r.Logf("gather: %v", err)
				continue
			}
			lines := map[string][]string{}
			for _, family := range families {
				if name := shown[family.GetName()]; name != "" {
					tell(lines, before[process], name, family)
				}
			}
			for _, platform := range slices.Sorted(maps.Keys(lines)) {
				r.Logf("%s, process %d, %s: %s", r.clock.Now().Sub(r.begin).Round(time.Minute), process, platform, strings.Join(lines[platform], ", "))
			}
		}
	}
}

// tell adds a family's figures to the lines of the platforms: counters by what was added since before, gauges as they are.
func tell(lines map[string][]string, before map[string]float64, name string, family *dto.MetricFamily) {
	for _, metric := range family.GetMetric() {
		platform, labels := "", ""
		for _, pair := range metric.GetLabel() {
			if pair.GetName() == "platform" {
				platform = pair.GetValue()
			} else {
				labels += " " + pair.GetValue()
			}
		}
		value := metric.GetGauge().GetValue()
		if metric.GetCounter() != nil {
			key := name + platform + labels
			value, before[key] = metric.GetCounter().GetValue()-before[key], metric.GetCounter().GetValue()
		}
		if value != 0 {
			lines[platform] = append(lines[platform], fmt.Sprintf("%s%s %.0f", name, labels, value))
		}
	}
}
