//go:build e2e

package e2e_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// clean is what verify says if it finds nothing.
const clean = "nothing was altered, removed, inserted or reordered up to the checkpoint of"

// An administrator of the brokers changes what a demo left. Verify, as a process, says so, and names where.
func TestVerifyNamesWhatWasDoneToTheLog(t *testing.T) {
	origin := t.TempDir()
	p := startDemo(t, origin, "--roles", "api,projector,signer")
	p.await(patience, "a checkpoint", func() bool {
		return !strings.Contains(string(p.get("", "/metrics").ok(t, http.StatusOK).body), `ledgerboard_checkpoint_turns_total{outcome="signed"} 0`)
	})
	p.Stop()
	agency, key := p.info.IDs.ParentAccount, p.info.CheckpointPublicKey
	stream := func(l records) (partition int, at []int) {
		partition = int(eventlog.PartitionOf([]byte(agency), int32(len(l["dashboards"]))))
		for i, r := range l["dashboards"][partition] {
			if string(r.Key) == agency {
				at = append(at, i)
			}
		}
		return partition, at
	}
	for name, c := range map[string]struct {
		do    func(l records)
		says  string
		clean bool
	}{
		"nothing": {func(records) {}, clean, true},
		"a record is altered": {func(l records) {
			p, at := stream(l)
			r := l["dashboards"][p][at[20]]
			r.Value = []byte(strings.Replace(string(r.Value), "e", "f", 1))
		}, fmt.Sprintf("agency %s, version 22: ", agency), false},
		"a record is removed": {func(l records) {
			p, at := stream(l)
			l["dashboards"][p] = slices.Delete(l["dashboards"][p], at[20], at[20]+1)
		}, fmt.Sprintf("agency %s, version 21: ", agency), false},
		"the end is cut off": {func(l records) {
			p, at := stream(l)
			l["dashboards"][p] = l["dashboards"][p][:at[20]]
		}, "its end was cut off", false},
		"the checkpoints are removed": {func(l records) { clear(l["operations"]) }, "there is no checkpoint in the log", false},
	} {
		t.Run(name, func(t *testing.T) {
			s := &scene{t: t, dir: t.TempDir()}
			out, err := exec.Command("cp", "-a", origin+"/.", s.dir).CombinedOutput()
			require.NoError(t, err, "%s", out)
			s.rewrite(c.do)
			said := command(t, nil, "verify", "--data-dir", s.dir, "--key", key, "--all")
			require.Contains(t, said.out, c.says, said.err)
			if c.clean {
				require.Equal(t, done, said.code)
				return
			}
			require.Equal(t, finding, said.code)
			require.NotContains(t, said.out, clean)
		})
	}
}

// scene is a copy of what a demo left.
type scene struct {
	t   *testing.T
	dir string
}

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

// asItIs opens the log of the scene whatever is wrong with it.
func (s *scene) asItIs(addrs []string) eventlog.Config {
	s.t.Helper()
	raw, err := os.ReadFile("../../../deploy/topics.json")
	require.NoError(s.t, err)
	topics, err := eventlog.ParseTopics(raw)
	require.NoError(s.t, err)
	return eventlog.Config{Brokers: addrs, Topics: eventlog.OnOneBroker(topics, nil), Existing: true, Unsafe: func(error) {}}
}
