package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/knownlog"
	"github.com/ledgerboard/ledgerboard/internal/proof"
)

// checkpointed holds the checkpoints outside of the log against the backup: when the last was signed, "" when there is no file. Signatures are not
// looked at, nor which checkpoint is the newest: how far they cover each partition counts, so what is forged there can only hold up a restore.
func (r *restoring) checkpointed() (signed string, err error) {
	raw, err := os.ReadFile(r.checkpointPath())
	if errors.Is(err, fs.ErrNotExist) && r.Checkpoints == "" {
		return "", nil
	}
	if err != nil {
		return "", usageError{fmt.Errorf("the file of checkpoints (--checkpoints): %w", err)}
	}
	var last time.Time
	var changesTo, recordsTo []int64
	list := proof.ReadStated(string(raw))
	for _, c := range list {
		changesTo, recordsTo = furthest(changesTo, c.Positions), furthest(recordsTo, c.Operations.Positions)
		for _, e := range c.Epochs {
			r.named = max(r.named, e.Number)
		}
		if c.Time.After(last) {
			last = c.Time
		}
	}
	if last.IsZero() {
		return "", nil
	}
	signed = last.Format(time.RFC3339)
	beyond := func(topic string, positions []int64) (n int64) {
		for partition, next := range positions {
			n += max(0, next-r.m.End(topic, int32(partition)))
		}
		return n
	}
	changes, records := beyond(domain.TopicDashboards, changesTo), beyond(domain.TopicOperations, recordsTo)
	r.covered = map[string]int64{domain.TopicDashboards: changes, domain.TopicOperations: records}
	r.stated = list
	if changes+records == 0 {
		return signed, nil
	}
	return signed, knownlog.Older([]string{fmt.Sprintf("checkpoints, of which the last was signed at %s, cover %d records of %s and %d of %s that the backup does not have (%s)",
		signed, changes, domain.TopicDashboards, records, domain.TopicOperations, r.checkpointPath())})
}

// furthest is the larger position of each partition.
func furthest(a, b []int64) []int64 {
	if len(a) < len(b) {
		a, b = b, a
	}
	all := slices.Clone(a)
	for partition, next := range b {
		all[partition] = max(all[partition], next)
	}
	return all
}
