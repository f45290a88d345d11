package projections_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/projections"
)

// Somebody adds a partition to a topic, and writes to it: the partition is not followed and says why, the others go on.
func TestRecordsInAnAddedPartition(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.appendReadings(0, 20)
	e := b.engine(bulkTally{})
	stop := b.start(e)
	b.caughtUp(e)
	stop()
	ranges, _, err := b.log.Ranges(b.ctx(), domain.TopicMetrics)
	require.NoError(t, err)
	added := int32(len(ranges))
	_, err = b.admin.CreatePartitions(b.ctx(), 1, domain.TopicMetrics)
	require.NoError(t, err)
	b.produce(b.encode(postRead(1, 900)), added)
	e = b.engine(bulkTally{})
	b.start(e)
	b.append(postRead(1, 901), postRead(2, 901), postRead(3, 901))
	require.Eventually(t, func() bool { return b.count("select count(*) from tally") == 23 }, patience, tick)
	b.awaitStatus(e, func(s projections.Status) bool {
		return len(s.Partitions) > int(added) && s.Partitions[added].Stopped != ""
	})
}
