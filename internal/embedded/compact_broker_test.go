package embedded_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ledgerboard/ledgerboard/internal/embedded"
)

// put appends records of "key=value" to topic contents, each as a batch of its own; no value erases.
func put(t *testing.T, cl *kgo.Client, records ...[2]string) {
	t.Helper()
	for _, r := range records {
		record := &kgo.Record{Topic: "contents", Key: []byte(r[0])} // all in one partition
		if r[1] != "" {
			record.Value = []byte(r[1])
		}
		require.NoError(t, cl.ProduceSync(testContext(t), record).FirstErr())
	}
}

// withLog makes a data directory whose stopped broker has content that was changed, erased, and told once.
func withLog(t *testing.T) (d embedded.Directory, logDir string) {
	t.Helper()
	d = embedded.Directory{Path: t.TempDir(), Logger: quiet()}
	dir := filepath.Join(d.Path, "broker")
	b := startBroker(t, dir)
	cl := kafkaClient(t, b, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	require.NoError(t, createTopic(testContext(t), cl, b, "contents", map[string]string{"cleanup.policy": "compact", "delete.retention.ms": "2592000000"}))
	require.NoError(t, createTopic(testContext(t), cl, b, "metrics", nil))
	produce(t, cl, "metrics", "kept")
	produce(t, cl, "metrics", "keeps")
	put(t, cl, [2]string{"a", "changed since"}, [2]string{"a", "as it is"}, [2]string{"b", "erased since"}, [2]string{"c", "told once"}, [2]string{"b", ""},
		[2]string{"beat", "{}"})
	require.NoError(t, b.Close())
	return d, filepath.Join(dir, "log")
}

// contentsOf are the values of topic contents, which has holes, in their order.
func contentsOf(t *testing.T, b *embedded.Broker) (values []string) {
	t.Helper()
	ctx := testContext(t)
	cl := kafkaClient(t, b, kgo.ConsumeTopics("contents"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	ends, err := kadm.NewClient(cl).ListEndOffsets(ctx, "contents")
	require.NoError(t, err)
	end, ok := ends.Lookup("contents", 0)
	require.True(t, ok)
	for read := int64(0); read < end.Offset; {
		fetches := cl.PollFetches(ctx)
		require.NoError(t, fetches.Err())
		fetches.EachRecord(func(r *kgo.Record) { values, read = append(values, string(r.Value)), r.Offset+1 })
	}
	return values
}

// holds tells whether a text is in any file below a directory.
func holds(t *testing.T, dir, text string) bool {
	t.Helper()
	found := false
	require.NoError(t, filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		raw, err := os.ReadFile(path)
		found = found || bytes.Contains(raw, []byte(text))
		return err
	}))
	return found
}

func TestCompactionTakesWhatWasErased(t *testing.T) {
	t.Parallel()
	d, logDir := withLog(t)
	require.True(t, holds(t, logDir, "erased since"))
	report, err := d.CompactBroker(testContext(t))
	require.NoError(t, err)
	require.Len(t, report, 1, "metrics is not compacted")
	require.Equal(t, "contents", report[0].Topic)
	require.Equal(t, int64(6), report[0].RecordsBefore)
	require.Equal(t, int64(4), report[0].RecordsAfter, "the tombstone stays for 30 days")
	require.Less(t, report[0].BytesAfter, report[0].BytesBefore)
	for text, stays := range map[string]bool{"erased since": false, "changed since": false, "as it is": true, "told once": true, "keeps": true} {
		require.Equal(t, stays, holds(t, d.Path, text), text)
	}
	b := startBroker(t, filepath.Dir(logDir))
	require.Equal(t, []string{"as it is", "told once", "", "{}"}, contentsOf(t, b))
	require.Equal(t, []string{"kept", "keeps"}, consumeAll(t, b, "metrics"))
	put(t, kafkaClient(t, b, kgo.RecordPartitioner(kgo.ManualPartitioner())), [2]string{"d", "new"})
	require.Equal(t, []string{"as it is", "told once", "", "{}", "new"}, contentsOf(t, b), "it goes on where it was")
	_, err = d.CompactBroker(testContext(t))
	require.ErrorIs(t, err, embedded.ErrLocked, "while it runs")
	require.NoError(t, b.Close())
}

// A compaction dies before, between and after its renames: what is left is made as each death leaves it, and the next start, or the next
// compaction, finds one whole log.
func TestCompactionMayDieAnywhere(t *testing.T) {
	t.Parallel()
	whole := []string{"changed since", "as it is", "erased since", "told once", "", "{}"}
	compacted := []string{"as it is", "told once", "", "{}"}
	for name, tt := range map[string]struct {
		dies func(t *testing.T, logDir, replaced string)
		want []string
	}{
		"while it copies": {func(t *testing.T, logDir, _ string) {
			require.NoError(t, os.MkdirAll(filepath.Join(logDir+".compacting", "partitions"), 0o700))
		}, whole},
		"before the renames": {func(t *testing.T, logDir, replaced string) {
			require.NoError(t, os.Rename(logDir, logDir+".compacting"))
			require.NoError(t, os.Rename(replaced, logDir))
		}, whole},
		"between the renames": {func(t *testing.T, logDir, replaced string) {
			require.NoError(t, os.Rename(logDir, logDir+".compacting"))
			require.NoError(t, os.Rename(replaced, logDir+".before"))
		}, whole},
		"after the renames": {func(t *testing.T, logDir, replaced string) {
			require.NoError(t, os.Rename(replaced, logDir+".before"))
		}, compacted},
	} {
		for again, next := range map[string]func(*testing.T, embedded.Directory){
			"a start": func(*testing.T, embedded.Directory) {},
			"a compaction": func(t *testing.T, d embedded.Directory) {
				_, err := d.CompactBroker(testContext(t))
				require.NoError(t, err)
			},
		} {
			t.Run(name+", then "+again, func(t *testing.T) {
				t.Parallel()
				d, logDir := withLog(t)
				replaced := filepath.Join(d.Path, "replaced")
				require.NoError(t, os.CopyFS(replaced, os.DirFS(logDir)))
				if name != "while it copies" {
					_, err := d.CompactBroker(testContext(t))
					require.NoError(t, err)
				}
				tt.dies(t, logDir, replaced)
				next(t, d)
				want := tt.want
				if again == "a compaction" {
					want = compacted
				}
				b := startBroker(t, filepath.Dir(logDir))
				require.Equal(t, want, contentsOf(t, b))
				require.Equal(t, []string{"kept", "keeps"}, consumeAll(t, b, "metrics"))
				require.NoDirExists(t, logDir+".compacting")
				require.NoDirExists(t, logDir+".before")
				require.NoError(t, b.Close())
			})
		}
	}
}

func TestCompactionIsCancelled(t *testing.T) {
	t.Parallel()
	d, logDir := withLog(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := d.CompactBroker(ctx)
	require.ErrorContains(t, err, "it is as it was")
	require.True(t, holds(t, logDir, "erased since"))
	require.NoDirExists(t, logDir+".compacting")
}

// kfake tells a save that failed in Close to its logger alone: a copy that is not whole on disk must not replace the log.
func TestCompactionOfAnUnsavedCopyIsRefused(t *testing.T) {
	t.Parallel()
	d, logDir := withLog(t)
	require.NoError(t, os.Mkdir(filepath.Join(logDir, "groups.log.tmp"), 0o700)) // where kfake writes the file first
	_, err := d.CompactBroker(testContext(t))
	require.ErrorContains(t, err, "it is as it was")
	require.ErrorContains(t, err, "persist to disk")
	require.True(t, holds(t, logDir, "erased since"))
	require.NoDirExists(t, logDir+".compacting")

	require.NoError(t, os.Remove(filepath.Join(logDir, "groups.log.tmp")))
	_, err = d.CompactBroker(testContext(t))
	require.NoError(t, err)
	require.False(t, holds(t, logDir, "erased since"))
}

// The marker of a transaction takes the last offset and is no record: who reads to the end waits for it no longer than it is told to.
func TestReadingToAnEndThatNeverComesEnds(t *testing.T) {
	t.Parallel()
	b := startBroker(t, t.TempDir())
	cl := kafkaClient(t, b, kgo.TransactionalID("marks"), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	ctx := testContext(t)
	require.NoError(t, createTopic(ctx, cl, b, "contents", map[string]string{"cleanup.policy": "compact"}))
	require.NoError(t, cl.BeginTransaction())
	put(t, cl, [2]string{"a", "as it is"})
	require.NoError(t, cl.EndTransaction(ctx, kgo.TryCommit))
	err := embedded.ReadCopy(ctx, b.Addrs(), 200*time.Millisecond, "contents")
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorContains(t, err, "1 partitions are not read to their ends")
	require.NoError(t, ctx.Err())
	require.NoError(t, b.Close())
}
