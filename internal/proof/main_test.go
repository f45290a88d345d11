package proof_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/note"

	"github.com/ledgerboard/ledgerboard/domain"
	_ "github.com/ledgerboard/ledgerboard/internal/dev/draws"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

const testPartitions = 3

var noon = time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)

// agencies are three ids in two partitions: two share one.
var agencies = func() []string {
	var a []string
	byPartition := map[int32]int{}
	for n := 1; len(a) < 3; n++ {
		id := fmt.Sprintf("5f1d7f3b8c9d440001a1%04x", n)
		p := eventlog.PartitionOf([]byte(id), testPartitions)
		if p == 0 && byPartition[0] < 2 || p == 2 && byPartition[2] < 1 {
			byPartition[p]++
			a = append(a, id)
		}
	}
	return a
}()

func testCodec(t testing.TB) eventlog.Codec {
	t.Helper()
	raw, err := os.ReadFile("../../deploy/topics.json")
	require.NoError(t, err)
	specs, err := eventlog.ParseTopics(raw)
	require.NoError(t, err)
	return eventlog.NewCodec(domain.NewRegistry(), specs, "/ledgerboard/test")
}

// memory is a log in memory; its records can be tampered with.
type memory struct {
	codec  eventlog.Codec
	id     eventlog.TopicID
	topics map[string][][]eventlog.Record
	broken error // of the next append
}

func newMemory(t testing.TB) *memory {
	return &memory{codec: testCodec(t), id: eventlog.TopicID{1, 2, 3}, topics: map[string][][]eventlog.Record{
		domain.TopicDashboards: make([][]eventlog.Record, testPartitions),
		domain.TopicOperations: make([][]eventlog.Record, 3),
	}}
}

func (m *memory) Ranges(_ context.Context, topic string) ([]eventlog.PartitionRange, eventlog.TopicID, error) {
	var ranges []eventlog.PartitionRange
	for i, records := range m.topics[topic] {
		ranges = append(ranges, eventlog.PartitionRange{Partition: int32(i), End: int64(len(records))})
	}
	return ranges, m.id, nil
}

func (m *memory) Scan(ctx context.Context, cfg eventlog.ScanConfig) error {
	for i, records := range m.topics[cfg.Topic] {
		from, to := cfg.From[int32(i)], int64(len(records))
		if cfg.To != nil {
			to = cfg.To[int32(i)]
		}
		for from < to {
			end := min(from+3, to) // small runs
			run := eventlog.Run{Partition: int32(i), Next: end}
			for _, r := range records[from:end] {
				if cfg.Key == "" || cfg.Key == string(r.Key) {
					run.Records = append(run.Records, r)
				}
			}
			if len(run.Records) > 0 {
				if err := cfg.Handle(ctx, run); err != nil {
					return err
				}
			}
			from = end
		}
	}
	return nil
}

func (m *memory) Decode(r eventlog.Record) (domain.Recorded, error) { return m.codec.Decode(r) }

// Append encodes and appends.
func (m *memory) Append(_ context.Context, d domain.Draft) error {
	if m.broken != nil {
		return m.broken
	}
	r, err := m.codec.Encode(d)
	if err == nil {
		m.put(r)
	}
	return err
}

func (m *memory) put(r eventlog.Record) {
	parts := m.topics[r.Topic]
	r.Partition = eventlog.PartitionOf(r.Key, int32(len(parts)))
	r.Offset = int64(len(parts[r.Partition]))
	parts[r.Partition] = append(parts[r.Partition], r)
}

// renumber gives records the partition and offset of where they lie, after tampering.
func (m *memory) renumber() {
	for _, parts := range m.topics {
		for i := range parts {
			for j := range parts[i] {
				parts[i][j].Partition, parts[i][j].Offset = int32(i), int64(j)
			}
		}
	}
}

// find returns the place of an agency's version.
func (m *memory) find(agency string, version int) (partition, index int) {
	p := int(eventlog.PartitionOf([]byte(agency), testPartitions))
	for i, r := range m.topics[domain.TopicDashboards][p] {
		if string(r.Key) == agency && r.Header("ce_chainversion") == strconv.Itoa(version) {
			return p, i
		}
	}
	return p, -1
}

// always are keys that do not change.
func always(known note.Verifiers) func() (note.Verifiers, error) {
	return func() (note.Verifiers, error) { return known, nil }
}

func setHeader(r *eventlog.Record, name, value string) {
	r.Headers = slices.Clone(r.Headers)
	for i := range r.Headers {
		if r.Headers[i].Key == name {
			r.Headers[i].Value = []byte(value)
			return
		}
	}
	r.Headers = append(r.Headers, eventlog.Header{Key: name, Value: []byte(value)})
}
