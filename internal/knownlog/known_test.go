package knownlog_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/backup"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/knownlog"
)

// What the database knows decides whether a backup may be restored beside it.
func TestWhatTheDatabaseKnows(t *testing.T) {
	t.Parallel()
	const agency = "aaaaaaaaaaaaaaaaaaaaaaaa"
	old, restored, other := eventlog.TopicID{1}, eventlog.TopicID{2}, eventlog.TopicID{3}
	m := &backup.Manifest{Topics: []backup.Topic{{Name: domain.TopicDashboards, Partitions: []backup.Partition{{End: 10}, {End: 0}}}}}
	tables := func(id eventlog.TopicID, partition int32, next int64) knownlog.Known {
		return knownlog.Known{Tables: []knownlog.Position{
			{Projection: "dashboards", Generation: 4, Topic: domain.TopicDashboards, TopicID: id, Partition: partition, Next: next},
		}}
	}
	for _, c := range []struct {
		name, want string
		known      knownlog.Known
	}{
		{"nothing", "", knownlog.Known{}},
		{"tables that are older", "", tables(old, 0, 3)},
		{"tables as far as the backup", "", tables(old, 0, 10)},
		{"tables that an interrupted restore has moved", "", tables(restored, 0, 10)},
		{"tables that are newer", "topic dashboards: 1 records in 1 partitions", tables(old, 0, 11)},
		{"tables that are newer where the backup has nothing", "topic dashboards: 2 records in 1 partitions", tables(old, 1, 2)},
		{"tables of another topic", "the tables dashboards.g4 were made from topic dashboards with the id 03", tables(other, 0, 3)},
		{"cursors of notices that were given out", "agency " + agency + ": versions 6 to 7 of its dashboards", knownlog.Known{Versions: map[string]int64{agency: 7}}},
		{"versions that the backup has", "", knownlog.Known{Versions: map[string]int64{agency: 5}}},
		{"a process", "processes of the service are there: host (process 12)", knownlog.Known{Running: []string{"host (process 12)"}}},
	} {
		ids := map[string]eventlog.TopicID{domain.TopicDashboards: old}
		err := c.known.Holds(m, ids, map[string]eventlog.TopicID{domain.TopicDashboards: restored}, map[string]int64{agency: 5})
		if c.want == "" {
			require.NoError(t, err, c.name)
			continue
		}
		require.ErrorContains(t, err, c.want, c.name)
	}
	require.NoError(t, knownlog.Older(nil))
	require.Equal(t, 52, strings.Count(knownlog.Older(make([]string, 60)).Error(), "\n"), "the first 50, how many more, and what to do")
}
