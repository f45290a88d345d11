package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/internal/assembly"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/projections"
)

// tables compares the tables of every projection with a fold of the log. One that cannot be checked stops no other.
func (c verifyCommand) tables(ctx context.Context, s streams) error {
	if err := errors.Join(c.needLog(), c.needTables()); err != nil {
		return err
	}
	return c.looking(c.logger(s), func(parts *assembly.Parts) error { return c.allTables(ctx, s, parts) })
}

func (c verifyCommand) allTables(ctx context.Context, s streams, parts *assembly.Parts) error {
	engines, err := parts.Engines(ctx)
	if errors.Is(err, eventlog.ErrNoTopic) {
		missing := noLog(err)
		return errors.Join(fmt.Errorf("%w: %s", errFindings, missing), c.printTables(s, projections.Report{At: time.Now().UTC(), Note: missing}))
	}
	if err != nil {
		return err
	}
	var wrong []error
	for _, engine := range engines {
		err := c.checkTables(ctx, s, engine)
		if err != nil && ctx.Err() != nil {
			return err
		}
		wrong = append(wrong, err)
	}
	return errors.Join(wrong...)
}

// checkTables compares the tables of one projection with the log, up to the offsets that they have folded, and prints the report.
func (c verifyCommand) checkTables(ctx context.Context, s streams, engine *projections.Engine) error {
	status, err := engine.Status(ctx)
	if err != nil {
		return err
	}
	report := projections.Report{At: time.Now().UTC(), Projection: engine.Name()}
	checked, err := engine.CheckTables(ctx)
	switch {
	case otherLog(err):
		report.Note = fmt.Sprintf("they have folded records that the log does not hold: either records were removed from it, or these "+
			"tables are of another log (%s)", err)
		return errors.Join(fmt.Errorf("%w: %s: %s", errTableFindings, report.Projection, report.Note), c.printTables(s, report))
	case err != nil:
		return err
	}
	if status.Lag > 0 {
		checked.Behind = fmt.Sprintf("%d records of the log were not folded yet, and not compared", status.Lag)
	}
	err = c.printTables(s, checked)
	if !checked.Equal {
		err = errors.Join(errTableFindings, err)
	}
	return err
}

// otherLog tells whether tables cannot be compared because the log does not hold what they folded.
func otherLog(err error) bool {
	return errors.Is(err, eventlog.ErrOtherLog) || errors.Is(err, eventlog.ErrBelowStart) || errors.Is(err, eventlog.ErrBeyondEnd) || errors.Is(err, eventlog.ErrGap)
}

func (c verifyCommand) printTables(s streams, r projections.Report) error {
	if !c.JSON {
		printTables(s.Out, r)
		return nil
	}
	if err := json.NewEncoder(s.Out).Encode(r); err != nil {
		return fmt.Errorf("print report: %w", err)
	}
	return nil
}

func printTables(out io.Writer, r projections.Report) {
	if r.Note != "" {
		fmt.Fprintf(out, "%s: nothing was compared: %s\n", cmp.Or(r.Projection, "all projections"), r.Note)
		return
	}
	rows := int64(0)
	for _, t := range r.Tables {
		rows += t.Rows
	}
	verdict := "equal to the log"
	if !r.Equal {
		verdict = "DIFFERENT from the log"
	}
	fmt.Fprintf(out, "%s, generation %d: %d rows in %d tables and %s, %s; %s\n",
		r.Projection, r.Generation, rows, len(r.Tables), operator.ParkedEvents(r.Parked.Rows), verdict, r.Took)
	if r.Behind != "" {
		fmt.Fprintf(out, "  behind: %s\n", r.Behind)
	}
	for _, t := range r.Tables {
		if t.Equal {
			continue
		}
		fmt.Fprintf(out, "  %s: %d rows, the log gives %d; %d agencies differ. %s\n",
			t.Name, t.Rows, t.RowsLog, t.TenantsDiffering, t.Note)
		if d := t.FirstDifference; d != nil {
			fmt.Fprintf(out, "    first: agency %q, %s, event %q: %s\n", d.Tenant, keyLine(d.Key), d.Event, map[string]string{
				"table": "the log gives no such row", "log": "the table lacks the row", "both": "differs in " + strings.Join(d.Columns, ", "),
			}[d.In])
		}
	}
	if p := r.Parked.FirstDifference; p != nil {
		fmt.Fprintf(out, "  parked events: %d, the log gives %d; first: partition %d, offset %d, reason %s, only so in %s\n",
			r.Parked.Rows, r.Parked.RowsLog, p.Partition, p.Offset, plain(string(p.Reason)),
			map[string]string{"table": "the tables", "log": "the log"}[r.Parked.In])
	}
}

func keyLine(key map[string]string) string {
	parts := make([]string, 0, len(key))
	for _, column := range slices.Sorted(maps.Keys(key)) {
		parts = append(parts, column+"="+plain(key[column]))
	}
	return strings.Join(parts, " ")
}
