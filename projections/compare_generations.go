package projections

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/projections/ddl"
	"github.com/ledgerboard/ledgerboard/projections/fold"
)

// compareGenerations compares all tables and the parked events of two generations, each as its transaction sees it. The
// transactions must be snapshots that show equal checkpoints; see [Verifier].
func compareGenerations(ctx context.Context, liveTx, candidateTx pgx.Tx, p fold.Projector, live, candidate int) (Report, error) {
	began := time.Now()
	r := newReport(p.Name(), began)
	r.Live, r.Candidate = live, candidate
	var err error
	if r.Positions, err = readCheckpoints(ctx, liveTx, p.Name(), live); err != nil {
		return r, err
	}
	for number, version := range map[int]*int{live: &r.Versions.Live, candidate: &r.Versions.Candidate} {
		g, found, err := readGeneration(ctx, liveTx, p.Name(), number)
		if err != nil {
			return r, err
		}
		if !found {
			return r, domain.NewError(domain.CodeNotFound, "projection %s has no generation %d", p.Name(), number)
		}
		*version = g.Version
	}
	a, b := tableSide{liveTx, ddl.Schema(p.Name(), live)}, tableSide{candidateTx, ddl.Schema(p.Name(), candidate)}
	seed := rand.Int64()
	for _, table := range p.Tables() {
		t, err := compareTable(ctx, a, b, table, seed)
		if err != nil {
			return r, err
		}
		r.Tables = append(r.Tables, t)
	}
	liveParked, err := readParked(ctx, liveTx, p.Name(), live)
	if err != nil {
		return r, err
	}
	candidateParked, err := readParked(ctx, candidateTx, p.Name(), candidate)
	if err != nil {
		return r, err
	}
	r.Parked = compareParked(liveParked, candidateParked)
	r.finish(began)
	return r, nil
}

// compareTable compares a table, tenant by tenant, and looks for a row where one differs.
func compareTable(ctx context.Context, live, candidate tableSide, table string, seed int64) (TableReport, error) {
	r := TableReport{Name: table}
	shape, err := live.shape(ctx, table)
	if err != nil {
		return r, err
	}
	other, err := candidate.shape(ctx, table)
	if err != nil {
		return r, err
	}
	if !slices.Equal(shape.Columns, other.Columns) {
		r.Note = fmt.Sprintf("columns differ: live has %v, the candidate has %v", shape.Columns, other.Columns)
		return r, nil
	}
	a, err := live.digests(ctx, shape, seed)
	if err != nil {
		return r, err
	}
	b, err := candidate.digests(ctx, shape, seed)
	if err != nil {
		return r, err
	}
	differing := r.compare(a, b)
	if len(differing) > 0 {
		r.FirstDifference, err = firstDifference(ctx, live, candidate, shape, differing[0], seed)
	}
	return r, err
}

// compare notes what digests say, and returns the tenants that differ.
func (r *TableReport) compare(live, candidate map[string]bucket) []string {
	for _, b := range live {
		r.RowsLive += b.Rows
	}
	for _, b := range candidate {
		r.RowsCandidate += b.Rows
	}
	differing := differingKeys(live, candidate)
	r.TenantsDiffering, r.Equal = len(differing), len(differing) == 0
	return differing
}
