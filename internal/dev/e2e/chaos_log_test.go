//go:build e2e

package e2e_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// The log as the test reads it: straight from the brokers, decoded and judged by the test's own code.
// Nothing of internal/eventlog is used, so that a fault there does not hide itself.

// chaosPartitions are the topics and their pinned numbers of partitions.
var chaosPartitions = map[string]int32{"dashboards": 12, "metrics": 24, "operations": 3, "directory": 6, "contents": 12}

// chaosRecord is one record of the log.
type chaosRecord struct {
	topic     string
	partition int32
	offset    int64
	key       string
	headers   []kgo.RecordHeader
	value     []byte
	digest    [sha256.Size]byte // of all that must never change

	id, kind string // ce_id, ce_type
	at       time.Time
	payload  any            // the value as JSON with json.Numbers; for types whose rows keep it
	reading  *chaosReading  // metrics.account_read.v1, metrics.post_read.v1
	post     *chaosPost     // metrics.post_registered.v1
	change   *chaosChange   // dashboard.*
	fields   map[string]any // directory.*, operations.*, contents.*, metrics.account_erased.v1
}

// String names a record where people look for it.
func (r *chaosRecord) String() string {
	if r == nil {
		return "no event"
	}
	return fmt.Sprintf("%s/%d@%d key %s, %s, id %s, %s", r.topic, r.partition, r.offset, r.key, r.kind, r.id, r.value)
}

// header returns the value of a header; "" when it is absent.
func (r *chaosRecord) header(name string) string {
	for _, h := range r.headers {
		if h.Key == name {
			return string(h.Value)
		}
	}
	return ""
}

// chaosLog is all that was ever read. Each reading must find the former one again as its beginning.
type chaosLog struct {
	topics map[string][][]*chaosRecord // by topic, partition and offset
}

func newChaosLog() *chaosLog {
	l := &chaosLog{topics: map[string][][]*chaosRecord{}}
	for topic, n := range chaosPartitions {
		l.topics[topic] = make([][]*chaosRecord, n)
	}
	return l
}

// chaosVector is a position in a topic: the next offset of each partition.
type chaosVector []int64

// ends asks the brokers where each topic ends.
func (l *chaosLog) ends(ctx context.Context, brokers []string) (map[string]chaosVector, error) {
	cl, err := kgo.NewClient(kgo.SeedBrokers(brokers...))
	if err != nil {
		return nil, err
	}
	defer cl.Close()
	listed, err := kadm.NewClient(cl).ListEndOffsets(ctx, "dashboards", "metrics", "contents", "operations", "directory")
	if err != nil {
		return nil, fmt.Errorf("list end offsets: %w", err)
	}
	ends := map[string]chaosVector{}
	for topic, n := range chaosPartitions {
		if got := len(listed[topic]); got != int(n) {
			return nil, fmt.Errorf("topic %s has %d partitions, not %d", topic, got, n)
		}
		ends[topic] = make(chaosVector, n)
		for p, o := range listed[topic] {
			if o.Err != nil {
				return nil, fmt.Errorf("end of %s/%d: %w", topic, p, o.Err)
			}
			ends[topic][p] = o.Offset
		}
	}
	return ends, nil
}

// reread reads the whole log from its first record up to ends. A record that has changed or vanished
// since the last reading is an error: what was in the log stays in the log.
func (l *chaosLog) reread(ctx context.Context, brokers []string, ends map[string]chaosVector) error {
	next := map[string]chaosVector{}
	begin := map[string]map[int32]kgo.Offset{}
	open := 0
	for topic, vector := range ends {
		next[topic] = make(chaosVector, len(vector))
		begin[topic] = map[int32]kgo.Offset{}
		for p, end := range vector {
			if known := int64(len(l.topics[topic][p])); end < known {
				return fmt.Errorf("the log has shrunk: %s/%d ends at %d, the test has read %d records of it; the last: %s",
					topic, p, end, known, l.topics[topic][p][known-1])
			}
			if end > 0 {
				begin[topic][int32(p)] = kgo.NewOffset().At(0)
				open++
			}
		}
	}
	cl, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.ConsumePartitions(begin),
		kgo.FetchMaxPartitionBytes(8<<20), kgo.FetchMaxWait(200*time.Millisecond))
	if err != nil {
		return err
	}
	defer cl.Close()
	for open > 0 {
		fetches := cl.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return fmt.Errorf("read the log: %w", err)
		}
		for records := fetches.RecordIter(); !records.Done(); {
			r := records.Next()
			at := &next[r.Topic][r.Partition]
			if r.Offset >= ends[r.Topic][r.Partition] {
				continue
			}
			if r.Offset != *at {
				return fmt.Errorf("%s/%d has offset %d after %d", r.Topic, r.Partition, r.Offset, *at-1)
			}
			if err := l.take(r); err != nil {
				return err
			}
			if *at++; *at == ends[r.Topic][r.Partition] {
				open--
			}
		}
	}
	return nil
}

