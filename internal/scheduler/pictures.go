package scheduler

import (
	"context"
	"time"

	"github.com/riverqueue/river"
)

const (
	picturesQueue = "pictures"
	// picturesEvery is how often it is looked for pictures that are wanted.
	picturesEvery = 5 * time.Minute
	// picturesTimeout ends before the next look.
	picturesTimeout = picturesEvery - 30*time.Second
)

// picturesArgs is the job that takes pictures.
type picturesArgs struct{}

// Kind implements [river.JobArgs].
func (picturesArgs) Kind() string { return "take_pictures" }

// InsertOpts implements [river.JobArgsWithInsertOpts]. There is no second attempt: what a job did not do the next one does.
func (picturesArgs) InsertOpts() river.InsertOpts {
	return river.InsertOpts{Queue: picturesQueue, MaxAttempts: 1}
}

// pictureTaker works picturesArgs.
type pictureTaker struct {
	river.WorkerDefaults[picturesArgs]

	s *Scheduler
}

// Timeout implements [river.Worker].
func (p *pictureTaker) Timeout(*river.Job[picturesArgs]) time.Duration { return picturesTimeout }

// Work implements [river.Worker].
func (p *pictureTaker) Work(ctx context.Context, _ *river.Job[picturesArgs]) (err error) {
	if !p.s.cfg.Ready() {
		return nil
	}
	defer func() {
		if err != nil {
			if ctx.Err() == nil {
				p.s.log.WarnContext(ctx, "pictures of posts are not taken now: the next look goes on", "error", err)
			}
			err = river.JobCancel(err)
		}
	}()
	defer recovered(&err)
	return p.s.cfg.Pictures(ctx)
}
