package projections_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
)

// The broker really compacts `directory`, and there are parked records in it. What a rebuild gives equals what live
// projection gave wherever the log still has it; where it has not, the check of the tables names the key.
func TestDirectoryIsRebuiltAfterCompaction(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p := projectors.Directory{}
	bad := func(id int64, name string) eventlog.Record { return withValue(b.encode(category(id, name)), `{`) }
	b.append(category(1, "good"), category(2, "good"), category(3, "good"), category(4, "old"))
	b.put(bad(1, "parked, and the last of its key"))
	b.put(bad(2, "parked, and mended by the next"))
	b.put(bad(3, "parked"))
	b.put(bad(3, "parked again"))
	e := b.engine(p)
	b.start(e)
	b.caughtUp(e)
	b.append(category(2, "mended"), category(4, "new"), categoryErased(5))
	b.caughtUp(e)
	const parked = "select count(*) from parked where projection = 'directory' and generation = "
	require.Equal(t, 2, b.count(parked+"1"), "each key's last record, where that cannot be folded")
	require.Equal(t, 4, b.count("select count(*) from tDefaultCategories"))

	b.ends(b.requestOf(p).ID, operator.RebuildDone)
	require.True(t, b.check(p).Equal)

	// The last batch of a partition is never removed: one more in each, of keys of their own.
	for partition := range partitions[domain.TopicDirectory] {
		for id := int64(100); ; id++ {
			if d := category(id, "last"); b.partitionOf(d.Topic, d.Key) == partition {
				b.append(d)
				break
			}
		}
	}
	b.caughtUp(e)
	b.cluster.Compact()
	r := b.check(p)
	require.False(t, r.Equal)
	require.True(t, r.Parked.Equal, "%+v", r.Parked)
	differing := r.Tables[len(r.Tables)-1]
	require.Equal(t, "tDefaultCategories", differing.Name)
	require.Contains(t, differing.Note, "compaction has removed the record that made category:")

	// Their next records mend them, everywhere.
	b.append(category(1, "again"), category(3, "again"))
	b.caughtUp(e)
	b.ends(b.requestOf(p).ID, operator.RebuildDone)
	require.True(t, b.check(p).Equal)
	require.Zero(t, b.count("select count(*) from parked join generations g using (projection, generation) where g.state = 'live'"))
}
