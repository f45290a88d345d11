package projections

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/projections/fold"
)

// Report says whether the tables of a projection are what a fold of the log gives, and where they differ first.
type Report struct {
	ID         string    `json:"id"`
	At         time.Time `json:"at"`
	Projection string    `json:"projection"`
	Generation int       `json:"generation"` // that readers use
	Version    int       `json:"version"`    // of the projector
	// Positions are the offsets by partition up to which the log was folded.
	Positions map[int32]int64 `json:"positions"`
	Tables    []TableReport   `json:"tables"`
	Parked    ParkedReport    `json:"parked"`
	Equal     bool            `json:"equal"`
	Took      string          `json:"took"`
	// Note says why nothing was compared.
	Note string `json:"note,omitempty"`
	// Behind says how many records after Positions are not folded yet, and so were not compared.
	Behind string `json:"behind,omitempty"`
}

// TableReport compares a table.
type TableReport struct {
	Name             string      `json:"name"`
	Rows             int64       `json:"rows"`     // of the table
	RowsLog          int64       `json:"rows_log"` // that the log gives
	Equal            bool        `json:"equal"`
	TenantsDiffering int         `json:"tenants_differing"`
	FirstDifference  *Difference `json:"first_difference,omitempty"`
	// Note says why rows cannot be compared.
	Note string `json:"note,omitempty"`
}

// Difference is a row that differs. It names columns and no values: reports are kept, and what they say of people outlives an erasure.
type Difference struct {
	Tenant string            `json:"tenant"` // parent_account; "" where rows belong to no agency
	Key    map[string]string `json:"key"`
	// In says where the row is: table, log, both.
	In string `json:"in"`
	// Columns are those that differ where the row is in both, in order of their names.
	Columns []string `json:"columns,omitempty"`
	Event   string   `json:"event,omitempty"` // the id of the event behind the row, where the row has it
}

// ParkedReport compares what is set aside.
type ParkedReport struct {
	Rows            int       `json:"rows"`     // of the table of parked events
	RowsLog         int       `json:"rows_log"` // that the log gives
	Equal           bool      `json:"equal"`
	FirstDifference *ParkedAt `json:"first_difference,omitempty"`
	// In says where the first difference is: table, log.
	In string `json:"in,omitempty"`
}

// ParkedAt is an event that is set aside, and why.
type ParkedAt struct {
	Partition int32       `json:"partition"`
	Offset    int64       `json:"offset"`
	Key       string      `json:"key"`
	Reason    fold.Reason `json:"reason"`
	State     string      `json:"state"`
}

// Where a difference is.
const (
	inTable = "table"
	inLog   = "log"
	inBoth  = "both"
)

// compare notes what digests say, and returns the tenants that differ.
func (r *TableReport) compare(live, folded map[string]bucket) []string {
	for _, b := range live {
		r.Rows += b.Rows
	}
	for _, b := range folded {
		r.RowsLog += b.Rows
	}
	differing := differingKeys(live, folded)
	r.TenantsDiffering, r.Equal = len(differing), len(differing) == 0
	return differing
}

func newReport(projection string, at time.Time) Report {
	return Report{ID: uuid.NewString(), At: at.UTC(), Projection: projection}
}

// compareParked compares two lists that are in the order of positions.
func compareParked(live, folded []ParkedAt) ParkedReport {
	r := ParkedReport{Rows: len(live), RowsLog: len(folded), Equal: true}
	for i := range max(len(live), len(folded)) {
		switch {
		case i >= len(live):
			r.FirstDifference, r.In = &folded[i], inLog
		case i >= len(folded) || live[i] != folded[i]:
			r.FirstDifference, r.In = &live[i], inTable
		default:
			continue
		}
		r.Equal = false
		return r
	}
	return r
}

// finish sums up.
func (r *Report) finish(began time.Time) {
	r.Equal = r.Parked.Equal
	for _, t := range r.Tables {
		r.Equal = r.Equal && t.Equal
	}
	r.Took = time.Since(began).Round(time.Millisecond).String()
}

// parkedSQL lists parked events; that an operator has left one out in its row is not in the log.
const parkedSQL = `
	select partition, log_offset, stream_key, reason, case state when 'left_out' then 'parked' else state end
	from parked where projection = $1 and generation = $2 order by partition, log_offset`

// readParked returns what is parked, by position.
func readParked(ctx context.Context, q querier, projection string, generation int) ([]ParkedAt, error) {
	rows, err := q.Query(ctx, parkedSQL, projection, generation)
	if err != nil {
		return nil, fmt.Errorf("read parked events: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[ParkedAt])
	if err != nil {
		return nil, fmt.Errorf("read parked events: %w", err)
	}
	return list, nil
}

// explainCompacted notes the first rows that differ because compaction removed their records; parked is what the fold parked.
// On a compacted topic a key's last record counts. If that one is parked, the tables keep what the record before it made,
// and a rebuild does the same, until compaction removes that record: then the log has lost the state that the row shows.
func explainCompacted(r *Report, p fold.Projector, parked []ParkedAt) {
	compacted, is := p.(fold.Compacted)
	if !is {
		return
	}
	for i := range r.Tables {
		t := &r.Tables[i]
		if t.FirstDifference == nil || t.FirstDifference.In != inTable {
			continue
		}
		key, ok := compacted.LogKey(t.Name, t.FirstDifference.Key)
		if ok && slices.ContainsFunc(parked, func(p ParkedAt) bool { return p.Key == key }) {
			t.Note = fmt.Sprintf("compaction has removed the record that made %s, and the one that is left is parked", key)
		}
	}
}
