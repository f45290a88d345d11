package backup_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/backup"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

var errCut = errors.New("cut")

// A restored log contains everything: invalid records, tombstones, and the gaps of a compaction.
func TestRestoredLogEqualsOriginal(t *testing.T) {
	t.Parallel()
	dir, from, to := filepath.Join(t.TempDir(), "backup"), newBench(t).begin(), newBench(t)
	from.readings(0, 40)
	from.orders(5, 4)
	from.stray(domain.TopicMetrics, 1)
	from.Compact()
	from.readings(40, 60)
	first := from.backUp(dir)
	from.readings(60, 100)
	from.orders(5, 1)
	second := from.backUp(dir)
	require.Less(t, second.Records, first.Records+45, "only new records are read")
	checked, err := backup.Check(t.Context(), dir, nil)
	require.NoError(t, err)
	require.Positive(t, checked.Records)
	require.NoError(t, to.restore(dir))
	require.Equal(t, from.holds(), to.begin().holds())
	require.Equal(t, 101, to.scanned(domain.TopicMetrics), "the invalid one too")
	there := to.scanned(domain.TopicDirectory)
	require.Positive(t, there)
	require.Less(t, there, 25, "the cleaner left gaps")
}

// An interrupted run leaves the last backup valid, and the next run continues.
func TestInterruptedBackupContinues(t *testing.T) {
	t.Parallel()
	b := newBench(t).begin()
	b.readings(0, 20)
	b.orders(3, 2)
	before := filepath.Join(t.TempDir(), "before")
	first := b.config(before).WithSegments(2000)
	first.Log = &cutting{Log: b.log, left: 10}
	_, err := backup.Run(t.Context(), first)
	require.ErrorIs(t, err, errCut)
	_, err = backup.Check(t.Context(), before, nil)
	require.ErrorIs(t, err, backup.ErrNoBackup)
	b.backUp(before)
	was := b.holds()
	b.readings(20, 40)
	b.orders(3, 2)
	for cut := range 40 {
		dir := filepath.Join(t.TempDir(), "backup")
		require.NoError(t, os.CopyFS(dir, os.DirFS(before)))
		cfg := b.config(dir).WithSegments(2000)
		cfg.Log = &cutting{Log: b.log, left: cut}
		_, err := backup.Run(t.Context(), cfg)
		if err == nil {
			require.Greater(t, cut, 20, "the interruption came too late")
			break
		}
		require.ErrorIs(t, err, errCut)
		_, err = backup.Check(t.Context(), dir, nil)
		require.NoError(t, err, cut)
		holds := func(want map[string][]string) {
			if cut%13 == 5 {
				to := newBench(t)
				require.NoError(t, to.restore(dir))
				require.Equal(t, want, to.begin().holds())
			}
		}
		holds(was)
		b.backUp(dir)
		holds(b.holds())
	}
}

// Every file of a backup is checked: a changed byte, a truncated end or a missing file is reported,
// and nothing is restored.
func TestDamagedBackupFileIsDetected(t *testing.T) {
	t.Parallel()
	_, dir := backedUp(t, 40, 2)
	segments := segmentsIn(t, dir)
	require.Greater(t, len(segments), 8)
	for _, name := range segments {
		whole, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		for what, damage := range map[string]func() error{
			"a byte":  func() error { return os.WriteFile(filepath.Join(dir, name), flipped(whole), 0o600) },
			"the end": func() error { return os.WriteFile(filepath.Join(dir, name), whole[:len(whole)-1], 0o600) },
			"all":     func() error { return os.Remove(filepath.Join(dir, name)) },
		} {
			require.NoError(t, damage())
			checked, err := backup.Check(t.Context(), dir, nil)
			require.ErrorIs(t, err, backup.ErrDamaged, "%s of %s", what, name)
			require.ErrorContains(t, err, filepath.ToSlash(name))
			require.Len(t, checked.Faults, 1)
			require.NoError(t, os.WriteFile(filepath.Join(dir, name), whole, 0o600))
		}
	}
	last := segments[len(segments)-1]
	require.True(t, strings.HasPrefix(last, "metrics"), last)
	whole, err := os.ReadFile(filepath.Join(dir, last))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, last), flipped(whole), 0o600))
	err = newBench(t).restore(dir)
	require.ErrorIs(t, err, backup.ErrDamaged)
	require.ErrorContains(t, err, last)

	manifest := filepath.Join(dir, "manifest.json")
	whole, err = os.ReadFile(manifest)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(manifest, []byte(strings.Replace(string(whole), `"end": `, `"end": 1`, 1)), 0o600))
	_, err = backup.Check(t.Context(), dir, nil)
	require.ErrorIs(t, err, backup.ErrDamaged)
}

