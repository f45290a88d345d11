package eventlog

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Group timings. A member that was killed keeps its partitions for groupSession; kgo's default of
// 45 s would be 45 s without projection after a crash. 10 s is above the brokers' least (6 s).
const (
	groupSession   = 10 * time.Second
	groupHeartbeat = time.Second
	groupRebalance = 30 * time.Second
	commitInterval = time.Second
	leaveTimeout   = 3 * time.Second
)

// fetchMaxWait is how long a broker holds an empty fetch; a record ends it at once. It bounds how
// long a partition that was just assigned may wait for the fetch under way.
const fetchMaxWait = 250 * time.Millisecond

// session is one membership of the group, with a client of its own: leaving and joining again is the
// one way to begin from the stored positions that cannot mix up two assignments.
type session struct {
	*follower
	client *kgo.Client
	ctx    context.Context //nolint:containedctx // the session is this context's scope
	fail   context.CancelCauseFunc

	// Guarded by callbacks.
	id   TopicID
	next map[int32]int64 // by followed partition
}

func (f *follower) session(ctx context.Context, worked func()) error {
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	s := &session{follower: f, ctx: ctx, fail: fail, next: map[int32]int64{}}
	if err := s.join(); err != nil {
		return fmt.Errorf("make consumer: %w", err)
	}
	defer s.close()
	for {
		err := s.step(worked)
		s.client.AllowRebalance()
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			return err
		}
	}
}

// join makes the client, which joins the group at once: adjust may be called before NewClient has
// returned, and must not see a session without its client.
func (s *session) join() (err error) {
	s.callbacks.Lock()
	defer s.callbacks.Unlock()
	s.client, err = kgo.NewClient(append(s.log.cfg.kgoOptions(), s.options()...)...)
	return err
}

func (s *session) options() []kgo.Opt {
	return []kgo.Opt{
		kgo.ConsumerGroup(s.cfg.Group),
		kgo.ConsumeTopics(s.log.cfg.wireName(s.cfg.Topic)),
		kgo.ConsumeResetOffset(kgo.NoResetOffset()),
		kgo.BlockRebalanceOnPoll(),
		kgo.AutoCommitMarks(), kgo.AutoCommitInterval(commitInterval),
		kgo.AdjustFetchOffsetsFn(s.adjust),
		kgo.OnPartitionsRevoked(s.revoked), kgo.OnPartitionsLost(s.revoked),
		kgo.SessionTimeout(groupSession), kgo.HeartbeatInterval(groupHeartbeat), kgo.RebalanceTimeout(groupRebalance),
		kgo.FetchMaxWait(fetchMaxWait), kgo.FetchMinBytes(1),
		kgo.FetchMaxBytes(16 << 20), kgo.FetchMaxPartitionBytes(4 << 20),
	}
}

func (s *session) close() {
	s.client.AllowRebalance()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.ctx), leaveTimeout)
	defer cancel()
	_ = s.client.LeaveGroupContext(ctx) // without it the others wait for groupSession
	s.client.CloseAllowingRebalance()
}

// revoked runs when no batch is in flight ([kgo.BlockRebalanceOnPoll]). It stores for lag tools what
// was handled; nothing depends on it.
func (s *session) revoked(ctx context.Context, client *kgo.Client, lost map[string][]int32) {
	ctx, cancel := context.WithTimeout(ctx, leaveTimeout)
	defer cancel()
	if err := client.CommitMarkedOffsets(ctx); err != nil {
		s.log.log.DebugContext(ctx, "commit for lag tools", "error", err)
	}
	s.callbacks.Lock()
	defer s.callbacks.Unlock()
	var gone []int32
	for _, p := range lost[s.log.cfg.wireName(s.cfg.Topic)] {
		if _, followed := s.next[p]; followed {
			delete(s.next, p)
			gone = append(gone, p)
		}
	}
	if len(gone) > 0 && s.cfg.Revoked != nil {
		slices.Sort(gone)
		s.cfg.Revoked(gone)
	}
}

// step polls one batch and has it folded.
func (s *session) step(worked func()) error {
	fetches := s.poll()
	s.callbacks.Lock()
	defer s.callbacks.Unlock()
	batch, stops, errs := s.sort(fetches)
	if len(batch.Runs) > 0 {
		if err := s.cfg.Handle(s.ctx, batch); err != nil {
			return fmt.Errorf("handle batch: %w", err)
		}
		worked()
		s.handled(batch)
	}
	for _, p := range slices.Sorted(maps.Keys(stops)) {
		s.leaveOut(p, stops[p])
	}
	return errors.Join(errs...)
}

