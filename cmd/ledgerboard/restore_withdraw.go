package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/backup"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/knownlog"
	"github.com/ledgerboard/ledgerboard/internal/proof"
	"github.com/ledgerboard/ledgerboard/internal/vault"
)

// withdrawal is what a restore of an older state withdraws: nothing, for most.
type withdrawal struct {
	withdraws   bool // it was refused, or nobody can tell, and the operator accepts
	untold      bool // nobody can tell
	signer      note.Signer
	verifiers   note.Verifiers // of the signer
	lost        knownlog.Lost
	knownEpochs []vault.Epoch    // that the database knows
	named       int              // the highest number of an epoch that the file of checkpoints names
	covered     map[string]int64 // records that checkpoints outside of the log cover and the backup lacks, by topic
}

// readKey reads the key that is given to sign with.
func (r *restoring) readKey() error {
	if r.Key == "" {
		return nil
	}
	raw, err := os.ReadFile(r.Key)
	if err != nil {
		return usageError{fmt.Errorf("--key: %w", err)}
	}
	signer, public, err := proof.ParseKey(strings.TrimSpace(string(raw)))
	if err != nil {
		return usageError{fmt.Errorf("--key: %w", err)}
	}
	r.signer = signer
	r.verifiers, err = proof.ParseVerifiers(public)
	return err
}

func (r *restoring) see(eventlog.Record) {}

// accept takes a refusal of an older state for accepted, where the operator says so, or has said so in a restore that was cut.
func (r *restoring) accept(err error, restore *backup.Restore) error {
	if restore.Epoch() != nil {
		r.withdraws = true
	}
	if !errors.Is(err, knownlog.ErrOlder) && !errors.Is(err, knownlog.ErrOtherTopics) || !r.Older && !r.withdraws {
		return err
	}
	r.withdraws = true
	return nil
}

func (r *restoring) needKey(*backup.Restore) error { return nil }

// withdrawn says what is lost, for the question.
func (r *restoring) withdrawn(restore *backup.Restore) string {
	if begun := restore.Epoch(); begun != nil {
		return fmt.Sprintf(". An earlier restore has begun epoch %d behind it, and was cut: this one finishes it", begun.Number)
	}
	lost := r.lost.Words()
	if n := r.covered[domain.TopicDashboards] + r.covered[domain.TopicOperations]; n > 0 {
		lost = append(lost, fmt.Sprintf("%d records that signed checkpoints cover", n))
	}
	if len(lost) == 0 {
		lost = []string{"what the log may have had more: that cannot be told"}
	}
	if more := len(lost) - knownlog.MaxLost; more > 0 {
		lost = append(lost[:knownlog.MaxLost], fmt.Sprintf("and %d more", more))
	}
	words := fmt.Sprintf("%s Withdrawn for good, as far as it is known, and its versions and offsets given out again:\n  %s\n"+
		"Epoch %d of the log begins, and all read models are made anew", r.howKnown(), strings.Join(lost, "\n  "), r.next())
	if r.signer == nil {
		words += ". No key is given (--key): nobody signs what is withdrawn, and verify says so for ever"
	}
	return words
}

// howKnown says why something is withdrawn.
func (r *restoring) howKnown() string {
	if r.untold {
		return ".\nThere is neither a database of this log nor a file of its checkpoints: it is taken for OLDER than the log was."
	}
	return ".\nIt is OLDER than what is known."
}

// next is the number of the epoch that begins: those that were withdrawn themselves are not used again. A checkpoint that names one is explained by
// the statement of a later one alone.
func (r *restoring) next() int {
	next := max(r.epochs[len(r.epochs)-1].Number, r.named)
	for _, e := range r.knownEpochs {
		next = max(next, e.Number)
	}
	return next + 1
}

// begin begins the epoch, unless an earlier try has, and has the database take it over. It returns its number, and how many records are known to be
// withdrawn.
func (r *restoring) begin(ctx context.Context, restore *backup.Restore, reason domain.Reason) (number int, records int64, err error) {
	if restore.Epoch() == nil {
		begun := r.statement(reason)
		if err := restore.Begin(ctx, begun); err != nil {
			return 0, 0, fmt.Errorf("the log is written, and its epoch may have begun; run it again, it goes on: %w", err)
		}
	}
	if r.began != nil {
		if err := r.began(); err != nil {
			return 0, 0, err
		}
	}
	for _, n := range restore.Epoch().Restored.Records {
		records += n
	}
	if err := r.parts.TakeOver(ctx); err != nil {
		return 0, 0, fmt.Errorf("the log is restored, and the database has not taken that over; run it again, it goes on: %w", err)
	}
	return restore.Epoch().Number, records, nil
}

// statement is the record of the epoch, unsigned.
func (r *restoring) statement(reason domain.Reason) domain.EpochBegun {
	newest := r.epochs[len(r.epochs)-1]
	records := r.lost.Records()
	for topic, n := range r.covered {
		records[topic] = max(records[topic], n)
	}
	maps.DeleteFunc(records, func(_ string, n int64) bool { return n == 0 })
	streams, more := r.lost.Streams, 0
	if len(streams) > domain.MostWithdrawn {
		streams, more = streams[:domain.MostWithdrawn], len(streams)-domain.MostWithdrawn
	}
	restored := &domain.LogRestored{
		Follows: newest.Number, From: r.m.Ends(), Backup: r.m.Cut.UTC(), Time: time.Now().UTC().Truncate(time.Microsecond),
		Actor: operatorCaller().UserID, Reason: reason, Records: records, Streams: streams, MoreStreams: more,
	}
	return domain.EpochBegun{Number: r.next(), Log: eventlog.NewLogID().String(), Key: newest.Key, Restored: restored}
}