// take adds a record, or compares it with what stood in its place before.
func (l *chaosLog) take(r *kgo.Record) error {
	h := sha256.New()
	chaosField(h.Write, r.Key)
	for _, header := range r.Headers {
		chaosField(h.Write, []byte(header.Key))
		chaosField(h.Write, header.Value)
	}
	chaosField(h.Write, r.Value)
	digest := [sha256.Size]byte(h.Sum(nil))
	known := l.topics[r.Topic][r.Partition]
	if r.Offset < int64(len(known)) {
		if known[r.Offset].digest != digest {
			return fmt.Errorf("a record has changed in the log; it was: %s; now its value is %s", known[r.Offset], r.Value)
		}
		return nil
	}
	record := &chaosRecord{
		topic: r.Topic, partition: r.Partition, offset: r.Offset, key: string(r.Key),
		headers: slices.Clone(r.Headers), value: slices.Clone(r.Value), digest: digest,
	}
	if err := record.decode(); err != nil {
		return fmt.Errorf("decode %s: %w", record, err)
	}
	l.topics[r.Topic][r.Partition] = append(known, record)
	return nil
}

// chaosTenant, chaosReading, chaosPost and chaosChange are the payloads, as far as rows show them.
type chaosTenant struct {
	ParentAccount string `json:"parent_account"`
	AccountID     string `json:"account_id"`
	MemberID      int64  `json:"member_id"`
	SocialAccount int64  `json:"social_account_id"`
}

type chaosFigure struct {
	Name   string `json:"name"`
	Kind   string `json:"kind"`
	Value  int64  `json:"value"`
	Source string `json:"source"`
	Day    string `json:"day"`
	Window string `json:"window"`
}

type chaosReading struct {
	chaosTenant
	Platform       int64         `json:"p_id"`
	AccountType    int64         `json:"a_type"`
	ExternalID     string        `json:"external_id"`
	CapturedAt     time.Time     `json:"captured_at"`
	PublishedAt    *time.Time    `json:"published_at"`
	Backfilled     bool          `json:"backfilled"`
	GrowthEligible bool          `json:"growth_eligible"`
	FromZero       bool          `json:"from_zero"`
	Likes          *int64        `json:"likes"`
	Comments       *int64        `json:"comments"`
	Shares         *int64        `json:"shares"`
	Views          *int64        `json:"views"`
	Impressions    *int64        `json:"impressions"`
	Reach          *int64        `json:"reach"`
	Clicks         *int64        `json:"clicks"`
	Saves          *int64        `json:"saves"`
	AvgWatch       *int64        `json:"avg_watch_ms"`
	Figures        []chaosFigure `json:"figures"`
}

type chaosPost struct {
	chaosTenant
	Platform     int64      `json:"p_id"`
	AccountType  int64      `json:"a_type"`
	ExternalID   string     `json:"external_id"`
	Origin       string     `json:"origin"`
	RegisteredAt time.Time  `json:"registered_at"`
	PublishedAt  *time.Time `json:"published_at"`
	CategoryID   *int64     `json:"c_id"`
	PostType     string     `json:"post_type"`
}

type chaosChange struct {
	Primary string              `json:"primary"`
	Linked  []string            `json:"linked"`
	Users   []string            `json:"users"`
	Allow   bool                `json:"allow_client_dashboard"`
	Scopes  []string            `json:"scopes"`
	MainPOC map[string][]string `json:"main_poc"`
	Split   []struct {
		SubAccountID string   `json:"sub_account_id"`
		Users        []string `json:"users"`
	} `json:"split"`
	Created    map[string]string `json:"created"`
	LostAccess []string          `json:"lost_access"`
}

