package assembly_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/assembly"
	"github.com/ledgerboard/ledgerboard/internal/backup"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/pg/pgtest"
)

// What the database knows decides whether a backup may be restored beside it.
func TestWhatTheDatabaseKnows(t *testing.T) {
	t.Parallel()
	const agency = "aaaaaaaaaaaaaaaaaaaaaaaa"
	old, restored, other := eventlog.TopicID{1}, eventlog.TopicID{2}, eventlog.TopicID{3}
	m := &backup.Manifest{Topics: []backup.Topic{{Name: domain.TopicDashboards, Partitions: []backup.Partition{{End: 10}, {End: 0}}}}}
	tables := func(id eventlog.TopicID, partition int32, next int64) assembly.Known {
		return assembly.Known{Tables: []assembly.KnownPosition{
			{Projection: "dashboards", Generation: 4, Topic: domain.TopicDashboards, TopicID: id, Partition: partition, Next: next},
		}}
	}
	for _, c := range []struct {
		name, want string
		known      assembly.Known
	}{
		{"nothing", "", assembly.Known{}},
		{"tables that are older", "", tables(old, 0, 3)},
		{"tables as far as the backup", "", tables(old, 0, 10)},
		{"tables that an interrupted restore has moved", "", tables(restored, 0, 10)},
		{"tables that are newer", "topic dashboards: 1 records in 1 partitions", tables(old, 0, 11)},
		{"tables that are newer where the backup has nothing", "topic dashboards: 2 records in 1 partitions", tables(old, 1, 2)},
		{"tables of another topic", "the tables dashboards.g4 were made from topic dashboards with the id 03", tables(other, 0, 3)},
		{"cursors of notices that were given out", "agency " + agency + ": versions 6 to 7 of its dashboards", assembly.Known{Versions: map[string]int64{agency: 7}}},
		{"versions that the backup has", "", assembly.Known{Versions: map[string]int64{agency: 5}}},
		{"a process", "processes of the service are there: host (process 12)", assembly.Known{Running: []string{"host (process 12)"}}},
	} {
		ids := map[string]eventlog.TopicID{domain.TopicDashboards: old}
		err := c.known.Holds(m, ids, map[string]eventlog.TopicID{domain.TopicDashboards: restored}, map[string]int64{agency: 5})
		if c.want == "" {
			require.NoError(t, err, c.name)
			continue
		}
		require.ErrorContains(t, err, c.want, c.name)
	}
	require.NoError(t, assembly.Older(nil))
	require.Equal(t, 52, strings.Count(assembly.Older(make([]string, 60)).Error(), "\n"), "the first 50, how many more, and what to do")
}

// Between the question and the restored log somebody may have folded on: tables that went beyond the backup are not moved, nor any other.
func TestTablesThatWentOnAreNotMoved(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	s, _ := started(t, db)
	parts := newParts(t, s)
	engine, err := parts.Engine(t.Context())
	require.NoError(t, err)
	old, restored := eventlog.TopicID{1}, eventlog.TopicID{2}
	m := &backup.Manifest{Topics: []backup.Topic{{Name: domain.TopicDashboards, ID: old.String(), Partitions: []backup.Partition{{End: 10}}}}}
	to := map[string]eventlog.TopicID{domain.TopicDashboards: restored}
	_, err = engine.Exec(t.Context(), `insert into generations (projection, generation, version, topic, topic_id, state, targets)
		values ('dashboards', 77, 1, $1, $2, 'live', '{}')`, domain.TopicDashboards, [16]byte(old))
	require.NoError(t, err)
	_, err = engine.Exec(t.Context(), `insert into checkpoints (projection, generation, partition, state, next_offset, progressed_at, caught_up_at)
		values ('dashboards', 77, 0, 'live', 11, now(), now())`)
	require.NoError(t, err)
	_, err = parts.MoveTables(t.Context(), m, to)
	require.ErrorIs(t, err, assembly.ErrOlder)
	require.ErrorContains(t, err, "topic dashboards: 1 records in 1 partitions that tables have folded")
	m.Topics[0].Partitions[0].End = 11
	moved, err := parts.MoveTables(t.Context(), m, to)
	require.NoError(t, err)
	require.Equal(t, int64(1), moved, "the refusal has moved nothing")
}

