package assembly

import (
	"context"
	"fmt"
	"time"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/backup"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/knownlog"
	"github.com/ledgerboard/ledgerboard/internal/vault"
	"github.com/ledgerboard/ledgerboard/projections"
)

// BackupSource is the log for who copies it, whatever is wrong with its topics. It must have begun, and its key be known.
func (p *Parts) BackupSource(ctx context.Context) (*eventlog.Log, []eventlog.TopicSpec, error) {
	log, err := p.logAsIs(ctx)
	if err != nil {
		return nil, nil, err
	}
	if log.Epoch() == (eventlog.Epoch{}) {
		return nil, nil, fmt.Errorf("back up the log: %w, or this process does not know its tag key (LEDGERBOARD_TAG_KEYS): a backup says of which log it is",
			eventlog.ErrNotBegun)
	}
	return log, p.brokers.value.topics, nil
}

// RestoreTarget connects to the brokers that a log is restored to, and begins nothing there. The broker inside this process is started only
// with the key of that log. Error: [eventlog.ErrOtherKey].
func (p *Parts) RestoreTarget(ctx context.Context, epochs []domain.EpochBegun) (*eventlog.Target, error) {
	if len(p.settings.Brokers) == 0 {
		if err := p.keyOf(epochs); err != nil {
			return nil, err
		}
	}
	b, err := p.openBrokers(ctx)
	if err != nil {
		return nil, err
	}
	target, err := eventlog.OpenTarget(ctx, eventlog.Config{
		Brokers: b.addrs, Topics: b.topics, TLS: p.settings.TLS, SASL: p.settings.SASL, Registry: p.events, Logger: p.settings.Logger, TagKey: b.key,
	}, epochs)
	if err == nil {
		p.Add(func() error { target.Close(); return nil })
	}
	return target, err
}

// keyOf looks whether the data directory would have the key of a log, before anything is made in it.
func (p *Parts) keyOf(epochs []domain.EpochBegun) error {
	text, err := p.settings.Embedded.TagKey(p.settings.TagKeys, false)
	if err != nil {
		return err
	}
	key := eventlog.TagKey{}
	if text != "" {
		if key, err = eventlog.ParseTagKeys(text); err != nil {
			return fmt.Errorf("read the tag key: %w", err)
		}
	}
	return eventlog.CheckKey(key, epochs)
}

// MoveTables makes the tables that were folded from one topic those of another, as [knownlog.MoveTables] does, where there is a database.
func (p *Parts) MoveTables(ctx context.Context, m *backup.Manifest, to map[string]eventlog.TopicID) (moved int64, err error) {
	if !p.hasDatabase() {
		return 0, nil
	}
	pool, err := p.Engine(ctx)
	if err != nil {
		return 0, err
	}
	return knownlog.MoveTables(ctx, pool, m, to)
}

// KnownOfLog asks the database, where there is one, what it knows of the log with the epochs; it writes nothing. A database of another log
// is an error.
func (p *Parts) KnownOfLog(ctx context.Context, epochs []domain.EpochBegun) (known knownlog.Known, err error) {
	if !p.hasDatabase() {
		return known, nil
	}
	if _, err := p.knownEpoch(ctx); err != nil {
		return known, err
	}
	noted, err := vault.NewEpochs(p.vault.value).List(ctx)
	if err != nil {
		return known, err
	}
	if err := contradict(noted, epochs, "the backup is of"); err != nil {
		return known, fmt.Errorf("%w. Set LEDGERBOARD_DATABASE_URL to the database of that log, or to an empty one", err)
	}
	pool, err := p.Engine(ctx)
	if err == nil {
		known, err = knownlog.Ask(ctx, pool, noted, projections.Holding)
	}
	if err != nil {
		return known, fmt.Errorf("ask the database what it knows of the log: %w", err)
	}
	return known, nil
}

// RecordRestore appends to a log that was restored who did it, why, and of when the backup is; with an epoch, if one was begun.
func (p *Parts) RecordRestore(ctx context.Context, c commands.Caller, target domain.OperatorTarget, reason domain.Reason) error {
	log, err := p.Log(ctx)
	if err != nil {
		return err
	}
	records := commands.Operations{Log: log, Now: time.Now, Logger: p.settings.Logger}
	return records.Act(ctx, c, domain.OperatorActed{Action: domain.ActionLogRestored, Target: target, Reason: reason},
		func(context.Context) (commands.Effect, error) { return commands.Effect{}, nil })
}

// TakeOver takes the epoch that a restore has begun into the database, where there is one of this log.
func (p *Parts) TakeOver(ctx context.Context) error {
	if !p.hasDatabase() {
		return nil
	}
	log, kept, err := p.logAndVault(ctx)
	if err != nil {
		return err
	}
	if known, err := vault.NewEpochs(kept).List(ctx); err != nil || len(known) == 0 { // the first start copies them
		return err
	}
	return p.noteEpochs(ctx, log, kept)
}

func (p *Parts) hasDatabase() bool {
	return p.settings.DatabaseURL != "" || p.settings.Embedded != nil && p.settings.Embedded.HasPostgres()
}
