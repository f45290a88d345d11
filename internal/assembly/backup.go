package assembly

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/backup"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/internal/vault"
	"github.com/ledgerboard/ledgerboard/migrations"
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

// MoveTables makes the tables that were folded from one topic those of another, which has the same records at the same offsets: they go on
// where they stand. The former are the backup's, the latter are given by the topic's name. A repetition changes nothing. Tables that went
// beyond the backup are [ErrOlder], and none is moved: what is at their offsets now is something else.
func (p *Parts) MoveTables(ctx context.Context, m *backup.Manifest, to map[string]eventlog.TopicID) (moved int64, err error) {
	if !p.hasDatabase() {
		return 0, nil
	}
	from, err := m.TopicIDs()
	if err != nil {
		return 0, err
	}
	pool, err := p.Engine(ctx)
	if err != nil {
		return 0, err
	}
	err = pg.Durably(ctx, pool, func(tx pgx.Tx) error { // the record of the restore follows, and must not outlive it
		if there, err := isThere(ctx, tx, migrations.Engine+".generations"); err != nil || !there {
			return err
		}
		tables, err := tablesOf(ctx, tx, "for update of c")
		if err != nil {
			return err
		}
		former := slices.DeleteFunc(tables, func(at KnownPosition) bool { return at.TopicID != from[at.Topic] })
		if err := Older(Lost{Tables: beyond(former, m)}.Words()); err != nil {
			return err
		}
		for topic, id := range from {
			if err := moveCheckpoints(ctx, tx, topic, id, to[topic]); err != nil {
				return err
			}
			tag, err := tx.Exec(ctx, `update generations set topic_id = $1 where topic = $2 and topic_id = $3`, [16]byte(to[topic]), topic, [16]byte(id))
			if err != nil {
				return err
			}
			moved += tag.RowsAffected()
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("note that tables are of the restored topics: %w", err)
	}
	return moved, nil
}

// moveCheckpoints makes the checkpoints of the tables of one topic those of another; those too that say of no topic yet: to a process that
// was frozen meanwhile none may look as if it were its own. A database that no start of this program has brought up to date says of none.
func moveCheckpoints(ctx context.Context, tx pgx.Tx, topic string, from, to eventlog.TopicID) error {
	var told bool
	err := tx.QueryRow(ctx, `select exists (
		select from pg_attribute where attrelid = 'checkpoints'::regclass and attname = 'topic_id' and not attisdropped)`).Scan(&told)
	if err != nil || !told {
		return err
	}
	_, err = tx.Exec(ctx, `
		update checkpoints c set topic_id = $3 from generations g
		where g.projection = c.projection and g.generation = c.generation and g.topic = $1 and g.topic_id = $2`, topic, [16]byte(from), [16]byte(to))
	return err
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
	log, err := p.Log(ctx)
	if err != nil {
		return err
	}
	kept, err := p.Vault(ctx)
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
