package app

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/backup"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/internal/vault"
	"github.com/ledgerboard/ledgerboard/projections"
)

// BackupSource opens the log for a backup, even if its topics have unsafe settings.
func (p *Parts) BackupSource(ctx context.Context) (*eventlog.Log, []eventlog.TopicSpec, error) {
	err := p.openLog(ctx)
	return p.Log, p.topics, err
}

// NoteBackup stores the time at which a backup finished, for the metric of its age. Without a
// database, it does nothing.
func (p *Parts) NoteBackup(ctx context.Context, endedAt time.Time) error {
	if exists, err := p.hasTable(ctx, "lb_engine.generations"); err != nil || !exists {
		return err
	}
	if err := p.checkOwner(ctx); err != nil {
		return err
	}
	return vault.Backups{Pool: p.KeptPool}.Note(ctx, endedAt)
}

// RestoreTarget connects to the brokers to which a log is restored.
func (p *Parts) RestoreTarget(ctx context.Context) (*eventlog.Target, error) {
	if err := p.openBrokers(ctx); err != nil {
		return nil, err
	}
	target, err := eventlog.OpenTarget(ctx, p.logConfig())
	if err == nil {
		p.Add(func() error { target.Close(); return nil })
	}
	return target, err
}

// FoldedBeyond returns, by topic, how many records that are not in a backup have been folded into
// the live tables of the database. otherLog is true if tables were built from another log than the
// one in the backup: how many of their records are missing is not known then.
func (p *Parts) FoldedBeyond(
	ctx context.Context, m *backup.Manifest,
) (records map[string]int64, otherLog bool, err error) {
	records = map[string]int64{}
	if exists, err := p.hasTable(ctx, "lb_engine.generations"); err != nil || !exists {
		return records, false, err
	}
	rows, _ := p.engine.Query(ctx, `
		select g.topic, replace(coalesce(c.topic_id, g.topic_id)::text, '-', ''), c.partition, max(c.next_offset)
		from lb_engine.generations g join lb_engine.checkpoints c using (projection, generation)
		where g.state = 'live' and c.next_offset > 0 group by 1, 2, 3`)
	var topic, id string
	var partition int32
	var next int64
	_, err = pgx.ForEachRow(rows, []any{&topic, &id, &partition, &next}, func() error {
		if t := m.Topic(topic); t == nil || t.ID != id {
			otherLog = true
		} else if n := next - m.End(topic, partition); n > 0 {
			records[topic] += n
		}
		return nil
	})
	if err != nil {
		return nil, false, fmt.Errorf("read how far tables were folded: %w", err)
	}
	return records, otherLog, nil
}

// ResetAfterRestore resets the database to a restored log. It marks the tables, which were built
// from other topics, as dropped, so that they are rebuilt from the restored topics, and resets
// state in schema kept that is newer than the backup. versions are the agencies' last versions in
// the backup.
func (p *Parts) ResetAfterRestore(ctx context.Context, m *backup.Manifest, versions map[string]int64) error {
	if exists, err := p.hasTable(ctx, "lb_engine.generations"); err != nil || !exists {
		return err
	}
	// The record of the restore is appended later. If that record survives a crash, so must this
	// change.
	err := pg.Durably(ctx, p.engine, func(tx pgx.Tx) error {
		if _, err := projections.DropAll(ctx, tx); err != nil {
			return err
		}
		return vault.ResetAfterRestore(ctx, tx, m.Cut, versions)
	})
	if err != nil {
		return fmt.Errorf("reset the database to the restored log: %w", err)
	}
	return nil
}

// hasTable reports whether there is a database, of any version, with the table. If so, it has opened
// the database.
func (p *Parts) hasTable(ctx context.Context, name string) (exists bool, err error) {
	if !p.config.hasDatabase() {
		return false, nil
	}
	if err = p.OpenDatabase(ctx); err == nil {
		err = p.engine.QueryRow(ctx, `select to_regclass($1) is not null`, name).Scan(&exists)
	}
	if err != nil {
		return false, fmt.Errorf("look for tables: %w", err)
	}
	return exists, nil
}

// RecordRestore records in a restored log who restored it, why, and the time of the backup.
func (p *Parts) RecordRestore(
	ctx context.Context, c commands.Caller, target domain.OperatorTarget, reason domain.Reason,
) error {
	if err := p.openSafeLog(ctx); err != nil { // the restored log may belong to the installation of a lost database
		return err
	}
	acted := domain.OperatorActed{Action: domain.ActionLogRestored, Target: target, Reason: reason}
	return p.audit().Act(ctx, c, acted, func(context.Context) (commands.Effect, error) {
		return commands.Effect{}, nil
	})
}