// A missing record is found although every checksum is correct. Compacted topics may have such
// gaps.
func TestMissingBackupRecordIsDetected(t *testing.T) {
	t.Parallel()
	for name, gap := range map[string]struct {
		topic string
		of    func(backup.Segment) int64
		says  string
	}{
		"in the middle": {domain.TopicMetrics, func(s backup.Segment) int64 { return s.First + 1 }, "has offset %d after %d"},
		"at the end":    {domain.TopicMetrics, func(s backup.Segment) int64 { return s.Next - 1 }, "ends before offset"},
		"compacted":     {domain.TopicDirectory, func(s backup.Segment) int64 { return s.First + 1 }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, dir := backedUp(t, 40, 20)
			m, err := backup.Load(dir)
			require.NoError(t, err)
			partitions := m.Topic(gap.topic).Partitions
			partition := slices.IndexFunc(partitions, func(p backup.Partition) bool { return len(p.Segments) > 0 && p.Segments[0].Records > 2 })
			require.GreaterOrEqual(t, partition, 0, "a segment of several records")
			missing := gap.of(partitions[partition].Segments[0])
			require.NoError(t, backup.LeaveOut(dir, gap.topic, int32(partition), missing))
			checked, err := backup.Check(t.Context(), dir, nil)
			if gap.says == "" {
				require.NoError(t, err)
				return
			}
			if strings.Contains(gap.says, "%d") {
				gap.says = fmt.Sprintf(gap.says, missing+1, missing-1)
			}
			require.ErrorIs(t, err, backup.ErrDamaged)
			require.ErrorContains(t, err, gap.says)
			require.Len(t, checked.Faults, 1)
		})
	}
}

// The manifest states when the run read the ends of the log. The end of operations is read first:
// otherwise a checkpoint signed in between would cover changes that are not in the backup.
func TestManifestStatesWhenLogEndsWereRead(t *testing.T) {
	t.Parallel()
	b, dir := newBench(t).begin(), filepath.Join(t.TempDir(), "backup")
	for range 2 {
		at, asked := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC), &asking{Log: b.log}
		cfg := b.config(dir)
		cfg.Log = asked
		cfg.Now = func() time.Time { at = at.Add(time.Hour); return at }
		_, err := backup.Run(t.Context(), cfg)
		require.NoError(t, err)
		m, err := backup.Load(dir)
		require.NoError(t, err)
		require.Equal(t, time.Date(2026, 7, 1, 13, 0, 0, 0, time.UTC), m.Cut, "the first reading of the clock")
		require.True(t, m.Finished.After(m.Cut))
		require.Len(t, asked.topics, len(b.Config.Topics))
		require.Equal(t, domain.TopicOperations, asked.topics[0])
	}
}

// A log that does not continue the backup is refused, and the backup is not changed.
func TestBackupOfAnotherLogIsRefused(t *testing.T) {
	t.Parallel()
	b, dir := backedUp(t, 10, 0)
	was := segmentsIn(t, dir)

	other := newBench(t).begin()
	_, err := backup.Run(t.Context(), other.config(dir))
	require.ErrorContains(t, err, "the topic was created again after the backup")
	restored := newBench(t)
	require.NoError(t, restored.restore(dir))
	_, err = backup.Run(t.Context(), restored.begin().config(dir))
	require.ErrorContains(t, err, "the topic was created again after the backup")
	require.Equal(t, was, segmentsIn(t, dir))

	full := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(full, "photo.jpg"), nil, 0o600))
	_, err = backup.Run(t.Context(), b.config(full))
	require.ErrorContains(t, err, "is not empty and contains no backup")
}

