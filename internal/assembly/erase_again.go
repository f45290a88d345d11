package assembly

import (
	"context"
	"sync"
	"time"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/erasures"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/vault"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// EraseAgain erases what the list of erasures says and the log still holds, as after a restore. Every start that may fold the log does so
// before it shows anything. Without a list it says so.
func (p *Parts) EraseAgain(ctx context.Context) error {
	logger := p.settings.Logger
	if p.settings.Erasures == "" {
		logger.InfoContext(ctx, "LEDGERBOARD_ERASURES_FILE is not set: after a restore of an older state nobody is erased again")
		return nil
	}
	list, err := erasures.Read(p.settings.Erasures)
	if err != nil || len(list) == 0 {
		return err
	}
	log, kept, err := p.logAndVault(ctx)
	if err != nil {
		return err
	}
	appended, err := commands.EraseAgain{
		List: list, Log: log, Kept: vault.NewEraser(kept), Now: time.Now, Figures: p.figuresErased, EachPartition: log.EachPartition,
		Directory: func(ctx context.Context, each func(domain.Recorded, error)) error {
			return ScanDirectory(ctx, log, each)
		},
		Contents: func(ctx context.Context, each func(domain.Recorded, error)) error {
			return scanTopic(ctx, log, domain.TopicContents, each)
		},
	}.Erase(ctx)
	if appended > 0 {
		logger.WarnContext(ctx, "the log held what the list of erasures names: it is erased again", "records", appended)
	}
	return err
}

// figuresErased are the erasures that all tables know; none where the tables are not made yet.
func (p *Parts) figuresErased(ctx context.Context) (map[domain.PostRef]time.Time, error) {
	tables, err := p.Tables(ctx)
	if err != nil {
		return nil, err
	}
	if !tables.Complete() {
		return map[domain.PostRef]time.Time{}, nil
	}
	topics, err := Topics()
	if err != nil {
		return nil, err
	}
	return readmodels.FiguresErased(ctx, tables, PartitionsOf(topics, domain.TopicContents))
}

// scanTopic hands over every record of a topic, one at a time and those of a key in their order.
func scanTopic(ctx context.Context, log *eventlog.Log, topic string, each func(domain.Recorded, error)) error {
	var mu sync.Mutex // partitions come in parallel; a key lives in one of them
	return log.Scan(ctx, eventlog.ScanConfig{Topic: topic, Handle: func(_ context.Context, run eventlog.Run) error {
		mu.Lock()
		defer mu.Unlock()
		for _, r := range run.Records {
			each(log.Decode(r))
		}
		return nil
	}})
}

// ScanDirectory hands over every record of the directory, one at a time and those of a key in their order; the error
// is of one that cannot be decoded.
func ScanDirectory(ctx context.Context, log *eventlog.Log, each func(domain.Recorded, error)) error {
	return scanTopic(ctx, log, domain.TopicDirectory, each)
}
