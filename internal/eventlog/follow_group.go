package eventlog

import (
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Group timings. A killed member keeps its partitions for groupSession; kgo's default of 45 s would
// stop projection for 45 s after a crash. 8 s is above the brokers' minimum of 6 s. Members learn
// by heartbeat that one has left: a planned stop, which commands wait for, takes one heartbeat and
// the join.
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

// fetchMaxWait is how long a broker holds an empty fetch; a record ends it at once. It bounds how
// long a newly assigned partition waits for the current fetch.
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
