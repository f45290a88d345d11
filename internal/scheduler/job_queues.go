package scheduler

import (
	"time"

	"github.com/riverqueue/river"

	"github.com/ledgerboard/ledgerboard/domain"
)

// How long finished jobs are kept.
const (
	// rememberDone is how long a finished job is kept: to be looked at, and to tell that some process fetches.
	rememberDone = 10 * time.Minute
	// rememberFailed is for jobs of processes that died.
	rememberFailed = time.Hour
)

// claimArgs is the job that claims what of a queue is due.
type claimArgs struct {
	For      string          `json:"for"`
	Platform domain.Platform `json:"platform"`
}

// Kind implements [river.JobArgs].
func (claimArgs) Kind() string { return "claim_due" }

// InsertOpts implements [river.JobArgsWithInsertOpts].
func (a claimArgs) InsertOpts() river.InsertOpts {
	return river.InsertOpts{Queue: claimQueue(a.For), MaxAttempts: 1}
}

func (a claimArgs) queue() domain.FetchQueue {
	return domain.FetchQueue{Kind: a.For, Platform: a.Platform}
}

// readArgs is the job that reads claimed connections.
type readArgs struct {
	For      string          `json:"for"`
	Platform domain.Platform `json:"platform"`
	Until    time.Time       `json:"until"`
	Accounts []int64         `json:"accounts"`
}

// Kind implements [river.JobArgs].
func (readArgs) Kind() string { return "read_claimed" }

// InsertOpts implements [river.JobArgsWithInsertOpts]. There is no second attempt: what a job did not do is due again when
// its claim ends.
func (a readArgs) InsertOpts() river.InsertOpts {
	return river.InsertOpts{Queue: readQueue(a.For, a.Platform), MaxAttempts: 1}
}

func (a readArgs) claim() domain.FetchClaim {
	return domain.FetchClaim{
		FetchQueue: domain.FetchQueue{Kind: a.For, Platform: a.Platform}, Until: a.Until, Accounts: a.Accounts,
	}
}

// claimQueue is apart from the queues of readings: claiming must not wait for slow work.
func claimQueue(kind string) string { return kind + "-claims" }

// readQueue is one for each kind and platform: a platform that hangs holds up no other.
func readQueue(kind string, platform domain.Platform) string { return kind + "-" + platform.String() }
