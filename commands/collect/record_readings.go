package collect

import (
	"context"
	"fmt"
	"time"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
)

// recordWithin bounds the time to record a platform's answer.
const recordWithin = 10 * time.Second

// BatchAppender appends many records in one call and returns the result of each, like
// [commands.Appender].
type BatchAppender interface {
	AppendBatch(ctx context.Context, drafts []domain.Draft) []error
}

// Fact is a reading of an account or a post, or information from an origin about a post: its
// registration or texts.
type Fact interface {
	domain.Data
	Key() string
	Captured() time.Time
	Validate() error
}

// Record appends facts in one call and returns their results in order: nil means that the fact is
// in the log, domain.CodeInvalid that it can never be recorded. A refused fact does not affect the
// others. The end of ctx does not stop it, because the facts have used quota.
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

// contentAt is the texts of a post from an origin at a time.
type contentAt struct {
	domain.PostContent
	At time.Time
}

// Captured returns when the origin reported the texts.
func (c contentAt) Captured() time.Time { return c.At }

// check refuses what a fold would refuse, and times in the future. Folds must not use a clock, so
// this is the only check that stops a reading from the future, which would stay the latest until
// then.
func check(f Fact, now time.Time) error {
	if at := f.Captured(); at.After(now.Add(commands.MaxSkew)) {
		return domain.NewError(domain.CodeInvalid, "The capture time %s is in the future (now %s). Check the clock of the "+
			"machine that read the account.",
			at.UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	}
	if err := f.Validate(); err != nil {
		return domain.NewError(domain.CodeInvalid, "The reading cannot be recorded: %s.", err)
	}
	return nil
}

// recording returns the context for storing a platform's answer, which outlives the claim.
func recording(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), recordWithin)
}
