package eventlog

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Checkpoint says where a projection stands in one partition. On a compacted topic it says nothing of the
// tombstones that were dropped since: who stores positions must know how old they are.
type Checkpoint struct {
	TopicID    TopicID // the log it belongs to; zero: the first time, any log will do
	NextOffset int64   // the first offset that was not folded
	// Refused, if set, says why the partition must not be followed: it comes back in [Batch.Stopped].
	Refused error
}

// Batch is what one poll brought: at most one run per partition, each going on exactly where the last
// one of its partition ended.
type Batch struct {
	Topic   string
	TopicID TopicID // to be stored with the checkpoint
	Runs    []Run   // in the order of their partitions
	// Stopped says which partitions must not be followed: [ErrOtherLog], [ErrBelowStart], [ErrBeyondEnd],
	// [ErrGap], or what [Checkpoint] refused them for. Each is told once and left out until it is assigned anew, when its position is asked for again.
	Stopped map[int32]error
}

// FollowConfig says what to follow.
type FollowConfig struct {
	Topic, Group string
	MaxRecords   int // of one batch
	// Positions gives, for newly assigned partitions, where to go on; a partition that is not in the answer
	// begins at offset 0. It is called from another goroutine, but never while a batch is in flight. Its error
	// is that of the next Poll.
	Positions func(ctx context.Context, partitions []int32) (map[int32]Checkpoint, error)
}

// Follower is one membership of a consumer group: poll, fold, done, until an error or Close. One goroutine
// uses it.
type Follower interface {
	// Poll waits for records, at most so long. A batch with runs is in flight until Done or Close: meanwhile
	// its partitions are not given to another member. After an error the follower is of no use: Close it, and
	// Follow again from the stored positions.
	Poll(ctx context.Context, wait time.Duration) (Batch, error)
	// Done says that a batch was folded and its positions are stored.
	Done(Batch)
	// Close leaves the group; a batch in flight comes again to whoever follows its partitions next.
	Close()
}

// Follow joins the group, whose members share the topic's partitions. Where to go on comes from Positions
// alone: nothing is committed to Kafka, which forgets a group without offsets once its last member has left.
func (l *Log) Follow(cfg FollowConfig) (Follower, error) {
	f, err := l.newFollower(cfg)
	if err != nil {
		return nil, fmt.Errorf("follow %s: %w", cfg.Topic, err)
	}
	return f, nil
}

func (l *Log) newFollower(cfg FollowConfig) (*follower, error) {
	spec, err := l.spec(cfg.Topic)
	if err != nil {
		return nil, err
	}
	if cfg.Group == "" || cfg.Positions == nil || cfg.MaxRecords < 1 {
		return nil, errors.New("group, positions and the size of a batch are all needed")
	}
	f := &follower{
		log: l, cfg: cfg, spec: spec, wire: l.cfg.wireName(cfg.Topic), next: map[int32]int64{}, stopped: map[int32]error{}, ahead: newAhead(),
	}
	f.mu.Lock() // the client joins the group at once: adjust must not see a follower without its client
	defer f.mu.Unlock()
	if f.client, err = kgo.NewClient(append(l.cfg.kgoOptions(), f.options()...)...); err != nil {
		return nil, fmt.Errorf("make consumer: %w", err)
	}
	fetching, end := context.WithCancel(context.Background())
	f.endFetching = end
	f.fetching.Go(func() { f.fetchAhead(fetching) })
	return f, nil
}

// follower has a client of its own: leaving and joining again is the one way to begin from the stored
// positions that cannot mix up two assignments.
type follower struct {
	log    *Log
	cfg    FollowConfig
	spec   TopicSpec
	wire   string // the topic's name on the brokers
	client *kgo.Client
	ahead  *ahead

	endFetching context.CancelFunc
	fetching    sync.WaitGroup // of the one goroutine that fetches

	inFlight bool // of the one goroutine that polls; while it is true, that goroutine holds mu
	// mu is held while a batch is in flight: partitions are taken away and given by other goroutines, and who gets one
	// must find what was folded of it.
	mu      sync.Mutex
	id      TopicID
	next    map[int32]int64 // by followed partition
	stopped map[int32]error // not told yet
	failed  error           // ends the follower
}

func (f *follower) Poll(ctx context.Context, wait time.Duration) (Batch, error) {
	most := time.NewTimer(wait)
	defer most.Stop()
	select {
	case <-f.ahead.came:
	case <-ctx.Done():
	case <-most.C:
	}
	f.mu.Lock()
	f.inFlight = true
	failed := f.failed // by positions, or beside the records of the last batch
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

// land ends the flight of a batch.
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
	_ = f.client.LeaveGroupContext(ctx) // without it the others wait for groupSession
	f.client.CloseAllowingRebalance()
	f.fetching.Wait()
}

// lost runs before partitions are given to others, and when the group goes on without this member. It waits until no batch is in flight,
// and forgets what was fetched ahead of the partitions.
func (f *follower) lost(_ context.Context, _ *kgo.Client, lost map[string][]int32) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range lost[f.wire] {
		delete(f.next, p)
	}
	f.ahead.drop(f.wire, lost[f.wire])
}
