package projections

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/projections/fold"
)

// Report says whether the tables of a projection equal a fold of the log, and names the first
// difference.
type Report struct {
	ID         string    `json:"id"`
	At         time.Time `json:"at"`
	Projection string    `json:"projection"`
	Generation int       `json:"generation"` // used by readers
	Version    int       `json:"version"`    // of the projector
	// Positions are the offsets, by partition, up to which the log was folded.
	Positions map[int32]int64 `json:"positions"`
	Tables    []TableReport   `json:"tables"`
	Parked    ParkedReport    `json:"parked"`
	Equal     bool            `json:"equal"`
	Took      string          `json:"took"`
	// Note says why nothing was compared.
	Note string `json:"note,omitempty"`
	// Behind says how many records after Positions are not folded yet and were not compared.
	Behind string `json:"behind,omitempty"`
}

// TableReport is the comparison of one table.
type TableReport struct {
	Name             string      `json:"name"`
	Rows             int64       `json:"rows"`     // in the table
	RowsLog          int64       `json:"rows_log"` // in the fold of the log
	Equal            bool        `json:"equal"`
	TenantsDiffering int         `json:"tenants_differing"`
	FirstDifference  *Difference `json:"first_difference,omitempty"`
	// Note says why rows cannot be compared.
	Note string `json:"note,omitempty"`
}

// Difference is a row that differs. It names columns but no values, because reports outlive an
// erasure.
type Difference struct {
	Tenant string            `json:"tenant"` // parent_account; "" if rows belong to no agency
	Key    map[string]string `json:"key"`
	// In says where the row is: table, log, both.
	In string `json:"in"`
	// Columns are the differing columns, sorted by name, if the row is in both.
	Columns []string `json:"columns,omitempty"`
	Event   string   `json:"event,omitempty"` // the id of the event that produced the row, if the row has it
}

// ParkedReport is the comparison of the parked events.
type ParkedReport struct {
	Rows            int       `json:"rows"`     // in the table of parked events
	RowsLog         int       `json:"rows_log"` // in the fold of the log
	Equal           bool      `json:"equal"`
	FirstDifference *ParkedAt `json:"first_difference,omitempty"`
	// In says where the first difference is: table, log.
	In string `json:"in,omitempty"`
}

// ParkedAt is a parked event with its reason.
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

// compare sets the counts from the digests and returns the tenants that differ.
func (r *TableReport) compare(live, folded map[string]digest) []string {
	for _, d := range live {
		r.Rows += d.Rows
	}
	for _, d := range folded {
		r.RowsLog += d.Rows
	}
	differing := differingTenants(live, folded)
	r.TenantsDiffering, r.Equal = len(differing), len(differing) == 0
	return differing
}

// compareParked compares two lists that are sorted by position.
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

// readParked returns the parked events, ordered by position. An event that an operator left out in
// its row is returned as parked, because the log does not contain that decision.
func readParked(ctx context.Context, q pg.Querier, projection string, generation int) ([]ParkedAt, error) {
	return pg.List(ctx, q, "read parked events", pgx.RowToStructByPos[ParkedAt], `
		select partition, log_offset, stream_key, reason, case state when 'left_out' then 'parked' else state end
		from parked where projection = $1 and generation = $2 order by partition, log_offset`, projection, generation)
}
