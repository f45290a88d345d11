package collect

import (
	"context"
	"fmt"
	"time"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
)

// recordWithin bounds the recording of what a platform has answered.
const recordWithin = 10 * time.Second

// BatchAppender appends many records in one call and tells what became of each, as a [commands.Appender] does.
type BatchAppender interface {
	AppendBatch(ctx context.Context, drafts []domain.Draft) []error
}

// Fact is a reading of an account or a post, or what an origin says of a post: a registration, or its texts.
type Fact interface {
	domain.Data
	Key() string
	Captured() time.Time
	Validate() error
}

// Record appends what was read, in one call, and tells what became of each, in their order: nil
// means that it is in the log, domain.CodeInvalid that it can never be recorded. One does not keep
// back the others, and the end of ctx does not cut it: what was read has cost its part of the quota.
func Record(ctx context.Context, log BatchAppender, now time.Time, facts ...Fact) []error {
	errs := make([]error, len(facts))
	drafts, places := make([]domain.Draft, 0, len(facts)), make([]int, 0, len(facts))
	for i, f := range facts {
		if errs[i] = check(f, now); errs[i] != nil {
			continue
		}
		draft := commands.NewDraft(domain.TopicMetrics, f.Key(), f, now)
		if c, ok := f.(contentAt); ok {
			draft = commands.ContentDraft(c.PostContent, c.At)
		}
		drafts, places = append(drafts, draft), append(places, i)
	}
	if len(drafts) == 0 {
		return errs
	}
	ctx, cancel := recording(ctx)
	defer cancel()
	for n, err := range log.AppendBatch(ctx, drafts) {
		if err != nil {
			errs[places[n]] = fmt.Errorf("record %s: %w", drafts[n].Data.EventType(), err)
		}
	}
	return errs
}

// contentAt is what an origin said of a post's texts at a time.
type contentAt struct {
	domain.PostContent
	At time.Time
}

// Captured is when the origin said so.
func (c contentAt) Captured() time.Time { return c.At }

// check refuses what a fold would, and times ahead of the clock. Folds must not look at a clock, so this is the
// only place where a reading from the future can be stopped: it would stay "the latest" until then.
func check(f Fact, now time.Time) error {
	if at := f.Captured(); at.After(now.Add(commands.MaxSkew)) {
		return domain.NewError(domain.CodeInvalid, "The capture time %s lies ahead of the clock (%s). Check the clock of the "+
			"machine that read it.",
			at.UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	}
	if err := f.Validate(); err != nil {
		return domain.NewError(domain.CodeInvalid, "The reading cannot be recorded: %s.", err)
	}
	return nil
}

// recording is the context to store what a platform has answered, also when the claim ends.
func recording(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), recordWithin)
}
