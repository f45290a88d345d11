package knownlog

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/backup"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/vault"
)

// Known is what the database knows of the log beside which it stands.
type Known struct {
	Database bool             // there is one, and a log was known to it
	Tables   []Position       // how far tables were folded
	Versions map[string]int64 // by agency: the highest that tables or the notices' cursors know
	Epochs   []vault.Epoch    // of the log, those too that were withdrawn
	Running  []string         // processes that were there within the last ten seconds
}

// Position is how far the tables of a generation were folded.
type Position struct {
	Projection string
	Generation int
	Topic      string
	TopicID    eventlog.TopicID
	Partition  int32
	Next       int64
}

// Ask asks a database what it knows of a log with the epochs that it has noted; it writes nothing. The pool is over the engine's schema;
// processes names those that were there within the last ten seconds.
func Ask(
	ctx context.Context, pool *pgxpool.Pool, epochs []vault.Epoch,
	processes func(ctx context.Context, pool *pgxpool.Pool, role string) ([]string, error),
) (Known, error) {
	known := Known{Database: len(epochs) > 0, Epochs: epochs}
	var err error
	if known.Tables, err = tablesOf(ctx, pool, ""); err != nil {
		return known, err
	}
	there, err := isThere(ctx, pool, engine+"processes")
	if err != nil {
		return known, err
	}
	if there {
		if known.Running, err = processes(ctx, pool, ""); err != nil {
			return known, err
		}
	}
	known.Versions, err = versionsIn(ctx, pool, known.Tables)
	return known, err
}

// rowsOf reads a relation that may be missing: then there are none.
func rowsOf[T any](ctx context.Context, pool querier, relation, sql string, read pgx.RowToFunc[T]) (list []T, err error) {
	if there, err := isThere(ctx, pool, relation); err != nil || !there {
		return nil, err
	}
	found, err := pool.Query(ctx, sql)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(found, read)
}

// engine is the schema of the projections' engine. Whether a table is there is asked by its full name: in a schema that this login may not
// look into, a short one is not there, and a full one is an error.
const engine = "lb_engine."

func isThere(ctx context.Context, q querier, relation string) (there bool, err error) {
	err = q.QueryRow(ctx, `select to_regclass($1) is not null`, relation).Scan(&there)
	return there, err
}

type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// tablesOf tells how far tables were folded; lock, if set, ends the question.
func tablesOf(ctx context.Context, q querier, lock string) ([]Position, error) {
	return rowsOf(ctx, q, engine+"generations", `
		select g.projection, g.generation, g.topic, g.topic_id, c.partition, c.next_offset
		from generations g join checkpoints c using (projection, generation)
		where g.state in ('copying', 'building', 'live') order by g.topic, c.partition, g.projection, g.generation `+lock,
		func(row pgx.CollectableRow) (at Position, err error) {
			var id [16]byte
			err = row.Scan(&at.Projection, &at.Generation, &at.Topic, &id, &at.Partition, &at.Next)
			at.TopicID = id
			return at, err
		})
}

// versionsIn are the highest versions of agencies that any tables know, and cursors of notices: those outlive tables that were dropped.
func versionsIn(ctx context.Context, pool querier, tables []Position) (map[string]int64, error) {
	type head struct {
		Agency  string
		Version int64
	}
	// Cursors of earlier epochs count versions that were withdrawn since. A database of before epochs has no such column.
	relations := map[string]string{vault.Schema + ".notice_cursors": `
		select c.parent_account, max(c.version) from ` + vault.Schema + `.notice_cursors c
		where coalesce((to_jsonb(c) ->> 'epoch')::int, 0) = (select coalesce(max(number), 0) from ` + vault.Schema + `.epochs) group by 1`}
	for _, at := range tables {
		if at.Topic == domain.TopicDashboards {
			relation := fmt.Sprintf("lb_%s_g%d.dashboard_heads", at.Projection, at.Generation)
			relations[relation] = `select parent_account, version from ` + relation
		}
	}
	versions := map[string]int64{}
	for relation, sql := range relations {
		heads, err := rowsOf(ctx, pool, relation, sql, pgx.RowToStructByPos[head])
		if err != nil {
			return nil, err
		}
		for _, h := range heads {
			versions[h.Agency] = max(versions[h.Agency], h.Version)
		}
	}
	return versions, nil
}

// Refusals of a backup that somebody can accept nevertheless, for errors.Is: the restore then begins an epoch.
var (
	// ErrOlder refuses to restore an older state than is known: versions and offsets that were given out would be given out again for
	// something else.
	ErrOlder = errors.New("the backup is older than what is known of the log")
	// ErrOtherTopics refuses to restore beside tables that were made from other topics.
	ErrOtherTopics = errors.New("whether they know more than the backup cannot be told")
)

// Holds refuses a backup beside which the database knows more of the log, with what would be lost, or whose tables are of another log. ids
// are those of the backup's topics, there those of the target's, versions the agencies' last ones in the backup. Errors: [ErrOlder],
// [ErrOtherTopics].
func (k Known) Holds(m *backup.Manifest, ids, there map[string]eventlog.TopicID, versions map[string]int64) error {
	if len(k.Running) > 0 {
		return fmt.Errorf("processes of the service are there: %s. Stop all of them, wait ten seconds, and restore again",
			strings.Join(k.Running, ", "))
	}
	for _, at := range k.Tables {
		if at.TopicID != ids[at.Topic] && at.TopicID != there[at.Topic] {
			return fmt.Errorf("the tables %s.g%d were made from topic %s with the id %s, and the backup is of the one with the id %s: %w. Restore a "+
				"backup of that topic, or restore beside an empty database; or accept with --older that these tables are made anew",
				at.Projection, at.Generation, at.Topic, at.TopicID, ids[at.Topic], ErrOtherTopics)
		}
	}
	return Older(k.Lost(m, versions).Words())
}

// beyond counts what tables have folded that the backup lacks, by topic and partition.
func beyond(tables []Position, m *backup.Manifest) map[string]map[int32]int64 {
	further := map[string]map[int32]int64{} // by topic and partition
	for _, at := range tables {
		if records := at.Next - m.End(at.Topic, at.Partition); records > 0 {
			if further[at.Topic] == nil {
				further[at.Topic] = map[int32]int64{}
			}
			further[at.Topic][at.Partition] = max(further[at.Topic][at.Partition], records)
		}
	}
	return further
}

// Older is [ErrOlder] with what would be lost, nil when nothing would.
func Older(lost []string) error {
	if len(lost) == 0 {
		return nil
	}
	more := ""
	if len(lost) > MaxLost {
		more = fmt.Sprintf("\n  and %d more", len(lost)-MaxLost)
		lost = lost[:MaxLost]
	}
	return fmt.Errorf("%w. Would be lost, and its versions given out again:\n  %s%s\nRestore a newer backup. If there is none, --older accepts that this is "+
		"withdrawn: docs/restore.md", ErrOlder, strings.Join(lost, "\n  "), more)
}
