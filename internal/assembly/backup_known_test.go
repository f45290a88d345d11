package assembly_test

import (
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/assembly"
	"github.com/ledgerboard/ledgerboard/internal/backup"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/knownlog"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/internal/pg/pgtest"
	"github.com/ledgerboard/ledgerboard/internal/vault"
	"github.com/ledgerboard/ledgerboard/projections"
)

// besideRestore is a database whose tables were made from one topic, beside the log that a restore has made with another.
type besideRestore struct {
	parts         *assembly.Parts
	engine        *pgxpool.Pool
	old, restored eventlog.TopicID
	manifest      *backup.Manifest // of a backup of the old topic
}

// newBesideRestore takes the ends of the backup's partitions.
func newBesideRestore(t *testing.T, ends ...int64) *besideRestore {
	t.Helper()
	s, _ := started(t, pgtest.New(t))
	b := &besideRestore{parts: newParts(t, s), old: eventlog.TopicID{1}, restored: eventlog.TopicID{2}}
	var err error
	b.engine, err = b.parts.Engine(t.Context())
	require.NoError(t, err)
	topic := backup.Topic{Name: domain.TopicDashboards, ID: b.old.String()}
	for _, end := range ends {
		topic.Partitions = append(topic.Partitions, backup.Partition{End: end})
	}
	b.manifest = &backup.Manifest{Topics: []backup.Topic{topic}}
	return b
}

func (b *besideRestore) exec(t *testing.T, sql string, args ...any) {
	t.Helper()
	_, err := b.engine.Exec(t.Context(), sql, args...)
	require.NoError(t, err)
}

// generation makes a live generation of tables of a topic.
func (b *besideRestore) generation(t *testing.T, number int, of eventlog.TopicID) {
	t.Helper()
	b.exec(t, `insert into generations (projection, generation, version, topic, topic_id, state, targets)
		values ('dashboards', $1, 1, $2, $3, 'live', '{}')`, number, domain.TopicDashboards, [16]byte(of))
}

func (b *besideRestore) move(t *testing.T) (int64, error) {
	t.Helper()
	return b.parts.MoveTables(t.Context(), b.manifest, map[string]eventlog.TopicID{domain.TopicDashboards: b.restored})
}

// Between the question and the restored log somebody may have folded on: tables that went beyond the backup are not moved, nor any other.
func TestTablesThatWentOnAreNotMoved(t *testing.T) {
	t.Parallel()
	b := newBesideRestore(t, 10)
	b.generation(t, 77, b.old)
	b.exec(t, `insert into checkpoints (projection, generation, partition, state, next_offset, progressed_at, caught_up_at)
		values ('dashboards', 77, 0, 'live', 11, now(), now())`)
	_, err := b.move(t)
	require.ErrorIs(t, err, knownlog.ErrOlder)
	require.ErrorContains(t, err, "topic dashboards: 1 records in 1 partitions that tables have folded")
	b.manifest.Topics[0].Partitions[0].End = 11
	moved, err := b.move(t)
	require.NoError(t, err)
	require.Equal(t, int64(1), moved, "the refusal has moved nothing")
}

// Whoever may not look into the tables hears that, and not that there are none.
func TestTablesThatMayNotBeSeenAreNotTakenForNone(t *testing.T) {
	t.Parallel()
	pool, err := projections.OpenEnginePool(t.Context(), pgtest.New(t).WriterURL(t, vault.Schema), 2)
	require.NoError(t, err)
	defer pool.Close()
	_, err = knownlog.Ask(t.Context(), pool, nil, projections.Holding)
	require.True(t, pg.IsForbidden(err), err)
	_, err = knownlog.MoveTables(t.Context(), pool, &backup.Manifest{}, nil)
	require.True(t, pg.IsForbidden(err), err)
}

// A restore comes before the first start of a newer release: the database may be of the one before.
func TestTablesOfTheFormerReleaseMove(t *testing.T) {
	t.Parallel()
	b := newBesideRestore(t, 10)
	b.exec(t, `alter table checkpoints drop column topic_id`)
	b.generation(t, 77, b.old)
	moved, err := b.move(t)
	require.NoError(t, err)
	require.Equal(t, int64(1), moved)
}

// The tables and what their checkpoints are of move together, or stay together: a process that was frozen meanwhile must find no row that it could
// take for its own. To repeat it changes nothing.
func TestCheckpointsMoveWithTheTables(t *testing.T) {
	t.Parallel()
	b, other := newBesideRestore(t, 10, 10), eventlog.TopicID{3}
	for number, of := range map[int]eventlog.TopicID{77: b.old, 78: other} {
		b.generation(t, number, of)
		b.exec(t, `insert into checkpoints (projection, generation, partition, state, next_offset, progressed_at, topic_id, caught_up_at)
			values ('dashboards', $1, 0, 'live', 5, now(), $2, now()), ('dashboards', $1, 1, 'live', 5, now(), null, now())`, number, [16]byte(of))
	}
	are := func(number int, of eventlog.TopicID, rows int) {
		t.Helper()
		var got int
		require.NoError(t, b.engine.QueryRow(t.Context(), `
			select count(*) from checkpoints c join generations g using (projection, generation)
			where projection = 'dashboards' and generation = $1 and g.topic_id = $2 and c.topic_id = $2`, number, [16]byte(of)).Scan(&got))
		require.Equal(t, rows, got)
	}
	b.exec(t, `create function lb_engine.cut_restore() returns trigger language plpgsql as $$ begin raise exception 'cut'; end $$`)
	b.exec(t, `create trigger cut_restore before update of topic_id on generations for each row execute function lb_engine.cut_restore()`)
	_, err := b.move(t)
	require.ErrorContains(t, err, "cut")
	are(77, b.old, 1)
	b.exec(t, `drop trigger cut_restore on generations`)
	for _, want := range []int64{1, 0} {
		moved, err := b.move(t)
		require.NoError(t, err)
		require.Equal(t, want, moved)
		are(77, b.restored, 2)
		are(78, other, 1)
	}
}
