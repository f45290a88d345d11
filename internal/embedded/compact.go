package embedded

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Below a broker's data directory: the log; the copy that is compacted; the log that a compacted one has replaced.
const (
	logDirName    = "log"
	copyDirName   = "log.compacting"
	beforeDirName = "log.before"
)

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
// compared and put in the place of the log; until then the log is not touched, and a crash at any moment leaves one of the two whole
// (the package's documentation). Errors: [ErrLocked] while a broker runs there; a copy that would lose the last state of a key.
func (d Directory) CompactBroker(ctx context.Context) ([]Compacted, error) {
	dir := filepath.Join(d.Path, brokerDir)
	lock, err := lockDir(dir)
	if err != nil {
		return nil, err
	}
	report, err := compactLog(ctx, dir, &brokerLog{logger: d.Logger})
	if err != nil {
		err = fmt.Errorf("compact the log in %s (it is as it was): %w", dir, err)
	}
	return report, errors.Join(err, lock.release())
}

func compactLog(ctx context.Context, dir string, logger kfake.Logger) ([]Compacted, error) {
	if err := settleLog(dir); err != nil {
		return nil, err
	}
	logDir, copied := filepath.Join(dir, logDirName), filepath.Join(dir, copyDirName)
	if err := os.CopyFS(copied, os.DirFS(logDir)); err != nil {
		return nil, fmt.Errorf("copy the log: %w", err)
	}
	report, err := compactCopy(ctx, copied, logger)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(copied))
	}
	for i := range report {
		topic := &report[i]
		topic.BytesBefore, err = topicBytes(logDir, topic.Topic)
		if err == nil {
			topic.BytesAfter, err = topicBytes(copied, topic.Topic)
		}
		if err != nil {
			return nil, errors.Join(err, os.RemoveAll(copied))
		}
	}
	return report, replaceLog(dir)
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
	return syncDir(dir)
}

// replaceLog puts the copy in the place of the log. Every file of the copy is on disk before its name is.
func replaceLog(dir string) error {
	logDir, copied, before := filepath.Join(dir, logDirName), filepath.Join(dir, copyDirName), filepath.Join(dir, beforeDirName)
	err := filepath.WalkDir(copied, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return syncDir(path)
	})
	if err != nil {
		return fmt.Errorf("sync the compacted log: %w", err)
	}
	if err := errors.Join(os.Rename(logDir, before), syncDir(dir)); err != nil {
		return fmt.Errorf("set the log aside: %w", err)
	}
	if err := os.Rename(copied, logDir); err != nil {
		return errors.Join(fmt.Errorf("put the compacted log in its place: %w", err), os.Rename(before, logDir))
	}
	if err := errors.Join(syncDir(dir), os.RemoveAll(before)); err != nil {
		return fmt.Errorf("remove the log that was replaced: %w", err)
	}
	return nil
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

// compactCopy lets a broker compact a copy, and compares what each key says before and after.
func compactCopy(ctx context.Context, copied string, logger kfake.Logger) (report []Compacted, err error) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.ClusterID(rand.Text()), kfake.DataDir(copied), kfake.SyncWrites(),
		kfake.BrokerConfigs(brokerSettings()), kfake.WithLogger(logger))
	if err != nil {
		return nil, fmt.Errorf("open the copy: %w", err)
	}
	defer cluster.Close()
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...))
	if err != nil {
		return nil, fmt.Errorf("open the copy: %w", err)
	}
	defer client.Close()
	topics, err := compactedTopics(ctx, kadm.NewClient(client))
	if err != nil {
		return nil, err
	}
	before, err := readStates(ctx, cluster.ListenAddrs(), topics)
	if err != nil {
		return nil, err
	}
	cluster.Compact()
	after, err := readStates(ctx, cluster.ListenAddrs(), topics)
	if err != nil {
		return nil, err
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

// readStates reads topics to their ends.
func readStates(ctx context.Context, brokers, topics []string) (map[string]*states, error) {
	read := map[string]*states{}
	for _, topic := range topics {
		read[topic] = &states{last: map[string][sha256.Size]byte{}}
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...))
	if err != nil {
		return nil, fmt.Errorf("read the copy: %w", err)
	}
	defer client.Close()
	ends, err := kadm.NewClient(client).ListEndOffsets(ctx, topics...)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("read the copy: %w", err)
	}
	left := map[string]map[int32]int64{} // the last offset of each partition that is not read to its end
	from, open := map[string]map[int32]kgo.Offset{}, 0
	ends.Each(func(o kadm.ListedOffset) {
		if o.Offset == 0 {
			return
		}
		if left[o.Topic] == nil {
			left[o.Topic], from[o.Topic] = map[int32]int64{}, map[int32]kgo.Offset{}
		}
		left[o.Topic][o.Partition], from[o.Topic][o.Partition] = o.Offset-1, kgo.NewOffset().AtStart()
		open++
	})
	client.AddConsumePartitions(from)
	for open > 0 {
		fetched := client.PollFetches(ctx)
		if err := fetched.Err(); err != nil {
			return nil, fmt.Errorf("read the copy: %w", err)
		}
		fetched.EachRecord(func(r *kgo.Record) {
			of := read[r.Topic]
			of.records++
			if len(r.Value) == 0 {
				delete(of.last, string(r.Key))
			} else {
				of.last[string(r.Key)] = sha256.Sum256(r.Value)
			}
			if r.Offset == left[r.Topic][r.Partition] {
				open--
			}
		})
	}
	return read, nil
}
