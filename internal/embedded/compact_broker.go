package embedded

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ledgerboard/ledgerboard/internal/durable"
)

// Below a broker's data directory: the log; the copy that is compacted; the log that a compacted one has replaced.
const (
	logDirName    = "log"
	copyDirName   = "log.compacting"
	beforeDirName = "log.before"
)

// readWithin bounds the wait for the next records while a copy is read.
const readWithin = time.Minute

// Compacted says what a compaction did to a topic.
type Compacted struct {
	Topic         string `json:"topic"`
	RecordsBefore int64  `json:"records_before"`
	RecordsAfter  int64  `json:"records_after"`
	BytesBefore   int64  `json:"bytes_before"` // of its files
	BytesAfter    int64  `json:"bytes_after"`
}

// CompactBroker rewrites the log of a broker that does not run: of each key of a compacted topic the last record stays, and tombstones go
// that are older than delete.retention.ms. The last batch of a partition is left alone, and what it covers with it. The copy is compacted,
// closed, opened again, compared and put in the place of the log; until then the log is not touched, and a crash at any moment leaves one
// of the two whole (the package's documentation). Errors say which of the two is in place: [ErrLocked] while a broker runs there; a copy
// that was not saved, or would lose the last state of a key. A report that comes with an error is of a compacted log that is in place.
func (d Directory) CompactBroker(ctx context.Context) ([]Compacted, error) {
	dir := filepath.Join(d.Path, brokerDir)
	lock, err := lockDir(dir)
	if err != nil {
		return nil, err
	}
	report, err := compactLog(ctx, dir, cmp.Or(d.Logger, slog.Default()))
	return report, errors.Join(err, lock.release())
}

func compactLog(ctx context.Context, dir string, logger *slog.Logger) ([]Compacted, error) {
	if err := settleLog(dir); err != nil {
		return nil, fmt.Errorf("compact the log in %s (nothing was compacted; the next start settles it): %w", dir, err)
	}
	report, err := makeCopy(ctx, dir, logger)
	if err != nil {
		err = errors.Join(err, os.RemoveAll(filepath.Join(dir, copyDirName)))
		return nil, fmt.Errorf("compact the log in %s (it is as it was): %w", dir, err)
	}
	replaced, err := replaceLog(dir)
	switch {
	case err == nil:
		return report, nil
	case replaced:
		return report, fmt.Errorf("the log in %s is compacted and in its place; the next start removes what it replaced: %w", dir, err)
	default:
		return nil, fmt.Errorf("compact the log in %s (the log that was counts; the next start settles it): %w", dir, err)
	}
}

// makeCopy makes the compacted copy of the log, and measures both.
func makeCopy(ctx context.Context, dir string, logger *slog.Logger) ([]Compacted, error) {
	logDir, copied := filepath.Join(dir, logDirName), filepath.Join(dir, copyDirName)
	if err := os.CopyFS(copied, os.DirFS(logDir)); err != nil {
		return nil, fmt.Errorf("copy the log: %w", err)
	}
	report, err := compactCopy(ctx, copied, logger)
	if err != nil {
		return nil, err
	}
	for i := range report {
		topic := &report[i]
		topic.BytesBefore, err = topicBytes(logDir, topic.Topic)
		if err == nil {
			topic.BytesAfter, err = topicBytes(copied, topic.Topic)
		}
		if err != nil {
			return nil, err
		}
	}
	return report, nil
}

// settleLog ends what a killed compaction left: a log that is there counts, else the one that was to be replaced.
func settleLog(dir string) error {
	logDir, before := filepath.Join(dir, logDirName), filepath.Join(dir, beforeDirName)
	if _, err := os.Stat(logDir); errors.Is(err, fs.ErrNotExist) {
		if err := os.Rename(before, logDir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("put the log back that a compaction was to replace: %w", err)
		}
	}
	if err := errors.Join(os.RemoveAll(filepath.Join(dir, copyDirName)), os.RemoveAll(before)); err != nil {
		return fmt.Errorf("remove what a compaction left: %w", err)
	}
	return durable.SyncDir(dir)
}

// replaceLog puts the copy in the place of the log, and says whether it is there. Every file of the copy is on disk before its name is.
func replaceLog(dir string) (replaced bool, err error) {
	logDir, copied, before := filepath.Join(dir, logDirName), filepath.Join(dir, copyDirName), filepath.Join(dir, beforeDirName)
	err = filepath.WalkDir(copied, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return durable.SyncDir(path)
	})
	if err != nil {
		return false, fmt.Errorf("sync the compacted log: %w", err)
	}
	if err := os.Rename(logDir, before); err != nil {
		return false, fmt.Errorf("set the log aside: %w", err)
	}
	if err := durable.SyncDir(dir); err != nil {
		return false, errors.Join(fmt.Errorf("set the log aside: %w", err), os.Rename(before, logDir))
	}
	if err := os.Rename(copied, logDir); err != nil {
		return false, errors.Join(fmt.Errorf("put the compacted log in its place: %w", err), os.Rename(before, logDir))
	}
	if err := durable.SyncDir(dir); err != nil { // the log that was stays: until the name is on disk, a power cut may bring it back
		return true, fmt.Errorf("sync the name of the compacted log: %w", err)
	}
	if err := os.RemoveAll(before); err != nil {
		return true, fmt.Errorf("remove the log that was replaced: %w", err)
	}
	return true, nil
}

// topicBytes is the size of the files of a topic's partitions.
func topicBytes(logDir, topic string) (total int64, err error) {
	paths, err := filepath.Glob(filepath.Join(logDir, "partitions", topic+"-[0-9]*", "*"))
	if err != nil {
		return 0, fmt.Errorf("look for the files of topic %s: %w", topic, err)
	}
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return 0, fmt.Errorf("measure topic %s: %w", topic, err)
		}
		total += info.Size()
	}
	return total, nil
}

