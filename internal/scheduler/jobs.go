package scheduler

import (
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/ledgerboard/ledgerboard/domain"
)

// maxAttempts is beyond what back-off lets happen in any slot; the slot's end is the real bound.
const maxAttempts = 500

// planArgs is the job that divides one slot of a platform into shards.
type planArgs struct {
	For      string          `json:"for"      river:"unique"`
	Platform domain.Platform `json:"platform" river:"unique"`
	Slot     time.Time       `json:"slot"     river:"unique"`
	End      time.Time       `json:"end"`
}

// Kind implements [river.JobArgs].
func (planArgs) Kind() string { return "plan_slot" }

// InsertOpts implements [river.JobArgsWithInsertOpts].
func (a planArgs) InsertOpts() river.InsertOpts { return once(planQueue(a.For)) }

// plannedArgs is the job that says, by being there, that a slot has been divided. It waits for the end
// of the slot, when it does nothing.
type plannedArgs planArgs

// Kind implements [river.JobArgs].
func (plannedArgs) Kind() string { return "slot_planned" }

// InsertOpts implements [river.JobArgsWithInsertOpts].
func (a plannedArgs) InsertOpts() river.InsertOpts {
	opts := once(planQueue(a.For))
	opts.ScheduledAt = a.End
	return opts
}

// shardArgs is a [Job].
type shardArgs struct {
	For      string          `json:"for"      river:"unique"`
	Platform domain.Platform `json:"platform" river:"unique"`
	Shard    int             `json:"shard"    river:"unique"`
	Slot     time.Time       `json:"slot"     river:"unique"`
	End      time.Time       `json:"end"`

	Connection int64 `json:"connection,omitempty" river:"unique"`
}

// Kind implements [river.JobArgs].
func (shardArgs) Kind() string { return "work_shard" }

// InsertOpts implements [river.JobArgsWithInsertOpts].
func (a shardArgs) InsertOpts() river.InsertOpts { return once(shardQueue(a.For, a.Platform)) }

func (a shardArgs) job() Job {
	return Job{domain.FetchSlot{Kind: a.For, Platform: a.Platform, Begin: a.Slot.UTC()}, a.Shard, a.Connection}
}

// alone is the job that tries one connection of the shard again, after a pause.
func (a shardArgs) alone(r domain.FetchRetry, now time.Time) river.InsertManyParams {
	a.Connection = r.SocialAccount
	opts := a.InsertOpts()
	opts.ScheduledAt = now.Add(r.After)
	return river.InsertManyParams{Args: a, InsertOpts: &opts}
}

// once makes a job unique whatever has become of it, as long as River remembers it.
func once(queue string) river.InsertOpts {
	return river.InsertOpts{
		Queue:       queue,
		MaxAttempts: maxAttempts,
		UniqueOpts:  river.UniqueOpts{ByArgs: true, ByState: rivertype.JobStates()},
	}
}

// planQueue is apart from the shards' queues: planning must not wait for slow work.
func planQueue(kind string) string { return kind + "-plan" }

// shardQueue is one for each kind and platform: a platform that hangs holds up no other.
func shardQueue(kind string, platform domain.Platform) string { return kind + "-" + platform.String() }
