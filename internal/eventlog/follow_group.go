package eventlog

import (
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Group timings. A member that was killed keeps its partitions for groupSession; kgo's default of
// 45 s would be 45 s without projection after a crash. 8 s is above the brokers' least (6 s). Members hear by a heartbeat that one of them has left:
// a planned stop, which commands wait for, takes one and the join.
const (
	groupSession   = 8 * time.Second
	groupHeartbeat = 300 * time.Millisecond
	groupRebalance = 30 * time.Second
	// groupPatience is how long requests to a coordinator are sent again while there is none. A member that gave up earlier, as kgo does after
	// groupSession, would leave its partitions unfolded until all others have joined again: nobody else may have them, and the fence of the
	// checkpoints holds if somebody has.
	groupPatience = 30 * time.Second
	leaveTimeout  = 3 * time.Second
)

// fetchMaxWait is how long a broker holds an empty fetch; a record ends it at once. It bounds how
// long a partition that was just assigned may wait for the fetch under way.
const fetchMaxWait = 250 * time.Millisecond

func (f *follower) options() []kgo.Opt {
	return []kgo.Opt{
		kgo.ConsumerGroup(f.cfg.Group),
		kgo.ConsumeTopics(f.wire),
		kgo.ConsumeResetOffset(kgo.NoResetOffset()),
		kgo.BlockRebalanceOnPoll(),
		kgo.KeepControlRecords(), // they take offsets: left out they would read as a gap
		kgo.DisableAutoCommit(),
		kgo.AdjustFetchOffsetsFn(f.adjust),
		kgo.OnPartitionsRevoked(f.lost), kgo.OnPartitionsLost(f.lost),
		kgo.SessionTimeout(groupSession), kgo.HeartbeatInterval(groupHeartbeat), kgo.RebalanceTimeout(groupRebalance),
		kgo.RetryTimeout(groupPatience), kgo.RequestTimeoutOverhead(answerWithin),
		kgo.FetchMaxWait(fetchMaxWait), kgo.FetchMinBytes(1),
		// One partition may fill a fetch: who is far behind in it folds a poll in several transactions and decodes meanwhile.
		// It comes within answerWithin also where a second brings 2 MiB.
		kgo.FetchMaxBytes(8 << 20), kgo.FetchMaxPartitionBytes(8 << 20),
	}
}