// compactCopy lets a broker compact a copy, and compares what is said before with what another broker reads of the closed copy:
// the ends of all partitions, and what each key of a compacted topic says.
func compactCopy(ctx context.Context, copied string, logger *slog.Logger) (report []Compacted, err error) {
	var topics []string
	var before, after map[string]*states
	var endsBefore, endsAfter map[string]map[int32]int64
	err = withCopy(copied, logger, func(cluster *kfake.Cluster, admin *kadm.Client) (err error) {
		if topics, err = compactedTopics(ctx, admin); err != nil {
			return err
		}
		if endsBefore, err = endsOf(ctx, admin); err != nil {
			return err
		}
		if before, err = readStates(ctx, cluster.ListenAddrs(), topics, readWithin); err != nil {
			return err
		}
		cluster.Compact()
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("compact the copy: %w", err)
	}
	err = withCopy(copied, logger, func(cluster *kfake.Cluster, admin *kadm.Client) (err error) {
		if endsAfter, err = endsOf(ctx, admin); err != nil {
			return err
		}
		after, err = readStates(ctx, cluster.ListenAddrs(), topics, readWithin)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("look at the compacted copy: %w", err)
	}
	if !maps.EqualFunc(endsBefore, endsAfter, maps.Equal[map[int32]int64, map[int32]int64]) {
		return nil, fmt.Errorf("the copy ends elsewhere: before %v, after %v", endsBefore, endsAfter)
	}
	for _, topic := range topics {
		b, a := before[topic], after[topic]
		if !maps.Equal(b.last, a.last) {
			return nil, fmt.Errorf("the copy of topic %s lacks the last state of a key", topic)
		}
		report = append(report, Compacted{Topic: topic, RecordsBefore: b.records, RecordsAfter: a.records})
	}
	return report, nil
}

// withCopy runs a broker on a copy while do uses it. That the broker could not save the copy is an error too: kfake tells its logger alone.
func withCopy(copied string, logger *slog.Logger, do func(*kfake.Cluster, *kadm.Client) error) error {
	log := &brokerLog{logger: logger}
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.ClusterID(rand.Text()), kfake.DataDir(copied), kfake.SyncWrites(),
		kfake.BrokerConfigs(brokerSettings()), kfake.WithLogger(log))
	if err != nil {
		return fmt.Errorf("open the copy: %w", err)
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...))
	if err == nil {
		err = do(cluster, kadm.NewClient(client))
		client.Close()
	}
	cluster.Close()
	return errors.Join(err, log.saveError())
}

// endsOf are the ends of the partitions of topics, or of every topic.
func endsOf(ctx context.Context, admin *kadm.Client, topics ...string) (map[string]map[int32]int64, error) {
	listed, err := admin.ListEndOffsets(ctx, topics...)
	if err == nil {
		err = listed.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("list the ends of partitions: %w", err)
	}
	ends := map[string]map[int32]int64{}
	listed.Each(func(o kadm.ListedOffset) {
		if ends[o.Topic] == nil {
			ends[o.Topic] = map[int32]int64{}
		}
		ends[o.Topic][o.Partition] = o.Offset
	})
	return ends, nil
}

func compactedTopics(ctx context.Context, admin *kadm.Client) (names []string, err error) {
	listed, err := admin.ListTopics(ctx)
	if err != nil {
		return nil, fmt.Errorf("list topics: %w", err)
	}
	configs, err := admin.DescribeTopicConfigs(ctx, listed.Names()...)
	if err != nil {
		return nil, fmt.Errorf("read the settings of topics: %w", err)
	}
	for _, topic := range configs {
		for _, c := range topic.Configs {
			if c.Key == "cleanup.policy" && c.MaybeValue() == "compact" {
				names = append(names, topic.Name)
			}
		}
	}
	slices.Sort(names)
	return names, nil
}

// states are what a topic says: the digest of the last value of each key that is not erased.
type states struct {
	records int64
	last    map[string][sha256.Size]byte
}

// readStates reads topics to their ends. An end may never come: when within passes without a record, that is an error.
func readStates(ctx context.Context, brokers, topics []string, within time.Duration) (map[string]*states, error) {
	read := map[string]*states{}
	for _, topic := range topics {
		read[topic] = &states{last: map[string][sha256.Size]byte{}}
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...))
	if err != nil {
		return nil, fmt.Errorf("read the copy: %w", err)
	}
	defer client.Close()
	ends, err := endsOf(ctx, kadm.NewClient(client), topics...)
	if err != nil {
		return nil, fmt.Errorf("read the copy: %w", err)
	}
	from, open := map[string]map[int32]kgo.Offset{}, 0
	for topic, partitions := range ends {
		from[topic] = map[int32]kgo.Offset{}
		for partition, end := range partitions {
			if end > 0 {
				from[topic][partition] = kgo.NewOffset().AtStart()
				open++
			}
		}
	}
	client.AddConsumePartitions(from)
	for open > 0 {
		bounded, cancel := context.WithTimeout(ctx, within)
		fetched := client.PollFetches(bounded)
		cancel()
		if err := fetched.Err(); err != nil {
			return nil, fmt.Errorf("read the copy (%d partitions are not read to their ends, %v without a record is too long): %w", open, within, err)
		}
		fetched.EachRecord(func(r *kgo.Record) {
			of := read[r.Topic]
			of.records++
			if len(r.Value) == 0 {
				delete(of.last, string(r.Key))
			} else {
				of.last[string(r.Key)] = sha256.Sum256(r.Value)
			}
			if r.Offset == ends[r.Topic][r.Partition]-1 {
				open--
			}
		})
	}
	return read, nil
}