// decode reads envelope and payload. The chaos's own load writes nothing that cannot be decoded, so
// whatever cannot is an error of the program or of this test.
func (r *chaosRecord) decode() (err error) {
	r.id, r.kind = r.header("ce_id"), r.header("ce_type")
	if r.at, err = time.Parse(time.RFC3339Nano, r.header("ce_time")); err != nil {
		return err
	}
	if len(r.value) == 0 {
		if r.topic != "directory" && r.topic != "contents" {
			return fmt.Errorf("there is no value")
		}
		return nil
	}
	switch {
	case r.kind == "metrics.post_read.v1":
		r.reading = &chaosReading{}
		return json.Unmarshal(r.value, r.reading)
	case r.kind == "metrics.account_read.v1":
		r.reading = &chaosReading{}
		if err := json.Unmarshal(r.value, r.reading); err != nil {
			return err
		}
		return chaosJSON(r.value, &r.payload)
	case r.kind == "metrics.post_registered.v1":
		r.post = &chaosPost{}
		if err := json.Unmarshal(r.value, r.post); err != nil {
			return err
		}
		return chaosJSON(r.value, &r.payload)
	case strings.HasPrefix(r.kind, "dashboard."):
		r.change = &chaosChange{}
		return json.Unmarshal(r.value, r.change)
	case strings.HasPrefix(r.kind, "directory."), strings.HasPrefix(r.kind, "operations."), strings.HasPrefix(r.kind, "contents."),
		r.kind == chaosErased:
		return chaosJSON(r.value, &r.fields)
	default:
		return fmt.Errorf("the type is not known to the test")
	}
}

// chaosJSON decodes and keeps numbers as they are written.
func chaosJSON(raw []byte, target any) error {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	return decoder.Decode(target)
}

// The chain, from its documentation for third parties (internal/eventlog's doc.go).

// chaosField writes a field: its length in bytes (32 bits, big-endian), then its bytes.
func chaosField(write func([]byte) (int, error), field []byte) {
	var length [4]byte
	binary.BigEndian.PutUint32(length[:], uint32(len(field)))
	_, _ = write(length[:])
	_, _ = write(field)
}

// chaosGenesis is the previous hash of the first record of a key.
func chaosGenesis(topic, key string) []byte {
	sum := sha256.Sum256([]byte("ledgerboard" + topic + key))
	return sum[:]
}

// chaosHash is the hash of a record whose predecessor has the hash prev.
func chaosHash(prev []byte, topic, key string, headers []kgo.RecordHeader, value []byte) []byte {
	h := sha256.New()
	version := ""
	var hashed []kgo.RecordHeader
	for _, header := range headers {
		switch header.Key {
		case "ce_traceparent", "ce_tracestate", "traceparent", "tracestate":
			continue
		case "ce_chainversion":
			version = string(header.Value)
		}
		hashed = append(hashed, header)
	}
	slices.SortStableFunc(hashed, func(a, b kgo.RecordHeader) int { return strings.Compare(a.Key, b.Key) })
	for _, field := range [][]byte{prev, []byte(topic), []byte(key), []byte(version)} {
		chaosField(h.Write, field)
	}
	for _, header := range hashed {
		chaosField(h.Write, []byte(header.Key))
		chaosField(h.Write, header.Value)
	}
	chaosField(h.Write, value)
	return h.Sum(nil)
}

// chaosHead is the end of a stream's chain.
type chaosHead struct {
	version int64
	hash    []byte
	at      time.Time
}

// judge gives the chain's verdict: "effective", "stale" or "broken".
func (h chaosHead) judge(r *chaosRecord) (string, chaosHead) {
	var version int64
	if _, err := fmt.Sscan(r.header("ce_chainversion"), &version); err != nil || version < 1 {
		return "broken", h
	}
	prev, want := r.header("ce_chainprev"), hex.EncodeToString(h.hash)
	if h.version == 0 {
		want = hex.EncodeToString(chaosGenesis(r.topic, r.key))
	}
	switch {
	case version <= h.version:
		return "stale", h
	case version != h.version+1 || prev != want || h.version > 0 && !r.at.After(h.at):
		return "broken", h
	default:
		raw, _ := hex.DecodeString(prev)
		return "effective", chaosHead{version, chaosHash(raw, r.topic, r.key, r.headers, r.value), r.at}
	}
}
