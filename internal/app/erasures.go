package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/projections"
)

const (
	// lookAgain is how long a wait for tables lasts before it looks without a wake-up.
	lookAgain = 2 * time.Second
	// betweenLooks limits the looks while a backlog is folded in many transactions.
	betweenLooks = 20 * time.Millisecond
)

// ErrUnreadableErasure is the error of a list of erasures that lacks one.
var ErrUnreadableErasure = errors.New("an erasure in the log cannot be decoded, so it is not known whom it concerns")

// Erasures returns all erasures recorded in a log. The erasures of an agency are in the order of
// its records. If an erasure cannot be decoded, the error is [ErrUnreadableErasure], after the others: a
// list without it would look complete.
//
// It reads topic operations, which is long, and not the tables: they may lag, and have no record that
// cannot be decoded, so their list might lack someone, who would come back with a restored log. An
// import without a database needs the list too.
func Erasures(ctx context.Context, log *eventlog.Log) (lines []domain.ErasedID, err error) {
	var unreadable error
	erasures := domain.PersonErased{}.EventType() // most records are audit reads
	err = scan(ctx, log, domain.TopicOperations, erasures, func(r domain.Recorded, err error) {
		if err != nil {
			unreadable = fmt.Errorf("%w: record %s: %w", ErrUnreadableErasure,
				domain.Position{Topic: r.Topic, Partition: r.Partition, Offset: r.Offset}, err)
		} else if erased, ok := r.Data.(domain.PersonErased); ok {
			lines = append(lines, erased.ErasedIDs(r.Key, r.Envelope.Time)...)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("read the recorded erasures: %w", err)
	}
	return lines, unreadable
}

// ScanTopic calls each with every record of a topic, one at a time. The records of a key are in
// order. If a record cannot be decoded, each gets the error.
func ScanTopic(ctx context.Context, log *eventlog.Log, topic string, each func(domain.Recorded, error)) error {
	return scan(ctx, log, topic, "", each)
}

// scan is [ScanTopic] for the records of one event type, or of all types if it is "".
func scan(ctx context.Context, log *eventlog.Log, topic, eventType string, each func(domain.Recorded, error)) error {
	var mu sync.Mutex // partitions are scanned concurrently
	return log.Scan(ctx, eventlog.ScanConfig{Topic: topic, Handle: eventlog.ByRecord(func(r eventlog.Record) error {
		if eventType == "" || eventType == r.Header("ce_type") {
			recorded, err := log.Decode(r)
			mu.Lock()
			defer mu.Unlock()
			each(recorded, err)
		}
		return nil
	})})
}

// awaitShown waits until the tables of the named projections contain all records that were in the log
// when it was called. It looks once more when the wait has passed, because a notification can be
// missed. What was done before is the beginning of the error.
func awaitShown(
	ctx context.Context, engines []*projections.Engine, wait time.Duration, names []string, before string,
) error {
	waiting, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	for _, engine := range engines {
		ends := map[int32]int64{}
		for slices.Contains(names, engine.Name()) {
			expired := waiting.Err() != nil
			moved := engine.Moved() // before the look, which may miss a later change
			status, err := engine.Status(ctx)
			if err != nil {
				return err
			}
			behind, stopped := behindEnds(status.Partitions, ends)
			if status.Live() && behind == 0 && !stopped {
				break
			}
			late := domain.NewError(domain.CodeUnavailable, "%sThe tables of projection %s are %s behind the log. "+
				"Is a process with the role projector running?", before, engine.Name(), operator.Events(behind))
			if expired {
				return late
			}
			select {
			case <-moved:
				pause(waiting, betweenLooks)
			case <-time.After(lookAgain):
			case <-waiting.Done():
			}
			if ctx.Err() != nil {
				return fmt.Errorf("%w (%w)", late, ctx.Err())
			}
		}
	}
	return nil
}

// behindEnds returns how many events before the ends of their partitions are not folded, and whether a
// partition is not followed. Ends that are not known are those of now.
func behindEnds(partitions []operator.Partition, ends map[int32]int64) (events int64, stopped bool) {
	for _, p := range partitions {
		if _, known := ends[p.Partition]; !known {
			ends[p.Partition] = p.EndOffset
		}
		events += max(0, ends[p.Partition]-p.NextOffset)
		stopped = stopped || p.Stopped != ""
	}
	return events, stopped
}
