//go:build e2e

package e2e_test

import (
	"context"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// records are the records of topics, by partition.
type records map[string][][]*kgo.Record

// rewrite gives `dashboards` and `operations` other records, as whoever has every right on the brokers and their disks can: the
// topics are deleted and made anew, and keep their ids.
func (s *scene) rewrite(change func(log records)) {
	s.t.Helper()
	path := filepath.Join(s.dir, "broker", "log", "topics.json")
	topics, err := os.ReadFile(path)
	require.NoError(s.t, err)
	s.onBroker(func(client *kgo.Client, admin *kadm.Client) {
		log := s.read(client, admin)
		change(log)
		_, err := admin.DeleteTopics(s.t.Context(), "dashboards", "operations")
		require.NoError(s.t, err)
		for topic, partitions := range log {
			_, err := admin.CreateTopic(s.t.Context(), int32(len(partitions)), 1, nil, topic)
			require.NoError(s.t, err)
		}
		for topic, partitions := range log {
			for partition, list := range partitions {
				for _, r := range list {
					r.Topic, r.Partition = topic, int32(partition)
				}
				require.NoError(s.t, client.ProduceSync(s.t.Context(), list...).FirstErr())
			}
		}
	})
	require.NoError(s.t, os.WriteFile(path, topics, 0o600))
}

// onBroker runs the broker of the scene without anything that restrains its administrator.
func (s *scene) onBroker(do func(client *kgo.Client, admin *kadm.Client)) {
	s.t.Helper()
	s.onBrokerAt(func(addrs []string) {
		client, err := kgo.NewClient(kgo.SeedBrokers(addrs...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
		require.NoError(s.t, err)
		defer client.Close()
		do(client, kadm.NewClient(client))
	})
}

// onBrokerAt is the same for who makes clients.
func (s *scene) onBrokerAt(do func(addrs []string)) {
	s.t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.DataDir(filepath.Join(s.dir, "broker", "log")),
		kfake.BrokerConfigs(map[string]string{"log.cleaner.backoff.ms": "1000000000000"}))
	require.NoError(s.t, err)
	defer cluster.Close()
	do(cluster.ListenAddrs())
}

// read reads the topics whole.
func (s *scene) read(client *kgo.Client, admin *kadm.Client) records {
	s.t.Helper()
	ends, err := admin.ListEndOffsets(s.t.Context(), "dashboards", "operations")
	require.NoError(s.t, err)
	log := records{"dashboards": make([][]*kgo.Record, len(ends["dashboards"])), "operations": make([][]*kgo.Record, len(ends["operations"]))}
	begin, open := map[string]map[int32]kgo.Offset{}, int64(0)
	ends.Each(func(o kadm.ListedOffset) {
		if begin[o.Topic] == nil {
			begin[o.Topic] = map[int32]kgo.Offset{}
		}
		begin[o.Topic][o.Partition] = kgo.NewOffset().AtStart()
		open += o.Offset
	})
	client.AddConsumePartitions(begin)
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	for open > 0 {
		fetches := client.PollFetches(ctx)
		require.NoError(s.t, fetches.Err())
		fetches.EachRecord(func(r *kgo.Record) {
			log[r.Topic][r.Partition] = append(log[r.Topic][r.Partition], r)
			open--
		})
	}
	client.PurgeTopicsFromConsuming("dashboards", "operations")
	return log
}

func header(r *kgo.Record, name string) string {
	for _, h := range r.Headers {
		if h.Key == name {
			return string(h.Value)
		}
	}
	return ""
}

func setHeader(r *kgo.Record, name, value string) {
	r.Headers = slices.Clone(r.Headers)
	for i, h := range r.Headers {
		if h.Key == name {
			r.Headers[i].Value = []byte(value)
			return
		}
	}
	r.Headers = append(r.Headers, kgo.RecordHeader{Key: name, Value: []byte(value)})
}

// copyOf is a record of its own with the same bytes.
func copyOf(r *kgo.Record) *kgo.Record {
	return &kgo.Record{Topic: r.Topic, Partition: r.Partition, Key: r.Key, Value: slices.Clone(r.Value), Headers: slices.Clone(r.Headers), Timestamp: r.Timestamp}
}

// find returns where a version of the agency lies, from behind: 1 is its last.
func (l records) find(s *scene, back int) (partition []*kgo.Record, at int) {
	s.t.Helper()
	for _, list := range l["dashboards"] {
		left := back
		for i, r := range slices.Backward(list) {
			if string(r.Key) != s.agency {
				continue
			}
			if left--; left == 0 {
				return list, i
			}
		}
	}
	require.FailNow(s.t, "the log lacks the record")
	return nil, 0
}

// of returns the partition of the agency's stream.
func (l records) of(s *scene) int {
	s.t.Helper()
	return int(eventlog.PartitionOf([]byte(s.agency), int32(len(l["dashboards"]))))
}

// cut takes away what lies behind a mark.
func (l records) cut(topic string, at []int64) {
	for p, end := range at {
		l[topic][p] = l[topic][p][:end]
	}
}

// chain writes the agency's chain again from a version on.
func (l records) chain(s *scene, from int) {
	prev := eventlog.Genesis("dashboards", s.agency)
	version := 0
	for _, r := range l["dashboards"][l.of(s)] {
		if string(r.Key) != s.agency {
			continue
		}
		if version++; version >= from {
			setHeader(r, "ce_chainprev", hex.EncodeToString(prev[:]))
			setHeader(r, "ce_chainversion", strconv.Itoa(version))
		}
		record := eventlog.Record{Topic: "dashboards", Key: r.Key, Value: r.Value}
		record.Headers = append(record.Headers, r.Headers...)
		prev = eventlog.RecordHash(prev, record)
	}
}

func versionOf(r *kgo.Record) int {
	n, _ := strconv.Atoi(header(r, "ce_chainversion"))
	return n
}

// logAttacks are those of whoever has every right on the brokers.
func logAttacks() []attack {
	return []attack{
		{name: "a record's content is altered", by: brokers, shows: "ALTERED agency ", never: clean, code: finding, do: func(s *scene) {
			s.rewrite(func(l records) {
				list, i := l.find(s, 200)
				list[i].Value = append(slices.Clone(list[i].Value), ' ')
			})
		}},
		{name: "a record's actor is altered", by: brokers, shows: "ALTERED agency ", never: clean, code: finding, do: func(s *scene) {
			s.rewrite(func(l records) {
				list, i := l.find(s, 200)
				setHeader(list[i], "ce_actor", "000000000000000000000000")
			})
		}},
		{name: "a record is dropped", by: brokers, shows: "REMOVED agency ", never: clean, code: finding, do: func(s *scene) {
			s.rewrite(func(l records) {
				list, i := l.find(s, 200)
				l["dashboards"][l.of(s)] = slices.Delete(list, i, i+1)
			})
		}},
		{name: "two records change places", by: brokers, shows: "REORDERED agency ", never: clean, code: finding, do: func(s *scene) {
			s.rewrite(func(l records) {
				list, i := l.find(s, 200)
				_, j := l.find(s, 201)
				list[i], list[j] = list[j], list[i]
			})
		}},
		{name: "a covered end is cut off", by: brokers, shows: "TRUNCATED", never: clean, code: finding, args: []string{"--all", "--log-only"}, do: func(s *scene) {
			s.rewrite(func(l records) { l.cut("dashboards", s.marks[len(s.marks)-2].dashboards) })
		}},
		{name: "an end that no checkpoint covers is cut off, and the tables remember it", by: brokers, shows: "TRUNCATED agency ", never: clean, code: finding, do: func(s *scene) {
			s.rewrite(func(l records) { l.cut("dashboards", s.marks[len(s.marks)-1].dashboards) })
		}},
		{name: "an end that neither checkpoint nor table remembers is cut off", by: brokers, shows: cutUnseen, never: "TRUNCATED", args: []string{"--all", "--log-only"}, do: func(s *scene) {
			s.rewrite(func(l records) { l.cut("dashboards", s.marks[len(s.marks)-1].dashboards) })
		}},
		{name: "everything is cut off", by: brokers, shows: "CHECKPOINT", never: clean, code: finding, do: func(s *scene) {
			s.rewrite(func(l records) {
				l["dashboards"] = make([][]*kgo.Record, len(l["dashboards"]))
				l["operations"] = make([][]*kgo.Record, len(l["operations"]))
			})
		}},
		{name: "everything is cut off, and the file of checkpoints is gone", by: brokers, shows: "there is no checkpoint of the given key", never: "Every chain holds", code: finding, args: []string{"--all", "--log-only"}, do: func(s *scene) {
			s.rewrite(func(l records) {
				l["dashboards"] = make([][]*kgo.Record, len(l["dashboards"]))
				l["operations"] = make([][]*kgo.Record, len(l["operations"]))
			})
			require.NoError(s.t, os.Remove(filepath.Join(s.dir, "checkpoints.txt")))
		}},
		{name: "topics are deleted", by: brokers, shows: "do not hold the whole log", never: clean, code: finding, do: func(s *scene) {
			s.onBroker(func(_ *kgo.Client, admin *kadm.Client) {
				_, err := admin.DeleteTopics(s.t.Context(), "dashboards")
				require.NoError(s.t, err)
			})
		}},
		{name: "the beginning is forgotten", by: brokers, shows: "REMOVED", never: clean, code: finding, do: func(s *scene) {
			s.onBroker(func(_ *kgo.Client, admin *kadm.Client) {
				offsets := kadm.Offsets{}
				offsets.AddOffset("dashboards", int32(records{"dashboards": make([][]*kgo.Record, 12)}.of(s)), 100, -1)
				_, err := admin.DeleteRecords(s.t.Context(), offsets)
				require.NoError(s.t, err)
			})
		}},
		{name: "a stream moves to another partition", by: brokers, shows: "TRUNCATED", never: clean, code: finding, do: func(s *scene) {
			s.rewrite(func(l records) {
				home := l.of(s)
				other := (home + 1) % len(l["dashboards"])
				l["dashboards"][home], l["dashboards"][other] = l["dashboards"][other], l["dashboards"][home]
			})
		}},
		{name: "a covered look at the history is removed", by: brokers, shows: "records of operations", never: clean, code: finding, do: func(s *scene) {
			s.rewrite(func(l records) { s.dropLook(l, func(offset, covered int64) bool { return offset < covered }) })
		}},
		{name: "a look at the history that no checkpoint covers is removed", by: brokers, shows: clean, never: "CHECKPOINT", do: func(s *scene) {
			s.rewrite(func(l records) { s.dropLook(l, func(offset, covered int64) bool { return offset >= covered }) })
		}},
		{name: "an older log is put in its place", by: brokers, shows: "is missing from the log", never: clean, code: finding, args: []string{"--all", "--log-only"}, do: func(s *scene) {
			kept, err := os.ReadFile(filepath.Join(s.dir, "checkpoints.txt"))
			require.NoError(s.t, err)
			s.take(s.older)
			require.NoError(s.t, os.WriteFile(filepath.Join(s.dir, "checkpoints.txt"), kept, 0o600))
		}},
		{name: "an older log, an older database and an older file are put in their place", by: "operator", shows: clean, never: "TRUNCATED", do: func(s *scene) {
			s.take(s.older)
			s.withItsDatabase()
		}},
		{name: "a record that an older log lost is put back", by: brokers, shows: clean, never: "INSERTED", args: []string{"--all", "--log-only"}, do: func(s *scene) {
			var lost *kgo.Record
			s.rewrite(func(l records) {
				list, i := l.find(s, 2)
				lost = copyOf(list[i])
			})
			s.take(s.older)
			s.rewrite(func(l records) {
				_, last := l.find(s, 1)
				require.Equal(s.t, versionOf(lost), versionOf(l["dashboards"][l.of(s)][last])+1, fmt.Sprint(lost.Offset))
				l["dashboards"][l.of(s)] = append(l["dashboards"][l.of(s)], lost)
			})
		}},
	}
}

// dropLook removes a record of somebody who looked at the history.
func (s *scene) dropLook(l records, which func(offset, covered int64) bool) {
	s.t.Helper()
	covered := s.marks[len(s.marks)-1].operations
	for p, list := range l["operations"] {
		for i, r := range list {
			if header(r, "ce_type") == "audit.read.v1" && which(int64(i), covered[p]) {
				l["operations"][p] = slices.Delete(list, i, i+1)
				return
			}
		}
	}
	require.FailNow(s.t, "the log has no such look")
}
