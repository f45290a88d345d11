package projections_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/operator"
)

// Rows of rebuilds and of their parts stay bounded: each new rebuild takes the oldest ended ones of its projection away, and what is
// older than a year and a month. Another projection's stay, and so does what has not ended.
func TestRebuildsThatEndedAreForgotten(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.appendReadings(0, 10)
	e := b.engine(bulkTally{})
	b.start(e)
	b.caughtUp(e)
	b.ends(b.request("tally").ID, operator.RebuildDone)
	require.Equal(t, 5, b.count("select count(*) from rebuild_shards"))
	ended := func(projection string, n int, ago string) {
		b.exec(`insert into rebuilds (id, projection, version, state, requested_by, reason, requested_at, finished_at)
			select gen_random_uuid(), $1, 1, 'done', 'a', 'test', now() - $3::interval - n * interval '1 second', now() - $3::interval
			from generate_series(1, $2::int) n`, projection, n, ago)
	}
	ended("tally", 150, "1 day")
	ended("other", 150, "1 day")
	b.exec(`insert into rebuilds (id, projection, version, state, requested_by, reason, requested_at)
		values (gen_random_uuid(), 'tally', 7, 'switching', 'a', 'test', now() - interval '1000 days')`)
	last := b.ends(b.request("tally").ID, operator.RebuildDone)
	require.Equal(t, 101, b.count("select count(*) from rebuilds where projection = 'tally'"), "a hundred, and the one that has not ended")
	require.Equal(t, 1, b.count("select count(*) from rebuilds where version = 7"))
	require.Equal(t, 150, b.count("select count(*) from rebuilds where projection = 'other'"))
	require.Equal(t, 5, b.count("select count(*) from rebuild_shards"), "of the last one")
	require.Equal(t, 5, b.count("select count(*) from rebuild_shards where rebuild = $1", last.ID))

	b.exec("update rebuilds set finished_at = now() - interval '401 days' where finished_at is not null")
	b.request("tally")
	require.Equal(t, 2, b.count("select count(*) from rebuilds where projection = 'tally'"))
}
