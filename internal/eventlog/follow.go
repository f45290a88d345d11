package eventlog

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/semaphore"
)

// Checkpoint is the position of a projection in one partition. On a compacted topic, tombstones
// after the position may have been removed from the log. The follower does not detect this: the
// caller must not continue from a checkpoint that is older than their retention.
type Checkpoint struct {
	TopicID    TopicID // the log that the position belongs to; zero: any log
	NextOffset int64   // the first offset that is not folded yet
	// Refused, if set, says why the partition must not be followed. It is reported in
	// [Batch.Stopped].
	Refused error
}

// Batch is the result of one poll. It has at most one run per partition, which begins where the
// previous run of the partition ended.
type Batch struct {
	Topic   string
	TopicID TopicID // to be stored with the checkpoint
	Runs    []Run   // sorted by partition
	// Stopped contains, by partition, why a partition must not be followed: [ErrOtherLog],
	// [ErrBelowStart], [ErrBeyondEnd], [ErrGap] or [Checkpoint.Refused]. Each reason is reported
	// once. The partition is skipped until it is assigned again.
	Stopped map[int32]error
}

// FollowConfig configures [Log.Follow].
type FollowConfig struct {
	Topic, Group string
	MaxRecords   int // per batch
	// Positions returns the checkpoints of newly assigned partitions; a partition without one
	// starts at offset 0. It is called from another goroutine, but never while a batch is in
	// flight. The next Poll returns its error.
	Positions func(ctx context.Context, partitions []int32) (map[int32]Checkpoint, error)
}

// Follower is a member of a consumer group. The caller repeatedly polls a batch, folds it and calls
// Done. All methods must be called from one goroutine.
type Follower interface {
	// Poll waits for records for up to the given time. A batch with runs is in flight until Done or
	// Close; until then, its partitions are not assigned to another member. After an error, close
	// the follower and call [Log.Follow] again, which continues from the stored positions.
	Poll(ctx context.Context, wait time.Duration) (Batch, error)
	// Done reports that a batch was folded and its positions are stored.
	Done(Batch)
	// Close leaves the group. A batch in flight is delivered again to the next followers of its
	// partitions.
	Close()
}

// Follow joins a consumer group, whose members share the topic's partitions. No offsets are
// committed to Kafka, so Kafka forgets the group once its last member has left.
func (l *Log) Follow(cfg FollowConfig) (Follower, error) {
	spec, err := l.spec(cfg.Topic)
	if err == nil && (cfg.Group == "" || cfg.Positions == nil || cfg.MaxRecords < 1) {
		err = errors.New("group, positions and maximum batch size are required")
	}
	if err != nil {
		return nil, fmt.Errorf("follow %s: %w", cfg.Topic, err)
	}
	f := &follower{
		log: l, cfg: cfg, spec: spec, wire: l.cfg.wireName(cfg.Topic),
		next: map[int32]int64{}, stopped: map[int32]error{}, ahead: newAhead(),
		free: semaphore.NewWeighted(1),
	}
	f.lock() // the client joins the group at once: adjust must not see a follower without its client
	defer f.free.Release(1)
	ctx, abandon := context.WithCancel(context.Background())
	options := append(f.options(), kgo.WithContext(ctx))
	if f.client, err = kgo.NewClient(append(l.cfg.kgoOptions(), options...)...); err != nil {
		abandon()
		return nil, fmt.Errorf("follow %s: create consumer: %w", cfg.Topic, err)
	}
	fetching, end := context.WithCancel(ctx)
	f.abandon, f.endFetching = abandon, end
	f.fetching.Go(func() { f.fetchAhead(fetching) })
	return f, nil
}

// follower has its own client: to restart from the stored positions without mixing two assignments,
// a client must leave the group and join it again.
type follower struct {
	log    *Log
	cfg    FollowConfig
	spec   TopicSpec
	wire   string // the topic's name on the brokers
	client *kgo.Client
	ahead  *ahead

	abandon     context.CancelFunc // ends all requests of the client
	endFetching context.CancelFunc
	fetching    sync.WaitGroup

	inFlight bool // used only by the polling goroutine, which holds free while it is true
	// free guards the fields below. It is held while a batch is in flight, which delays revocations,
	// so that the next owner of a partition finds the folded rows.
	free    *semaphore.Weighted
	id      TopicID
	next    map[int32]int64 // by followed partition
	stopped map[int32]error // not reported yet
	failed  error           // ends the follower
}

// lock acquires free. A new context is never done, so there is no error.
func (f *follower) lock() { _ = f.free.Acquire(context.Background(), 1) }