// A log that has lost its first records continues a backup that contains them: a restore has all. In
// a new directory, the rest would look like a whole log, and so would a backup that ends before the
// log begins.
func TestBackupOfALogWithoutItsBeginning(t *testing.T) {
	t.Parallel()
	b, dir := backedUp(t, 10, 0)
	short := filepath.Join(t.TempDir(), "short")
	require.NoError(t, os.CopyFS(short, os.DirFS(dir)))
	refused := func(to, says string) {
		t.Helper()
		was := segmentsIn(t, to)
		_, err := backup.Run(t.Context(), b.config(to))
		require.ErrorIs(t, err, eventlog.ErrBelowStart)
		require.ErrorContains(t, err, says)
		require.ErrorContains(t, err, "Keep the earlier backups")
		require.Equal(t, was, segmentsIn(t, to))
	}
	b.loseBefore(1)
	fresh := filepath.Join(t.TempDir(), "new")
	require.NoError(t, os.Mkdir(fresh, 0o700))
	refused(fresh, "begins at offset 1, the backup in "+fresh+" ends at 0")

	b.readings(10, 30)
	b.backUp(dir)
	m, err := backup.Load(dir)
	require.NoError(t, err)
	b.loseBefore(m.End(domain.TopicMetrics, 0), m.End(domain.TopicMetrics, 1)) // all that is in the backup
	b.readings(30, 50)
	b.backUp(dir)
	_, err = backup.Check(t.Context(), dir, nil)
	require.NoError(t, err)
	to := newBench(t)
	require.NoError(t, to.restore(dir))
	require.Equal(t, 50, to.begin().scanned(domain.TopicMetrics))
	refused(short, "the backup in "+short+" ends at ")
}

// Compacted topics are copied in full: the next run removes erased content from the backup.
func TestNextBackupRemovesErasedData(t *testing.T) {
	t.Parallel()
	b, dir := backedUp(t, 0, 3)
	require.Contains(t, contentOf(t, dir), `"product_type":"3"`)
	b.Compact()
	b.orders(3, 1)
	b.backUp(dir)
	require.NotContains(t, contentOf(t, dir), `"product_type":"3"`)
}

// A restore changes nothing if the topics contain even one record, or a restored backup.
func TestRestoreRefusesNonEmptyTopics(t *testing.T) {
	t.Parallel()
	b, dir := backedUp(t, 30, 2)

	begun := newBench(t).begin()
	begun.readings(5, 6)
	before := begun.holds()
	require.ErrorIs(t, begun.restore(dir), backup.ErrNotEmpty)
	require.Equal(t, before, begun.holds())

	restored := newBench(t).begin()
	require.NoError(t, restored.restore(dir), "into empty topics")
	require.Equal(t, b.holds(), restored.holds())
	require.ErrorIs(t, restored.restore(dir), backup.ErrNotEmpty)
}

// A target whose topics would refuse old records is refused before anything is written.
func TestRestoreRefusesTopicsThatRejectOldRecords(t *testing.T) {
	t.Parallel()
	_, dir := backedUp(t, 30, 2)
	to := newBench(t).begin()
	limit := []kadm.AlterConfig{{Name: "message.timestamp.before.max.ms", Value: new("86400000")}}
	altered, err := to.Admin.AlterTopicConfigs(t.Context(), limit, domain.TopicMetrics)
	require.NoError(t, err)
	require.NoError(t, altered[0].Err)
	before := to.holds()
	err = to.restore(dir)
	require.ErrorIs(t, err, eventlog.ErrUnsafeTopic)
	require.ErrorContains(t, err, "--add-config message.timestamp.before.max.ms=9223372036854775807")
	require.Equal(t, before, to.holds())
}

// A restore notices another process that writes between its records or after them.
func TestRestoreDetectsConcurrentWriter(t *testing.T) {
	t.Parallel()
	_, dir := backedUp(t, 10, 0)
	for when, says := range map[string]string{
		"before": "the record for offset 0 got offset 1: another producer writes to the topic", "after": "another producer writes to the topic",
	} {
		to := newBench(t)
		files, err := backup.Open(dir)
		require.NoError(t, err)
		target, err := eventlog.OpenTarget(t.Context(), to.Config)
		require.NoError(t, err)
		require.NoError(t, target.Create(t.Context()))
		if when == "before" {
			to.stray(domain.TopicMetrics, 0)
		}
		err = files.Restore(t.Context(), target, func(done, total int64) {
			if when == "after" && done == total {
				to.stray(domain.TopicMetrics, 0)
			}
		})
		require.ErrorContains(t, err, says)
		target.Close()
		files.Close()
	}
}

