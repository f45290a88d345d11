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

// Metrics records readings and posts.
type Metrics struct {
	Log BatchAppender // takes drafts of topics `metrics` and `contents`, and pushes back when it is full
	Now func() time.Time
}

// Record appends what was read, in one call, and tells what became of each, in their order: nil means that
// it is in the log, domain.CodeInvalid that it can never be recorded. One does not keep back the others.
func (m *Metrics) Record(ctx context.Context, facts ...Fact) []error {
	errs := make([]error, len(facts))
	drafts, of := make([]domain.Draft, 0, len(facts)), make([]int, 0, len(facts))
	for i, f := range facts {
		if errs[i] = m.check(f); errs[i] == nil {
			drafts, of = append(drafts, m.draft(f)), append(of, i)
		}
	}
	if len(drafts) == 0 {
		return errs
	}
	for n, err := range m.Log.AppendBatch(ctx, drafts) {
		if err != nil {
			errs[of[n]] = fmt.Errorf("record %s: %w", drafts[n].Data.EventType(), err)
		}
	}
	return errs
}

func (m *Metrics) draft(f Fact) domain.Draft {
	if c, ok := f.(Content); ok {
		return commands.ContentDraft(c.PostContent, c.At)
	}
	return commands.NewDraft(domain.TopicMetrics, f.Key(), f, m.Now())
}

// Content is what an origin said of a post's texts at a time.
type Content struct {
	domain.PostContent
	At time.Time
}

// Captured is when the origin said so.
func (c Content) Captured() time.Time { return c.At }

// check refuses what a fold would, and times ahead of the clock. Folds must not look at a clock, so this is the
// only place where a reading from the future can be stopped: it would stay "the latest" until then.
func (m *Metrics) check(f Fact) error {
	if at, now := f.Captured(), m.Now(); at.After(now.Add(commands.MaxSkew)) {
		return domain.NewError(domain.CodeInvalid, "The capture time %s lies ahead of the clock (%s). Check the clock of the "+
			"machine that read it.",
			at.UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	}
	if err := f.Validate(); err != nil {
		return domain.NewError(domain.CodeInvalid, "The reading cannot be recorded: %s.", err)
	}
	return nil
}

// recording is the context of an append. What was answered is recorded although the claim ends meanwhile: it
// has cost its part of the quota.
func recording(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), recordWithin)
}
