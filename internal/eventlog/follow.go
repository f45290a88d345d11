package eventlog

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// DefaultMaxRecords is the largest batch when [FollowConfig.MaxRecords] is 0.
const DefaultMaxRecords = 5000

// Position says where a projection stands in one partition. On a compacted topic it says nothing of the
// tombstones that were dropped since: who stores positions must know how old they are.
type Position struct {
	TopicID    TopicID // the log it belongs to; zero: the first time, any log will do
	NextOffset int64   // the first offset that was not folded
}

// Batch is what one poll brought: at most one run per partition, each going on exactly where the last
// one of its partition ended.
type Batch struct {
	Topic   string
	TopicID TopicID // to be stored with the checkpoint
	Runs    []Run   // in the order of their partitions
}

// FollowConfig says what to follow and who folds it. No two of its functions run at the same time.
type FollowConfig struct {
	Topic, Group string
	MaxRecords   int // of one batch; default [DefaultMaxRecords]
	// MaxWait is how long a batch below MaxRecords waits for more. 0, the default, hands over what is
	// there at once: batches then grow by themselves while Handle is busy.
	MaxWait time.Duration

	// Positions gives, for newly assigned partitions, where to go on. A partition that is not in the
	// answer begins at offset 0. An error ends the session.
	Positions func(ctx context.Context, partitions []int32) (map[int32]Position, error)
	// Handle folds one batch. An error ends the session; the next one begins from Positions.
	Handle func(ctx context.Context, batch Batch) error
	// Stopped, if set, is called once when a partition must not be followed: reason is [ErrOtherLog],
	// [ErrBelowStart], [ErrBeyondEnd] or [ErrGap]. Only that partition is left out;
	// it is judged again when it is next assigned, or in the next session.
	Stopped func(partition int32, reason error)
	// Assigned, if set, is called after Positions with the partitions that are followed now, Revoked
	// with those that are not any more. A batch is never in flight during either.
	Assigned, Revoked func(partitions []int32)
	// SessionEnded, if set, is called with the error that ended a session, before the back-off.
	SessionEnded func(err error)
}

func (c FollowConfig) validate() error {
	var errs []error
	if c.Group == "" {
		errs = append(errs, errors.New("the group is not named"))
	}
	if c.Positions == nil || c.Handle == nil {
		errs = append(errs, errors.New("positions and handle are both needed"))
	}
	return errors.Join(errs...)
}

// Follow folds the topic live, sharing its partitions with the other members of the group, until ctx
// ends; then it returns nil. Where to go on comes from Positions alone: Kafka's committed offsets are
// written afterwards, for lag tools. A session that ends with an error is followed by a new one after
// a back-off of 0.1 to 5 s. The returned error is only about the configuration.
func (l *Log) Follow(ctx context.Context, cfg FollowConfig) error {
	spec, err := l.spec(cfg.Topic)
	if err == nil {
		err = cfg.validate()
	}
	if err != nil {
		return fmt.Errorf("follow %s: %w", cfg.Topic, err)
	}
	if cfg.MaxRecords <= 0 {
		cfg.MaxRecords = DefaultMaxRecords
	}
	f := &follower{log: l, cfg: cfg, spec: spec, stopped: map[int32]string{}}
	pause := backoff.NewExponentialBackOff()
	pause.InitialInterval, pause.MaxInterval = 100*time.Millisecond, 5*time.Second
	for ctx.Err() == nil {
		err := f.session(ctx, pause.Reset)
		if ctx.Err() != nil {
			break
		}
		wait := pause.NextBackOff()
		l.log.WarnContext(ctx, "following ended, begins again", "topic", cfg.Topic, "group", cfg.Group, "in", wait, "error", err)
		if cfg.SessionEnded != nil {
			cfg.SessionEnded(err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
	return nil //nolint:nilerr // to be ended is no error
}

// follower is what outlives a session.
type follower struct {
	log  *Log
	cfg  FollowConfig
	spec TopicSpec

	// callbacks is held while one of cfg's functions may run: kgo judges positions of new partitions
	// while a batch of the old ones may still be in flight.
	callbacks sync.Mutex
	stopped   map[int32]string // reasons already reported, by partition
}

// stop reports a partition once per reason. The caller holds callbacks.
func (f *follower) stop(ctx context.Context, partition int32, reason error) {
	if f.stopped[partition] == reason.Error() {
		return
	}
	f.stopped[partition] = reason.Error()
	if f.cfg.Stopped != nil {
		f.cfg.Stopped(partition, reason) // and says so
		return
	}
	f.log.log.ErrorContext(ctx, "partition is not followed", "topic", f.cfg.Topic, "partition", partition, "group", f.cfg.Group, "reason", reason)
}