// A backup does not change while it is checked or restored: no run can start.
func TestBackupIsLocked(t *testing.T) {
	t.Parallel()
	b, dir := backedUp(t, 0, 0)
	files, err := backup.Open(dir)
	require.NoError(t, err)
	_, err = backup.Run(t.Context(), b.config(dir))
	require.ErrorIs(t, err, backup.ErrInUse)
	_, err = backup.Check(t.Context(), dir, nil)
	require.ErrorIs(t, err, backup.ErrInUse)
	files.Close()
	b.backUp(dir)
}

// A restore leaves out transaction markers, and nothing else that has a key and fits. The backup
// keeps all, and says how many invalid records a restore leaves out.
func TestRestoreOmitsTransactionMarkersAndInvalidRecords(t *testing.T) {
	t.Parallel()
	b, dir := newBench(t).begin(), filepath.Join(t.TempDir(), "backup")
	produce := func(client *kgo.Client, topic string, key, value []byte) {
		require.NoError(t, client.ProduceSync(t.Context(), &kgo.Record{Topic: topic, Key: key, Value: value}).FirstErr())
	}
	open := func(options ...kgo.Opt) *kgo.Client {
		client, err := kgo.NewClient(append(options, kgo.SeedBrokers(b.Config.Brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner()))...)
		require.NoError(t, err)
		t.Cleanup(client.Close)
		return client
	}
	large := open(kgo.ProducerBatchMaxBytes(8<<20), kgo.ProducerBatchCompression(kgo.GzipCompression()))
	for _, topic := range []string{domain.TopicMetrics, domain.TopicDirectory} {
		produce(large, topic, []byte("4"), make([]byte, 3<<20))
	}
	produce(large, domain.TopicMetrics, nil, []byte("no key"))
	b.readings(0, 4)
	b.orders(2, 1)
	transactional := open(kgo.TransactionalID("somebody"))
	require.NoError(t, transactional.BeginTransaction())
	produce(transactional, domain.TopicMetrics, []byte("4"), []byte("x"))
	require.NoError(t, transactional.EndTransaction(t.Context(), kgo.TryCommit))
	b.readings(4, 8)
	require.EqualValues(t, 11+3, b.backUp(dir).Records, "without the marker")
	checked, err := backup.Check(t.Context(), dir, nil)
	require.NoError(t, err)
	require.Equal(t, []int64{14, 3}, []int64{checked.Records, checked.LeftOut})

	to := newBench(t)
	require.NoError(t, to.restore(dir))
	require.Equal(t, 9, to.begin().scanned(domain.TopicMetrics), "the readings and the record of the transaction")
	require.Equal(t, 2, to.scanned(domain.TopicDirectory))
	was, is := b.holds(), to.holds()
	for at := range was { // the same records in the same order, at offsets without gaps
		was[at] = slices.DeleteFunc(was[at], func(line string) bool {
			return strings.HasPrefix(line, "ends at") || strings.Contains(line, `"no key"`) || strings.Contains(line, ` "" "" `) || len(line) > 3<<20
		})
		is[at] = slices.DeleteFunc(is[at], func(line string) bool { return strings.HasPrefix(line, "ends at") })
		require.Len(t, is[at], len(was[at]), at)
		for i := range was[at] {
			_, before, _ := strings.Cut(was[at][i], " ")
			offset, after, _ := strings.Cut(is[at][i], " ")
			require.Equal(t, before, after)
			require.True(t, offset == "0" || offset == strconv.Itoa(i), "%s of %s", offset, at)
		}
	}
}

// The manifest of another format may have another structure and checksum: the error names the
// format.
func TestBackupOfOtherFormatIsNotReportedAsDamaged(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "manifest.json"), []byte(`{"format": "ledgerboard.backup.v2", "topics": {}}`), 0o600))
	_, err := backup.Load(dir)
	require.ErrorContains(t, err, `has the format "ledgerboard.backup.v2"`)
	require.NotErrorIs(t, err, backup.ErrDamaged)
}

func flipped(whole []byte) []byte {
	damaged := append([]byte{}, whole...)
	damaged[len(damaged)/2] ^= 1
	return damaged
}

func segmentsIn(t *testing.T, dir string) (names []string) {
	t.Helper()
	require.NoError(t, fs.WalkDir(os.DirFS(dir), ".", func(path string, e fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".seg") {
			names = append(names, path)
		}
		return err
	}))
	return names
}

func contentOf(t *testing.T, dir string) string {
	t.Helper()
	var all strings.Builder
	for _, name := range segmentsIn(t, dir) {
		raw, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		all.Write(raw)
	}
	return all.String()
}
