package backup_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/backup"
	"github.com/ledgerboard/ledgerboard/internal/dev/leaks"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

func TestMain(m *testing.M) {
	leaks.Main(m, goleak.IgnoreTopFunction("github.com/rcrowley/go-metrics.(*meterArbiter).tick"))
}

const agency = "5f1d7f3b8c9d440001a1b2c3"

var noon = time.Date(2025, 3, 14, 12, 0, 0, 123456000, time.UTC)

type bench struct {
	*ledgertest.Broker

	t   *testing.T
	log *eventlog.Log
}

// newBench starts brokers; begin opens the log.
func newBench(t *testing.T) *bench {
	t.Helper()
	return &bench{Broker: ledgertest.NewBroker(t, ledgertest.Partitions(2)), t: t}
}

func (b *bench) begin() *bench {
	b.log = b.Open()
	return b
}

func (b *bench) readings(from, to int) {
	var drafts []domain.Draft
	for n := from; n < to; n++ {
		account, at := int64(n%4+1), noon.Add(time.Duration(n)*time.Second)
		drafts = append(drafts, domain.Draft{
			Topic: domain.TopicMetrics, Key: strconv.FormatInt(account, 10),
			Envelope: domain.Envelope{ID: fmt.Sprintf("read-%d", n), Source: "/test", Subject: domain.PostID(account, "post-1"), Time: at},
			Data: domain.PostRead{
				Tenant: domain.Tenant{ParentAccount: agency, AccountID: agency, MemberID: 7, SocialAccount: account}, Platform: domain.Facebook,
				ExternalID: "post-1", CapturedAt: at, Counts: domain.Counts{Likes: new(int64(n))}, GrowthWindow: "168h0m0s",
			},
		})
	}
	require.NoError(b.t, b.log.AppendBulk(b.t.Context(), drafts))
}

// orders appends states of a number of entities, round by round.
func (b *bench) orders(entities, rounds int) {
	for n := range entities * rounds {
		id := strconv.Itoa(n % entities)
		require.NoError(b.t, b.log.Append(b.t.Context(), domain.Draft{
			Topic: domain.TopicDirectory, Key: domain.DirectoryKey(domain.KindOrder, id), Envelope: domain.Envelope{ID: fmt.Sprintf("order-%d", n), Time: noon},
			Data: domain.DirectoryOrder{ID: id, Buyer: agency, Seller: agency, ProductType: strconv.Itoa(n)},
		}))
	}
}

func (b *bench) stray(topic string, partition int32) {
	r := &kgo.Record{Topic: topic, Partition: partition, Key: []byte("4"), Value: []byte("x"), Timestamp: time.Now().Add(time.Hour)}
	require.NoError(b.t, b.Raw.ProduceSync(b.t.Context(), r).FirstErr())
}

// loseBefore deletes the readings before an offset of each partition, as a wrong retention does.
func (b *bench) loseBefore(offsets ...int64) {
	b.t.Helper()
	beginning := kadm.Offsets{}
	for partition := range int32(2) {
		beginning.AddOffset(domain.TopicMetrics, partition, offsets[int(partition)%len(offsets)], -1)
	}
	deleted, err := b.Admin.DeleteRecords(b.t.Context(), beginning)
	require.NoError(b.t, err)
	require.NoError(b.t, deleted.Error())
}

// backedUp returns a log with readings and rounds of orders of three entities, and its backup.
func backedUp(t *testing.T, readings, rounds int) (b *bench, dir string) {
	t.Helper()
	b, dir = newBench(t).begin(), filepath.Join(t.TempDir(), "backup")
	b.readings(0, readings)
	b.orders(3, rounds)
	b.backUp(dir)
	return b, dir
}

func (b *bench) config(dir string) backup.Config {
	return backup.Config{Dir: dir, Log: b.log, Topics: b.Config.Topics, Tool: "test", Now: time.Now}
}

func (b *bench) backUp(dir string) backup.Report {
	report, err := backup.Run(b.t.Context(), b.config(dir).WithSegments(2000))
	require.NoError(b.t, err)
	return report
}

func (b *bench) restore(dir string) error {
	files, err := backup.Open(dir)
	require.NoError(b.t, err)
	defer files.Close()
	target, err := eventlog.OpenTarget(b.t.Context(), b.Config)
	require.NoError(b.t, err)
	defer target.Close()
	if err := files.CheckTarget(b.t.Context(), target); err != nil {
		return err
	}
	return files.Restore(b.t.Context(), target, nil)
}

// holds returns all records of the log, by topic and partition; offsets and ends only of topics
// that are not compacted.
func (b *bench) holds() map[string][]string {
	all := map[string][]string{}
	for _, spec := range b.Config.Topics {
		ranges, id, err := b.log.Ranges(b.t.Context(), spec.Name)
		require.NoError(b.t, err)
		for _, in := range ranges {
			at := fmt.Sprintf("%s-%d", spec.Name, in.Partition)
			if !spec.Compacted {
				all[at] = append(all[at], fmt.Sprintf("ends at %d", in.End))
			}
			require.NoError(b.t, b.log.ReadRaw(b.t.Context(), spec.Name, id, in, func(r eventlog.Record) error {
				if spec.Compacted {
					r.Offset = 0
				}
				all[at] = append(all[at], fmt.Sprintf("%d %q %q %t %v", r.Offset, r.Key, r.Value, r.Value == nil, r.Headers))
				return nil
			}))
		}
	}
	return all
}

type cutting struct {
	*eventlog.Log

	left int
}

func (c *cutting) ReadRaw(
	ctx context.Context, topic string, id eventlog.TopicID, in eventlog.PartitionRange, yield func(r eventlog.Record) error,
) error {
	return c.Log.ReadRaw(ctx, topic, id, in, func(r eventlog.Record) error {
		if c.left--; c.left < 0 {
			return errCut
		}
		return yield(r)
	})
}

// scanned counts the records of a topic.
func (b *bench) scanned(topic string) int {
	var n atomic.Int64 // partitions are scanned concurrently
	require.NoError(b.t, b.log.Scan(b.t.Context(), eventlog.ScanConfig{Topic: topic, Handle: func(_ context.Context, run eventlog.Run) error {
		n.Add(int64(len(run.Records)))
		return nil
	}}))
	return int(n.Load())
}

type asking struct {
	*eventlog.Log

	topics []string
}

func (a *asking) Ranges(ctx context.Context, topic string) ([]eventlog.PartitionRange, eventlog.TopicID, error) {
	a.topics = append(a.topics, topic)
	return a.Log.Ranges(ctx, topic)
}
