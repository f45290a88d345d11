package knownlog

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/internal/backup"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/pg"
)

// MoveTables makes the tables that were folded from one topic those of another, which has the same records at the same offsets: they go on
// where they stand. The former are the backup's, the latter are given by the topic's name. A repetition changes nothing. Tables that went
// beyond the backup are [ErrOlder], and none is moved: what is at their offsets now is something else.
func MoveTables(ctx context.Context, pool *pgxpool.Pool, m *backup.Manifest, to map[string]eventlog.TopicID) (moved int64, err error) {
	from, err := m.TopicIDs()
	if err != nil {
		return 0, err
	}
	err = pg.Durably(ctx, pool, func(tx pgx.Tx) error { // the record of the restore follows, and must not outlive it
		if there, err := isThere(ctx, tx, engine+"generations"); err != nil || !there {
			return err
		}
		tables, err := tablesOf(ctx, tx, "for update of c")
		if err != nil {
			return err
		}
		former := slices.DeleteFunc(tables, func(at Position) bool { return at.TopicID != from[at.Topic] })
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
