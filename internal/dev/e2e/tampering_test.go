//go:build e2e

package e2e_test

import (
	"bytes"
	"context"
	"os"
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
	p.awaitSigned()
	p.Stop()
	agency, key := p.info.IDs.ParentAccount, p.info.CheckpointPublicKey
	of := func(l records) (list *[]*kgo.Record, at int) { // the agency's record of version 21, in its partition
		list = &l["dashboards"][eventlog.PartitionOf([]byte(agency), int32(len(l["dashboards"])))]
		for version := 0; ; at++ {
			if string((*list)[at].Key) != agency {
				continue
			}
			if version++; version == 21 {
				return list, at
			}
		}
	}
	for name, c := range map[string]struct {
		do   func(l records)
		says string
	}{
		"nothing": {func(records) {}, clean},
		"a record is altered": {func(l records) {
			list, at := of(l)
			(*list)[at].Value = bytes.Replace((*list)[at].Value, []byte("e"), []byte("f"), 1)
		}, "agency " + agency + ", version 22: "},
		"a record is removed": {func(l records) {
			list, at := of(l)
			*list = slices.Delete(*list, at, at+1)
		}, "agency " + agency + ", version 21: "},
		"the end is cut off": {func(l records) {
			list, at := of(l)
			*list = (*list)[:at]
		}, "its end was cut off"},
		"the checkpoints are removed": {func(l records) { clear(l["operations"]) }, "there is no checkpoint in the log"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			copyDir(t, dir, origin)
			rewrite(t, dir, c.do)
			said := command(t, nil, "verify", "--data-dir", dir, "--key", key, "--all")
			require.Contains(t, said.out, c.says, said.err)
			require.Equal(t, c.says == clean, said.code == done, said.code)
			require.Equal(t, c.says == clean, strings.Contains(said.out, clean))
		})
	}
}

// records are the records of topics, by partition.
type records map[string][][]*kgo.Record

// rewrite gives `dashboards` and `operations` in a data directory other records, as whoever has
// every right on the brokers and their disks can: the topics are deleted and made again, and keep
// their ids.
func rewrite(t *testing.T, dir string, change func(log records)) {
	t.Helper()
	path := filepath.Join(dir, "broker", "log", "topics.json")
	topics, err := os.ReadFile(path)
	require.NoError(t, err)
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.DataDir(filepath.Join(dir, "broker", "log")),
		kfake.BrokerConfigs(map[string]string{"log.cleaner.backoff.ms": "1000000000000"}))
	require.NoError(t, err)
	defer func() {
		cluster.Close() // it writes what it knows of its topics
		require.NoError(t, os.WriteFile(path, topics, 0o600))
	}()
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	require.NoError(t, err)
	defer client.Close()
	admin := kadm.NewClient(client)
	log := readWhole(t, client, admin)
	change(log)
	_, err = admin.DeleteTopics(t.Context(), "dashboards", "operations")
	require.NoError(t, err)
	for topic, partitions := range log {
		_, err := admin.CreateTopic(t.Context(), int32(len(partitions)), 1, nil, topic)
		require.NoError(t, err)
		for partition, list := range partitions {
			for _, r := range list {
				r.Topic, r.Partition = topic, int32(partition)
			}
			require.NoError(t, client.ProduceSync(t.Context(), list...).FirstErr())
		}
	}
}

// readWhole reads both topics.
func readWhole(t *testing.T, client *kgo.Client, admin *kadm.Client) records {
	t.Helper()
	ends, err := admin.ListEndOffsets(t.Context(), "dashboards", "operations")
	require.NoError(t, err)
	log, begin, open := records{}, map[string]map[int32]kgo.Offset{}, int64(0)
	for topic := range ends {
		log[topic], begin[topic] = make([][]*kgo.Record, len(ends[topic])), map[int32]kgo.Offset{}
	}
	ends.Each(func(o kadm.ListedOffset) {
		begin[o.Topic][o.Partition] = kgo.NewOffset().AtStart()
		open += o.Offset
	})
	client.AddConsumePartitions(begin)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for open > 0 {
		fetches := client.PollFetches(ctx)
		require.NoError(t, fetches.Err())
		fetches.EachRecord(func(r *kgo.Record) {
			log[r.Topic][r.Partition] = append(log[r.Topic][r.Partition], r)
			open--
		})
	}
	client.PurgeTopicsFromConsuming("dashboards", "operations")
	return log
}
