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

const maxPollShown = 2 * time.Second

// ErrUnreadableErasure is the error of a list of erasures that lacks one.
var ErrUnreadableErasure = errors.New("an erasure in the log cannot be decoded, so it is not known whom it concerns")

// Erasures returns all erasures recorded in a log. The erasures of an agency are in the order of
// its records. Errors are those of [EachErasure].
func Erasures(ctx context.Context, log *eventlog.Log) (lines []domain.ErasedID, err error) {
	err = EachErasure(ctx, log, func(agency string, at time.Time, erased domain.PersonErased) {
		lines = append(lines, erased.ErasedIDs(agency, at)...)
	})
	return lines, err
}

// EachErasure calls each with every erasure recorded in a log, one at a time. The erasures of an
// agency are in the order of its records. If an erasure cannot be decoded, the error is
// [ErrUnreadableErasure], after the others: a list without it would look complete.
func EachErasure(
	ctx context.Context, log *eventlog.Log, each func(agency string, at time.Time, erased domain.PersonErased),
) error {
	var mu sync.Mutex // partitions are scanned concurrently
	var unreadable error
	handle := func(_ context.Context, run eventlog.Run) error {
		for _, r := range run.Records {
			if r.Header("ce_type") != (domain.PersonErased{}).EventType() {
				continue // most records are audit reads
			}
			recorded, err := log.Decode(r)
			erased, ok := recorded.Data.(domain.PersonErased)
			mu.Lock()
			switch {
			case err == nil && ok:
				each(recorded.Key, recorded.Envelope.Time, erased)
			case err != nil:
				unreadable = fmt.Errorf("%w: record %s: %w", ErrUnreadableErasure,
					domain.Position{Topic: r.Topic, Partition: r.Partition, Offset: r.Offset}, err)
			}
			mu.Unlock()
		}
		return nil
	}
	err := log.Scan(ctx, eventlog.ScanConfig{Topic: domain.TopicOperations, Handle: handle})
	if err != nil {
		return fmt.Errorf("read the recorded erasures: %w", err)
	}
	return unreadable
}

// ScanTopic calls each with every record of a topic, one at a time. The records of a key are in
// order. If a record cannot be decoded, each gets the error.
func ScanTopic(ctx context.Context, log *eventlog.Log, topic string, each func(domain.Recorded, error)) error {
	var mu sync.Mutex // partitions are scanned concurrently
	return log.Scan(ctx, eventlog.ScanConfig{Topic: topic, Handle: func(_ context.Context, run eventlog.Run) error {
		for _, r := range run.Records {
			recorded, err := log.Decode(r)
			mu.Lock()
			each(recorded, err)
			mu.Unlock()
		}
		return nil
	}})
}

// awaitShown waits until the tables of the named projections contain all records that were in the log
// when it was called. What was done before is the beginning of the error.
func awaitShown(
	ctx context.Context, engines []*projections.Engine, wait time.Duration, names []string, before string,
) error {
	behind, end := behind(engines, names...), time.Now().Add(wait)
	for poll := 50 * time.Millisecond; ; poll = min(2*poll, maxPollShown) {
		projection, events, err := behind(ctx)
		switch {
		case err != nil || projection == "":
			return err
		case time.Now().After(end):
			return domain.NewError(domain.CodeUnavailable, "%sThe tables of projection %s are %s behind the log. "+
				"Is a process with the role projector running?", before, projection, operator.Events(events))
		case !pause(ctx, min(poll, time.Until(end))):
			return ctx.Err()
		}
	}
}

// behind returns a check that the tables of the named projections contain all records that were in the
// log when the check was first called. The check returns the first projection that does not, and how many events it is
// behind; "" if all do.
func behind(engines []*projections.Engine, names ...string) func(context.Context) (projection string, events int64, err error) {
	type place struct {
		projection string
		partition  int32
	}
	ends := map[place]int64{}
	return func(ctx context.Context) (string, int64, error) {
		for _, engine := range engines {
			if !slices.Contains(names, engine.Name()) {
				continue
			}
			status, err := engine.Status(ctx)
			if err != nil {
				return "", 0, err
			}
			lag := int64(0)
			for _, p := range status.Partitions {
				position := place{status.Projection, p.Partition}
				if _, known := ends[position]; !known {
					ends[position] = p.EndOffset
				}
				lag += max(0, ends[position]-p.NextOffset)
			}
			if !status.Live() || lag > 0 {
				return status.Projection, lag, nil
			}
		}
		return "", 0, nil
	}
}
