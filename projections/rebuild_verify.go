package projections

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/internal/operator"
)

// Verify compares the tables of two generations of a projection. Equal says whether they are; the report is an object
// whose id an operator names who accepts a difference.
type Verify func(ctx context.Context, projection string, live, candidate int) (report json.RawMessage, equal bool, err error)

// verifyTables compares the new tables with those that readers use, unless an operator has decided already.
func (r *running) verifyTables(ctx context.Context, number int) error {
	live, err := r.pointed(ctx, r.pool)
	if err != nil || live == number || live == 0 || r.Back || r.accepted || r.verify == nil || r.State == operator.RebuildSwitching {
		return err
	}
	if err := r.advance(ctx, nil, operator.RebuildVerifying); err != nil {
		return err
	}
	report, why, err := r.compare(ctx, live, number)
	if err != nil {
		return fmt.Errorf("verify generation %d of %s: %w", number, r.projector.Name(), err)
	}
	state, outcome := operator.RebuildSwitching, error(nil)
	if why != "" {
		state, outcome = operator.RebuildBlocked, errBlocked
	}
	tag, err := r.pool.Exec(ctx, `
		update rebuilds set state = $3, report = $4, error = nullif($5, ''),
		       lease_until = case $3 when 'blocked' then '-infinity' else lease_until end
		where id = $1 and lease = $2 and finished_at is null`, r.ID, r.lease, string(state), report, why)
	if err != nil {
		return fmt.Errorf("note report of verification: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return errLeaseLost
	}
	r.State = state
	return outcome
}

// compare returns the report of the verification, and why an operator has to decide; "" when the tables are equal.
func (r *running) compare(ctx context.Context, live, number int) (report json.RawMessage, why string, err error) {
	same, err := r.sameLog(ctx, r.pool, live, number)
	if err != nil {
		return nil, "", err
	}
	if !same {
		return r.reportOtherLog(live, number)
	}
	endWatch := r.watchVerification(ctx, live, number)
	report, equal, err := r.verify(ctx, r.projector.Name(), live, number)
	endWatch()
	if err != nil || equal {
		return report, "", err
	}
	return r.explainDifference(ctx, report, number, "its tables differ from the live ones: read the report, then accept it or cancel")
}

// reportOtherLog is the report on generations that never stand at the same positions: the topic was created again.
func (r *running) reportOtherLog(live, number int) (json.RawMessage, string, error) {
	report := newReport(r.projector.Name(), time.Now())
	report.Live, report.Candidate, report.Versions = live, number, Versions{r.Version, r.Version}
	report.Note = "live is of another log: the topic was created again, so that their positions cannot be compared"
	report.Positions, report.Tables = map[int32]int64{}, []TableReport{}
	report.finish(report.At)
	report.Equal = false // although no table differs
	raw, err := json.Marshal(report)
	return raw, "live is of another log than topic " + r.projector.Topic() + " is now: accept the report to switch, or cancel", err
}

// explainDifference adds to a report what only the log's rules explain.
func (r *running) explainDifference(ctx context.Context, raw json.RawMessage, number int, why string) (json.RawMessage, string, error) {
	if !r.compacted {
		return raw, why, nil
	}
	var report Report
	if err := json.Unmarshal(raw, &report); err != nil {
		return nil, "", fmt.Errorf("read report: %w", err)
	}
	parked, err := readParked(ctx, r.pool, r.projector.Name(), number)
	if err != nil {
		return nil, "", err
	}
	keys := explainCompacted(&report, r.projector, parked)
	if len(keys) == 0 {
		return raw, why, nil
	}
	why = fmt.Sprintf("its tables lack %s: compaction has removed the record that made the live row, and the one that is left is parked; "+
		"import the entity again, or accept the report without it", strings.Join(keys, ", "))
	raw, err = json.Marshal(report)
	return raw, why, err
}

// standsFor is how long a generation may make no progress before a verification that waits for it says so.
const standsFor = 3 * time.Second

// watchVerification says what a verification waits for, until the returned function is called: it compares the two where
// both stand at one position, and one that stands still, because it is paused, because nobody folds it or because a batch
// cannot be written, lets it wait for ever.
func (r *running) watchVerification(ctx context.Context, live, candidate int) (end func()) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		var before string
		since, told := time.Now(), ""
		for r.pause(ctx, lookEvery) == nil {
			behind, err := r.behindHold(ctx, live, candidate)
			if err != nil {
				continue
			}
			if behind != before {
				before, since = behind, time.Now()
			}
			waits := ""
			if behind != "" && time.Since(since) > standsFor {
				waits = "the verification waits because " + behind + "; is the projection paused, or is there no process that folds it?"
			}
			if waits != told {
				r.tell(ctx, waits)
				told = waits
			}
		}
	}()
	return func() {
		cancel()
		<-ended
	}
}

// behindHold says which generation of a verification has to come to which position; "" when both are there.
func (r *running) behindHold(ctx context.Context, live, candidate int) (behind string, err error) {
	err = r.pool.QueryRow(ctx, `
		select coalesce(string_agg(format('generation %s stands at offset %s of partition %s and has to come to %s',
			c.generation, c.next_offset, c.partition, h.hold_at), ', ' order by c.generation, c.partition), '')
		from checkpoints h join checkpoints c on c.projection = h.projection and c.partition = h.partition and c.generation in ($2, $3)
		where h.projection = $1 and h.generation = $3 and h.hold_until > clock_timestamp() and c.next_offset < h.hold_at`,
		r.projector.Name(), live, candidate).Scan(&behind)
	return behind, err
}
