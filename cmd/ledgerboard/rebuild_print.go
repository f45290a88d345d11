package main

import (
	"fmt"
	"io"

	"github.com/ledgerboard/ledgerboard/projections"
)

// printTables prints what a comparison of tables found.
func printTables(out io.Writer, r projections.Report) {
	verdict := "equal"
	if !r.Equal {
		verdict = "NOT EQUAL"
	}
	fmt.Fprintf(out, "%s: %s (report %s, %s)\n", r.Projection, verdict, r.ID, r.Took)
	for _, t := range r.Tables {
		mark := "ok"
		if !t.Equal {
			mark = "NO"
		}
		fmt.Fprintf(out, "  %-3s %-24s %d rows live, %d from the log\n", mark, t.Name, t.RowsLive, t.RowsCandidate)
		if d := t.FirstDifference; d != nil {
			fmt.Fprintf(out, "      agency %s, key %s\n      live     %s\n      from log %s\n      event    %s\n", d.Tenant, d.Key, d.Live, d.Candidate, d.Event)
		}
	}
}
