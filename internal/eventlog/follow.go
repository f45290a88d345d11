package eventlog

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Checkpoint is the position of a projection in one partition. On a compacted topic it does not
// account for tombstones that were dropped since then; the owner of the positions must know their
// age.
type Checkpoint struct {
	TopicID    TopicID // the log it belongs to; zero: any log, for the first time
	NextOffset int64   // the first offset that was not folded
	// Refused, if set, says why the partition must not be followed. It is returned in
	// [Batch.Stopped].
	Refused error
}

// Batch is the result of one poll: at most one run per partition, each starting where the previous
// run of its partition ended.
type Batch struct {
	Topic   string
	TopicID TopicID // to be stored with the checkpoint
	Runs    []Run   // sorted by partition
	// Stopped names partitions that must not be followed: [ErrOtherLog], [ErrBelowStart],
	// [ErrBeyondEnd], [ErrGap], or [Checkpoint.Refused]. Each is reported once, and the partition
	// is skipped until it is assigned again and its position is requested again.
	Stopped map[int32]error
}

// FollowConfig configures [Log.Follow].
type FollowConfig struct {
	Topic, Group string
	MaxRecords   int // of one batch
	// Positions returns the checkpoints of newly assigned partitions; a partition without one
	// starts at offset 0. It is called from another goroutine, but never while a batch is in
	// flight. The next Poll returns its error.
	Positions func(ctx context.Context, partitions []int32) (map[int32]Checkpoint, error)
}

// Follower is one membership of a consumer group: poll, fold, done, until an error or Close. It
// must be used by one goroutine.
type Follower interface {
	// Poll waits for records, at most for wait. A batch with runs is in flight until Done or Close;
	// its partitions are not given to another member in the meantime. After an error the follower
	// must be closed; call Follow again from the stored positions.
	Poll(ctx context.Context, wait time.Duration) (Batch, error)
	// Done says that a batch was folded and its positions are stored.
	Done(Batch)
	// Close leaves the group. The next follower of its partitions receives a batch in flight again.
	Close()
}

// Follow joins the group; its members share the topic's partitions. Nothing is committed to Kafka,
// so Kafka forgets the group once its last member has left.
func (l *Log) Follow(cfg FollowConfig) (Follower, error) {
	spec, err := l.spec(cfg.Topic)
	if err == nil && (cfg.Group == "" || cfg.Positions == nil || cfg.MaxRecords < 1) {
		err = errors.New("group, positions and maximum batch size are required")
	}
	if err != nil {
		return nil, fmt.Errorf("follow %s: %w", cfg.Topic, err)
	}
	f := &follower{
		log: l, cfg: cfg, spec: spec, wire: l.cfg.wireName(cfg.Topic), next: map[int32]int64{}, stopped: map[int32]error{}, ahead: newAhead(),
	}
	f.mu.Lock() // the client joins the group at once: adjust must not see a follower without its client
	defer f.mu.Unlock()
	if f.client, err = kgo.NewClient(append(l.cfg.kgoOptions(), f.options()...)...); err != nil {
		return nil, fmt.Errorf("follow %s: create consumer: %w", cfg.Topic, err)
	}
	fetching, end := context.WithCancel(context.Background())
	f.endFetching = end
	f.fetching.Go(func() { f.fetchAhead(fetching) })
	return f, nil
}

// follower has its own client: only leaving and rejoining can restart from the stored positions
// without mixing two assignments.
type follower struct {
	log    *Log
	cfg    FollowConfig
	spec   TopicSpec
	wire   string // the topic's name on the brokers
	client *kgo.Client
	ahead  *ahead

	endFetching context.CancelFunc
	fetching    sync.WaitGroup // of the goroutine that fetches

	inFlight bool // used only by the polling goroutine, which holds mu while it is true
	// mu is held while a batch is in flight: other goroutines revoke and assign partitions, and the
	// next owner of a partition must find the rows that were folded.
	mu      sync.Mutex
	id      TopicID
	next    map[int32]int64 // by followed partition
	stopped map[int32]error // not reported yet
	failed  error           // ends the follower
}

