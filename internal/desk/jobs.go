package desk

import (
	"context"
	"slices"
	"strings"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
)

// CancelJob cancels a job.
func (d *Desk) CancelJob(ctx context.Context, c commands.Caller, id int64, reason domain.Reason) error {
	return d.act(ctx, c, domain.ActionJobCancelled, domain.OperatorTarget{Job: id}, reason, simply(func(ctx context.Context) error {
		return d.jobs.Cancel(ctx, id)
	}))
}

// RetryJob lets a job run now.
func (d *Desk) RetryJob(ctx context.Context, c commands.Caller, id int64, reason domain.Reason) error {
	return d.act(ctx, c, domain.ActionJobRetried, domain.OperatorTarget{Job: id}, reason, simply(func(ctx context.Context) error {
		return d.jobs.Retry(ctx, id)
	}))
}

// RunJob makes all connections of a platform due now, and has them read as far as the quota has room. Unknown kinds are invalid, unknown
// platforms not_found; conflict says that the platform is paused, or that nobody fetches it.
func (d *Desk) RunJob(ctx context.Context, c commands.Caller, kind, platform string, reason domain.Reason) error {
	if kinds := domain.FetchKinds(); !slices.Contains(kinds, kind) {
		return domain.NewError(domain.CodeInvalid, "There is no kind of fetching %q. There are %s.", kind, strings.Join(kinds, ", "))
	}
	on, err := d.pausable(ctx, domain.PausePlatform, platform)
	if err != nil {
		return err
	}
	paused, err := d.pauses.Paused(ctx, domain.PausePlatform, platform)
	if err != nil {
		return err
	}
	if paused {
		return domain.NewError(domain.CodeConflict, "The fetching of %s is paused. Resume it first; what is due is read then.", platform)
	}
	on.JobKind = kind
	return d.act(ctx, c, domain.ActionJobRun, on, reason, simply(func(ctx context.Context) error {
		return d.jobs.Run(ctx, domain.FetchQueue{Kind: kind, Platform: on.Platform})
	}))
}
