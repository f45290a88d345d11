package projections

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/projections/fold"
)

// Report says whether two sets of tables of a projection are equal, and where they differ first.
type Report struct {
	ID         string    `json:"id"`
	At         time.Time `json:"at"`
	Projection string    `json:"projection"`
	Live       int       `json:"live"`      // its generation
	Candidate  int       `json:"candidate"` // its generation; 0: a fold in memory
	Versions   Versions  `json:"versions"`
	// Positions are the offsets by partition at which both stood.
	Positions map[int32]int64 `json:"positions"`
	Tables    []TableReport   `json:"tables"`
	Parked    ParkedReport    `json:"parked"`
	Equal     bool            `json:"equal"`
	Took      string          `json:"took"`
	// Note says why nothing was compared.
	Note string `json:"note,omitempty"`
	// Behind says why the tables are not what the log says although they are up to Positions: what stands behind is not folded.
	Behind string `json:"behind,omitempty"`
}

// Versions are those of the projectors that made the tables.
type Versions struct {
	Live      int `json:"live"`
	Candidate int `json:"candidate"`
}

// TableReport compares a table.
type TableReport struct {
	Name             string      `json:"name"`
	RowsLive         int64       `json:"rows_live"`
	RowsCandidate    int64       `json:"rows_candidate"`
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
	// In says where the row is: live, candidate, both.
	In string `json:"in"`
	// Columns are those that differ where the row is in both, in order of their names.
	Columns []string `json:"columns,omitempty"`
	Event   string   `json:"event,omitempty"` // the id of the event behind the row, where the row has it
}

// ParkedReport compares what is set aside.
type ParkedReport struct {
	Live            int       `json:"live"`
	Candidate       int       `json:"candidate"`
	Equal           bool      `json:"equal"`
	FirstDifference *ParkedAt `json:"first_difference,omitempty"`
	// In says where the first difference is: live, candidate.
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

func newReport(projection string, at time.Time) Report {
	return Report{ID: uuid.NewString(), At: at.UTC(), Projection: projection}
}

// compareParked compares two lists that are in the order of positions.
func compareParked(live, candidate []ParkedAt) ParkedReport {
	r := ParkedReport{Live: len(live), Candidate: len(candidate), Equal: true}
	for i := range max(len(live), len(candidate)) {
		switch {
		case i >= len(live):
			r.FirstDifference, r.In = &candidate[i], "candidate"
		case i >= len(candidate) || live[i] != candidate[i]:
			r.FirstDifference, r.In = &live[i], "live"
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

// parkedSQL lists parked events; that an operator has acknowledged one is no part of what the log says.
const parkedSQL = `
	select partition, log_offset, stream_key, reason, case state when 'acknowledged' then 'parked' else state end
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
