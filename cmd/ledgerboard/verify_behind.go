package main

import (
	"context"
	"fmt"
	"time"

	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/internal/proof"
	"github.com/ledgerboard/ledgerboard/projections"
)

// behindPatience is how long tables that are behind the log may stand still before that is a finding.
const behindPatience = time.Minute

// behindLook is how often it is looked at whether they move.
const behindLook = 500 * time.Millisecond

// awaitTables waits until the tables have folded what the log held at the call, as long as they move. Tables that stand still
// would else pass: what they have not folded is compared with nothing, and tables that were emptied and set back to the
// beginning agree with any log. found is nil and note is empty when they have come there.
func (c verifyCommand) awaitTables(ctx context.Context, s streams, engine *projections.Engine) (found *proof.Finding, note string, err error) {
	status, err := engine.Status(ctx)
	if err != nil {
		return nil, "", err
	}
	ends := map[int32]int64{}
	for _, p := range status.Partitions {
		ends[p.Partition] = p.EndOffset
	}
	look := time.NewTicker(behindLook)
	defer look.Stop()
	moved, last := time.Now(), left(status, ends)
	for told := false; last > 0; {
		switch {
		case status.Paused:
			return nil, fmt.Sprintf("an operator has paused the tables of %s, and they are %d records behind the log: these were compared with no table",
				status.Projection, last), nil
		case time.Since(moved) >= c.patience:
			return new(standing(status, ends, last, c.patience)), "", nil
		case !told:
			told = true
			fmt.Fprintf(s.Err, "The tables of %s are %d records behind the log: waiting until they have folded them.\n", status.Projection, last)
		}
		select {
		case <-ctx.Done():
			return nil, "", ctx.Err()
		case <-look.C:
		}
		if status, err = engine.Status(ctx); err != nil {
			return nil, "", err
		}
		if now := left(status, ends); now != last {
			moved, last = time.Now(), now
		}
	}
	return nil, "", nil
}

// left is how many records the tables have not folded.
func left(s projections.Status, ends map[int32]int64) (n int64) {
	for _, p := range s.Partitions {
		n += max(0, ends[p.Partition]-p.NextOffset)
	}
	return n
}

func standing(s projections.Status, ends map[int32]int64, records int64, patience time.Duration) proof.Finding {
	var first operator.Partition
	for _, p := range s.Partitions {
		if ends[p.Partition] > p.NextOffset {
			first = p
			break
		}
	}
	return proof.Finding{
		Kind: proof.KindTables, Partition: &first.Partition, Offset: &first.NextOffset, Differs: []string{"position"},
		Detail: fmt.Sprintf("the tables of %s have not folded %d records of the log, did not move for %s, and are not paused. Either no "+
			"process folds them, or somebody emptied them and set them back. These records were compared with no table", s.Projection, records, patience),
	}
}