// poll waits for records and, with MaxWait, for more of them.
func (s *session) poll() kgo.Fetches {
	fetches := s.client.PollRecords(s.ctx, s.cfg.MaxRecords)
	if s.cfg.MaxWait <= 0 {
		return fetches
	}
	ctx, cancel := context.WithTimeout(s.ctx, s.cfg.MaxWait)
	defer cancel()
	for n := fetches.NumRecords(); n < s.cfg.MaxRecords && ctx.Err() == nil; n = fetches.NumRecords() {
		fetches = append(fetches, s.client.PollRecords(ctx, s.cfg.MaxRecords-n)...)
	}
	return fetches
}

func (s *session) handled(batch Batch) {
	marks := make(map[int32]kgo.EpochOffset, len(batch.Runs))
	for _, run := range batch.Runs {
		s.next[run.Partition] = run.Next
		marks[run.Partition] = kgo.EpochOffset{Epoch: -1, Offset: run.Next}
	}
	s.client.MarkCommitOffsets(map[string]map[int32]kgo.EpochOffset{s.log.cfg.wireName(s.cfg.Topic): marks})
}

// sort makes the batch, and finds the partitions to leave out and the errors that end the session.
func (s *session) sort(fetches kgo.Fetches) (Batch, map[int32]error, []error) {
	runs, stops := map[int32]*Run{}, map[int32]error{}
	var errs []error
	for _, fetch := range fetches {
		for _, topic := range fetch.Topics {
			for i := range topic.Partitions {
				p := &topic.Partitions[i]
				if stops[p.Partition] != nil {
					continue
				}
				stop, err := s.take(runs, TopicID(topic.TopicID), p)
				if stop != nil {
					stops[p.Partition] = stop
				}
				if err != nil {
					errs = append(errs, err)
				}
			}
		}
	}
	batch := Batch{Topic: s.cfg.Topic, TopicID: s.id}
	for _, p := range slices.Sorted(maps.Keys(runs)) {
		batch.Runs = append(batch.Runs, *runs[p])
	}
	return batch, stops, errs
}

// take adds what was fetched from a partition to its run; stop says why the partition is left out, err
// why the session ends.
func (s *session) take(runs map[int32]*Run, id TopicID, p *kgo.FetchPartition) (stop, err error) {
	_, followed := s.next[p.Partition]
	if followed {
		if stop := s.extend(runs, id, p); stop != nil {
			return stop, nil
		}
	}
	if p.Err == nil {
		return nil, nil
	}
	return s.judgeError(p, followed)
}

// extend adds a partition's records to its run as long as they go on where it ends.
func (s *session) extend(runs map[int32]*Run, id TopicID, p *kgo.FetchPartition) error {
	if len(p.Records) == 0 {
		return nil
	}
	if !id.IsZero() && id != s.id {
		return &otherLogError{want: s.id, got: id}
	}
	run := runs[p.Partition]
	if run == nil {
		run = &Run{Partition: p.Partition, Next: s.next[p.Partition], Records: make([]Record, 0, len(p.Records))}
	}
	run.HighWatermark = p.HighWatermark
	for _, r := range p.Records {
		if r.Offset < run.Next {
			continue
		}
		if r.Offset > run.Next && !s.spec.Compacted {
			return fmt.Errorf("%w: offset %d is followed by %d", ErrGap, run.Next-1, r.Offset)
		}
		run.Next = r.Offset + 1
		run.Records = append(run.Records, fromKgo(s.cfg.Topic, r))
		runs[p.Partition] = run
	}
	return nil
}

// judgeError tells what stops one partition from what ends the session; neither: kgo goes on by itself.
func (s *session) judgeError(p *kgo.FetchPartition, followed bool) (stop, err error) {
	var loss *kgo.ErrDataLoss
	var group *kgo.ErrGroupSession
	switch {
	case errors.Is(p.Err, context.Canceled), errors.Is(p.Err, context.DeadlineExceeded):
		return nil, nil // ctx of the poll: the session's is looked at by its loop
	case errors.As(p.Err, &group):
		s.log.log.WarnContext(s.ctx, "consumer group", "group", s.cfg.Group, "error", p.Err)
		return nil, nil
	case !followed && p.Partition >= 0 && !errors.Is(p.Err, kgo.ErrClientClosed):
		return nil, nil
	case errors.As(p.Err, &loss):
		return fmt.Errorf("%w: %w", ErrBeyondEnd, p.Err), nil
	case errors.Is(p.Err, kerr.OffsetOutOfRange), errors.Is(p.Err, kerr.UnknownTopicID),
		errors.Is(p.Err, kerr.InconsistentTopicID), errors.Is(p.Err, kerr.UnknownTopicOrPartition):
		return s.judgeAgain(p)
	default:
		return nil, fmt.Errorf("fetch %s/%d: %w", s.cfg.Topic, p.Partition, p.Err)
	}
}

// leaveOut takes one partition out of the session.
func (s *session) leaveOut(partition int32, reason error) {
	delete(s.next, partition)
	s.client.PauseFetchPartitions(map[string][]int32{s.log.cfg.wireName(s.cfg.Topic): {partition}})
	s.stop(s.ctx, partition, reason)
}