func (f *follower) Poll(ctx context.Context, wait time.Duration) (Batch, error) {
	timeout := time.NewTimer(wait)
	defer timeout.Stop()
	select {
	case <-f.ahead.available:
	case <-ctx.Done():
	case <-timeout.C:
	}
	f.mu.Lock()
	f.inFlight = true
	failed := f.failed // set by positions, or together with the records of the last batch
	batch := f.sort(ctx, f.ahead.take())
	if len(batch.Runs) > 0 && failed == nil {
		return batch, nil
	}
	err := errors.Join(f.failed, ctx.Err())
	f.land()
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
	f.land()
}

func (f *follower) land() {
	if f.inFlight {
		f.inFlight = false
		f.mu.Unlock()
	}
}

func (f *follower) Close() {
	f.land()
	f.endFetching()
	ctx, cancel := context.WithTimeout(context.Background(), leaveTimeout)
	defer cancel()
	_ = f.client.LeaveGroupContext(ctx) // without it the other members wait for groupSession
	f.client.CloseAllowingRebalance()
	f.fetching.Wait()
}

// lost runs before partitions are given to other members, and when the group continues without this
// member. It waits until no batch is in flight and drops the fetched records of the partitions.
func (f *follower) lost(_ context.Context, _ *kgo.Client, lost map[string][]int32) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range lost[f.wire] {
		delete(f.next, p)
	}
	f.ahead.drop(f.wire, lost[f.wire])
}

// Group timings. A killed member keeps its partitions for groupSession; kgo's default of 45 s would
// stop projection for 45 s after a crash. 8 s is above the brokers' minimum of 6 s. Members learn
// by heartbeat that one has left: a planned shutdown, which commands wait for, takes one heartbeat
// and the join.
const (
	groupSession   = 8 * time.Second
	groupHeartbeat = 300 * time.Millisecond
	groupRebalance = 30 * time.Second
	// groupRetry is how long requests to a coordinator are retried while none exists. A member
	// that gave up earlier, as kgo does after groupSession, would leave its partitions unfolded
	// until all others have rejoined. No other member may have them in the meantime, and if one
	// does, the fence of the checkpoints protects the tables.
	groupRetry   = 30 * time.Second
	leaveTimeout = 3 * time.Second
)

// fetchMaxWait is how long a broker holds an empty fetch; a record completes it at once. It bounds
// how long a newly assigned partition waits for the current fetch.
const fetchMaxWait = 250 * time.Millisecond

func (f *follower) options() []kgo.Opt {
	return []kgo.Opt{
		kgo.ConsumerGroup(f.cfg.Group),
		kgo.ConsumeTopics(f.wire),
		kgo.ConsumeResetOffset(kgo.NoResetOffset()),
		kgo.BlockRebalanceOnPoll(),
		kgo.KeepControlRecords(), // control records take offsets: without them there would be gaps
		kgo.DisableAutoCommit(),
		kgo.AdjustFetchOffsetsFn(f.adjust),
		kgo.OnPartitionsRevoked(f.lost), kgo.OnPartitionsLost(f.lost),
		kgo.SessionTimeout(groupSession), kgo.HeartbeatInterval(groupHeartbeat), kgo.RebalanceTimeout(groupRebalance),
		kgo.RetryTimeout(groupRetry), kgo.RequestTimeoutOverhead(answerWithin),
		kgo.FetchMaxWait(fetchMaxWait), kgo.FetchMinBytes(1),
		// One partition may fill a fetch: a member that is far behind folds a poll in several
		// transactions and decodes in the meantime. At 2 MiB per second the fetch still arrives
		// within answerWithin.
		kgo.FetchMaxBytes(8 << 20), kgo.FetchMaxPartitionBytes(8 << 20),
	}
}