// A restore comes before the first start of a newer release: the database may be of the one before.
func TestTablesOfTheFormerReleaseMove(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	s, _ := started(t, db)
	parts := newParts(t, s)
	engine, err := parts.Engine(t.Context())
	require.NoError(t, err)
	old := eventlog.TopicID{1}
	_, err = engine.Exec(t.Context(), `alter table checkpoints drop column topic_id`)
	require.NoError(t, err)
	_, err = engine.Exec(t.Context(), `insert into generations (projection, generation, version, topic, topic_id, state, targets)
		values ('dashboards', 77, 1, $1, $2, 'live', '{}')`, domain.TopicDashboards, [16]byte(old))
	require.NoError(t, err)
	m := &backup.Manifest{Topics: []backup.Topic{{Name: domain.TopicDashboards, ID: old.String(), Partitions: []backup.Partition{{End: 10}}}}}
	moved, err := parts.MoveTables(t.Context(), m, map[string]eventlog.TopicID{domain.TopicDashboards: {2}})
	require.NoError(t, err)
	require.Equal(t, int64(1), moved)
}

// The tables and what their checkpoints are of move together, or stay together: a process that was frozen meanwhile must find no row that it could
// take for its own. To repeat it changes nothing.
func TestCheckpointsMoveWithTheTables(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	s, _ := started(t, db)
	parts := newParts(t, s)
	engine, err := parts.Engine(t.Context())
	require.NoError(t, err)
	old, restored, other := eventlog.TopicID{1}, eventlog.TopicID{2}, eventlog.TopicID{3}
	m := &backup.Manifest{Topics: []backup.Topic{{
		Name: domain.TopicDashboards, ID: old.String(), Partitions: []backup.Partition{{End: 10}, {End: 10}},
	}}}
	to := map[string]eventlog.TopicID{domain.TopicDashboards: restored}
	exec := func(sql string, args ...any) {
		t.Helper()
		_, err := engine.Exec(t.Context(), sql, args...)
		require.NoError(t, err)
	}
	for number, of := range map[int]eventlog.TopicID{77: old, 78: other} {
		exec(`insert into generations (projection, generation, version, topic, topic_id, state, targets)
			values ('dashboards', $1, 1, $2, $3, 'live', '{}')`, number, domain.TopicDashboards, [16]byte(of))
		exec(`insert into checkpoints (projection, generation, partition, state, next_offset, progressed_at, topic_id, caught_up_at)
			values ('dashboards', $1, 0, 'live', 5, now(), $2, now()), ('dashboards', $1, 1, 'live', 5, now(), null, now())`, number, [16]byte(of))
	}
	are := func(number int, of eventlog.TopicID, rows int) {
		t.Helper()
		var got int
		require.NoError(t, engine.QueryRow(t.Context(), `
			select count(*) from checkpoints c join generations g using (projection, generation)
			where projection = 'dashboards' and generation = $1 and g.topic_id = $2 and c.topic_id = $2`, number, [16]byte(of)).Scan(&got))
		require.Equal(t, rows, got)
	}
	exec(`create function lb_engine.cut_restore() returns trigger language plpgsql as $$ begin raise exception 'cut'; end $$`)
	exec(`create trigger cut_restore before update of topic_id on generations for each row execute function lb_engine.cut_restore()`)
	_, err = parts.MoveTables(t.Context(), m, to)
	require.ErrorContains(t, err, "cut")
	are(77, old, 1)
	exec(`drop trigger cut_restore on generations`)
	for _, want := range []int64{1, 0} {
		moved, err := parts.MoveTables(t.Context(), m, to)
		require.NoError(t, err)
		require.Equal(t, want, moved)
		are(77, restored, 2)
		are(78, other, 1)
	}
}