func (f *follower) Poll(ctx context.Context, wait time.Duration) (Batch, error) {
	timeout := time.NewTimer(wait)
	defer timeout.Stop()
	select {
	case <-f.ahead.available:
	case <-ctx.Done():
	case <-timeout.C:
	}
	f.lock()
	f.inFlight = true
	failed := f.failed // before this batch: records that were fetched before an error are still folded
	batch := f.newBatch(ctx, f.ahead.take())
	if len(batch.Runs) > 0 && failed == nil {
		return batch, nil
	}
	err := errors.Join(f.failed, ctx.Err())
	f.endBatch()
	return batch, err
}

func (f *follower) Done(batch Batch) {
	if !f.inFlight {
		return
	}
	for _, run := range batch.Runs {
		if _, followed := f.next[run.Partition]; followed {
			f.next[run.Partition] = run.Next
		}
	}
	f.endBatch()
}

func (f *follower) endBatch() {
	if f.inFlight {
		f.inFlight = false
		f.free.Release(1)
	}
}

func (f *follower) Close() {
	f.endBatch()
	f.endFetching()
	ctx, cancel := context.WithTimeout(context.Background(), leaveTimeout)
	defer cancel()
	_ = f.client.LeaveGroupContext(ctx) // otherwise, the other members wait for groupSession
	// While the client joins, it does not leave before it has joined, and that may wait for the batch
	// of another member, up to groupRebalance.
	f.abandon()
	f.client.CloseAllowingRebalance()
	f.fetching.Wait()
}

// lost is called before partitions are assigned to other members, and when the group has continued
// without this member. It waits until no batch is in flight and drops the fetched records of the
// partitions. Without partitions, it is called whenever another member comes or goes: the members
// then join again, and one that first finished a long batch would be excluded from the group.
func (f *follower) lost(_ context.Context, _ *kgo.Client, lost map[string][]int32) {
	if len(lost[f.wire]) == 0 {
		return
	}
	f.lock()
	defer f.free.Release(1)
	for _, p := range lost[f.wire] {
		delete(f.next, p)
	}
	f.ahead.drop(f.wire, lost[f.wire])
}

// Group timings. A killed member keeps its partitions for groupSession: with kgo's default, they
// would not be folded for 45 s after a crash. The brokers' minimum is 6 s. Members learn from a
// heartbeat that another member has left: after a planned shutdown, commands wait for one heartbeat
// and for the members to join again.
const (
	groupSession   = 8 * time.Second
	groupHeartbeat = 300 * time.Millisecond
	// groupRebalance is longer than a batch takes: an erasure may take minutes, and a member that
	// loses partitions joins again after its batch. The others fold their partitions in the meantime.
	groupRebalance = 15 * time.Minute
	// groupRetry is how long requests to a coordinator are retried while the group has none. By
	// default, kgo gives up after groupSession, and the member's partitions would not be folded
	// until all other members have joined again. If another member gets the partitions during the
	// retries, the compare-and-set of the checkpoints protects the tables.
	groupRetry   = 30 * time.Second
	leaveTimeout = 3 * time.Second
)

// fetchMaxWait is how long a broker delays the response to a fetch while there are no records. It
// bounds how long a newly assigned partition waits for the current fetch.
const fetchMaxWait = 250 * time.Millisecond

func (f *follower) options() []kgo.Opt {
	return []kgo.Opt{
		kgo.ConsumerGroup(f.log.cfg.Prefix + f.cfg.Group),
		kgo.ConsumeTopics(f.wire),
		kgo.ConsumeResetOffset(kgo.NoResetOffset()),
		kgo.BlockRebalanceOnPoll(),
		kgo.KeepControlRecords(), // they have offsets: without them there would be gaps
		kgo.DisableAutoCommit(),
		kgo.AdjustFetchOffsetsFn(f.adjust),
		kgo.OnPartitionsRevoked(f.lost), kgo.OnPartitionsLost(f.lost),
		kgo.SessionTimeout(groupSession),
		kgo.HeartbeatInterval(groupHeartbeat),
		kgo.RebalanceTimeout(groupRebalance),
		kgo.RetryTimeout(groupRetry), kgo.RequestTimeoutOverhead(answerWithin),
		kgo.FetchMaxWait(fetchMaxWait), kgo.FetchMinBytes(1),
		// One partition may fill a response: a member that is far behind folds a batch in several
		// transactions and decodes in the meantime. Readings take up to ten times this size when
		// they are decompressed.
		kgo.FetchMaxBytes(2 << 20), kgo.FetchMaxPartitionBytes(2 << 20),
	}
}
