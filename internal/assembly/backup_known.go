package assembly

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/backup"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/vault"
	"github.com/ledgerboard/ledgerboard/migrations"
	"github.com/ledgerboard/ledgerboard/projections"
)

// Known is what the database knows of the log beside which it stands.
type Known struct {
	Database bool             // there is one, and a log was known to it
	Tables   []KnownPosition  // how far tables were folded
	Versions map[string]int64 // by agency: the highest that tables or the notices' cursors know
	Running  []string         // processes that were there within the last ten seconds
}

// KnownPosition is how far the tables of a generation were folded.
type KnownPosition struct {
	Projection string
	Generation int
	Topic      string
	TopicID    eventlog.TopicID
	Partition  int32
	Next       int64
}

// KnownOfLog asks the database, where there is one, what it knows of the log with the epoch; it writes nothing. A database of another log is an
// error.
func (p *Parts) KnownOfLog(ctx context.Context, epoch eventlog.Epoch) (known Known, err error) {
	if !p.hasDatabase() {
		return known, nil
	}
	of, err := p.knownEpoch(ctx)
	if err != nil {
		return known, err
	}
	if of != (eventlog.Epoch{}) && of != epoch {
		return known, fmt.Errorf("the database is of another log: it knows log %s with key %s, and the backup is of log %s with key %s. Set "+
			"LEDGERBOARD_DATABASE_URL to the database of that log, or to an empty one", of.Log, of.Key, epoch.Log, epoch.Key)
	}
	known.Database = of != (eventlog.Epoch{})
	pool, err := p.Engine(ctx)
	if err == nil {
		known.Tables, err = tablesOf(ctx, pool, "")
	}
	var there bool
	if err == nil {
		there, err = isThere(ctx, pool, migrations.Engine+".processes")
	}
	if there {
		known.Running, err = projections.Holding(ctx, pool, "")
	}
	if err == nil {
		known.Versions, err = versionsIn(ctx, pool, known.Tables)
	}
	if err != nil {
		return known, fmt.Errorf("ask the database what it knows of the log: %w", err)
	}
	return known, nil
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

func isThere(ctx context.Context, q querier, relation string) (there bool, err error) {
	err = q.QueryRow(ctx, `select to_regclass($1) is not null`, relation).Scan(&there)
	return there, err
}

type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// tablesOf tells how far tables were folded; lock, if set, ends the question.
func tablesOf(ctx context.Context, q querier, lock string) ([]KnownPosition, error) {
	return rowsOf(ctx, q, migrations.Engine+".generations", `
		select g.projection, g.generation, g.topic, g.topic_id, c.partition, c.next_offset
		from generations g join checkpoints c using (projection, generation)
		where g.state in ('copying', 'building', 'live') order by g.topic, c.partition, g.projection, g.generation `+lock,
		func(row pgx.CollectableRow) (at KnownPosition, err error) {
			var id [16]byte
			err = row.Scan(&at.Projection, &at.Generation, &at.Topic, &id, &at.Partition, &at.Next)
			at.TopicID = id
			return at, err
		})
}

// versionsIn are the highest versions of agencies that any tables know, and cursors of notices: those outlive tables that were dropped.
func versionsIn(ctx context.Context, pool querier, tables []KnownPosition) (map[string]int64, error) {
	type head struct {
		Agency  string
		Version int64
	}
	relations := map[string]string{vault.Schema + ".notice_cursors": `select parent_account, max(version) from ` + vault.Schema + `.notice_cursors group by 1`}
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

// ErrOlder refuses to restore an older state than is known: versions and offsets that were given out would be given out again for something
// else, and that needs an epoch of its own, which this version does not begin.
var ErrOlder = errors.New("the backup is older than what is known of the log")

// Holds refuses a backup beside which the database knows more of the log, with what would be lost, or whose tables are of another log. ids are
// those of the backup's topics, there those of the target's, versions the agencies' last ones in the backup.
func (k Known) Holds(m *backup.Manifest, ids, there map[string]eventlog.TopicID, versions map[string]int64) error {
	if len(k.Running) > 0 {
		return fmt.Errorf("processes of the service are there: %s. Stop all of them, wait ten seconds, and restore again",
			strings.Join(k.Running, ", "))
	}
	for _, at := range k.Tables {
		if at.TopicID != ids[at.Topic] && at.TopicID != there[at.Topic] {
			return fmt.Errorf("the tables %s.g%d were made from topic %s with the id %s, and the backup is of the one with the id %s: whether they know more "+
				"than the backup cannot be told. Restore a backup of that topic, or restore beside an empty database",
				at.Projection, at.Generation, at.Topic, at.TopicID, ids[at.Topic])
		}
	}
	lost := beyond(k.Tables, m)
	for _, agency := range slices.Sorted(maps.Keys(k.Versions)) {
		if known, has := k.Versions[agency], versions[agency]; known > has {
			lost = append(lost, fmt.Sprintf("agency %s: versions %d to %d of its dashboards", agency, has+1, known))
		}
	}
	return Older(lost)
}

// beyond names what tables have folded that the backup lacks.
func beyond(tables []KnownPosition, m *backup.Manifest) (lost []string) {
	further := map[string]map[int32]int64{} // by topic and partition
	for _, at := range tables {
		if records := at.Next - m.End(at.Topic, at.Partition); records > 0 {
			if further[at.Topic] == nil {
				further[at.Topic] = map[int32]int64{}
			}
			further[at.Topic][at.Partition] = max(further[at.Topic][at.Partition], records)
		}
	}
	for _, topic := range slices.Sorted(maps.Keys(further)) {
		n := int64(0)
		for _, records := range further[topic] {
			n += records
		}
		lost = append(lost, fmt.Sprintf("topic %s: %d records in %d partitions that tables have folded", topic, n, len(further[topic])))
	}
	return lost
}

// maxLost is how much of what would be lost is named.
const maxLost = 50

// Older is [ErrOlder] with what would be lost, nil when nothing would.
func Older(lost []string) error {
	if len(lost) == 0 {
		return nil
	}
	more := ""
	if len(lost) > maxLost {
		more = fmt.Sprintf("\n  and %d more", len(lost)-maxLost)
		lost = lost[:maxLost]
	}
	return fmt.Errorf("%w. Would be lost, and its versions given out again:\n  %s%s\nRestore a newer backup. To restore an older state beside this database is not "+
		"built; docs/restore.md says what can be done", ErrOlder, strings.Join(lost, "\n  "), more)
}
