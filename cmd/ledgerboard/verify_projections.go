package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/ledgerboard/ledgerboard/internal/assembly"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/projections"
)

// tables compares the tables of every projection with a fold of the log. One that cannot be checked stops no other.
func (c verifyCommand) tables(ctx context.Context, s streams) (err error) {
	if err := errors.Join(c.needLog(), c.needTables("")); err != nil {
		return err
	}
	parts := assembly.NewParts(c.looking(c.logger(s)))
	defer func() { err = errors.Join(err, parts.Close()) }()
	engines, err := parts.Engines(ctx)
	if errors.Is(err, eventlog.ErrNoTopic) {
		return fmt.Errorf("%w: %s", errFindings, noLog(err))
	}
	if err != nil {
		return explainInUse(err)
	}
	var wrong []error
	for _, engine := range engines {
		standing, note, err := c.awaitTables(ctx, s, engine)
		if err != nil {
			if ctx.Err() != nil {
				return err
			}
			wrong = append(wrong, err)
			continue
		}
		if standing != nil {
			wrong = append(wrong, fmt.Errorf("%w: %s", errTableFindings, standing.Detail))
		}
		if note != "" {
			fmt.Fprintln(s.Err, "note:", note)
		}
		report, err := engine.CheckTables(ctx)
		if err != nil {
			if ctx.Err() != nil {
				return err
			}
			wrong = append(wrong, err)
			continue
		}
		if !report.Equal {
			wrong = append(wrong, errTableFindings)
		}
		if c.JSON {
			err = json.NewEncoder(s.Out).Encode(report)
		} else {
			printTables(s.Out, report)
		}
		if err != nil {
			return fmt.Errorf("print report: %w", err)
		}
	}
	return errors.Join(wrong...)
}

func printTables(out io.Writer, r projections.Report) {
	rows := int64(0)
	for _, t := range r.Tables {
		rows += t.RowsLive
	}
	verdict := "equal to the log"
	if !r.Equal {
		verdict = "DIFFERENT from the log"
	}
	fmt.Fprintf(out, "%s, generation %d: %d rows in %d tables and %s, %s; %s\n",
		r.Projection, r.Live, rows, len(r.Tables), operator.ParkedEvents(r.Parked.Live), verdict, r.Took)
	for _, t := range r.Tables {
		if t.Equal {
			continue
		}
		fmt.Fprintf(out, "  %s: %d rows, the log gives %d; %d agencies differ. %s\n",
			t.Name, t.RowsLive, t.RowsCandidate, t.TenantsDiffering, t.Note)
		if d := t.FirstDifference; d != nil {
			fmt.Fprintf(out, "    first: agency %q, %s, event %q\n    table: %s\n    log:   %s\n",
				d.Tenant, keyLine(d.Key), d.Event, rowLine(d.Live), rowLine(d.Candidate))
		}
	}
	if p := r.Parked.FirstDifference; p != nil {
		fmt.Fprintf(out, "  parked events: %d, the log gives %d; first: partition %d, offset %d, reason %s, only so in %s\n",
			r.Parked.Live, r.Parked.Candidate, p.Partition, p.Offset, p.Reason,
			map[string]string{"live": "the tables", "candidate": "the log"}[r.Parked.In])
	}
}

func keyLine(key map[string]string) string {
	parts := make([]string, 0, len(key))
	for _, column := range slices.Sorted(maps.Keys(key)) {
		parts = append(parts, column+"="+key[column])
	}
	return strings.Join(parts, " ")
}

func rowLine(row map[string]any) string {
	if row == nil {
		return "no such row"
	}
	raw, err := json.Marshal(row)
	if err != nil {
		return err.Error()
	}
	return string(raw)
}
