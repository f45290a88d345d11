package eventlog_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

const dashboardPartitions = 4

func testCodec(t testing.TB) eventlog.Codec {
	t.Helper()
	return eventlog.NewCodec(domain.NewRegistry(), ledgertest.Topics(t, fewerPartitions), "/ledgerboard/test")
}

// honest returns a chain of n records and the head after each; heads[0] is the head of an empty
// stream.
func honest(t testing.TB, n int) (records []eventlog.Record, heads []domain.StreamHead) {
	t.Helper()
	s := stream{codec: testCodec(t), key: agency}
	heads = append(heads, s.head)
	for range n {
		_, r := s.next()
		r.Partition = eventlog.PartitionOf(r.Key, dashboardPartitions)
		r.Offset = int64(len(records))
		records, heads = append(records, r), append(heads, s.head)
	}
	return records, heads
}

// edit returns a copy of r with changed headers.
func edit(r eventlog.Record, change func([]eventlog.Header) []eventlog.Header) eventlog.Record {
	headers := slices.Clone(r.Headers)
	for i := range headers {
		headers[i].Value = bytes.Clone(headers[i].Value)
	}
	r.Headers = change(headers)
	r.Key, r.Value = bytes.Clone(r.Key), bytes.Clone(r.Value)
	return r
}

// vary returns a copy of r with any change.
func vary(r eventlog.Record, change func(*eventlog.Record)) eventlog.Record {
	change(&r)
	return r
}

func setHeader(name, value string) func([]eventlog.Header) []eventlog.Header {
	return func(headers []eventlog.Header) []eventlog.Header {
		for i := range headers {
			if headers[i].Key == name {
				headers[i].Value = []byte(value)
				return headers
			}
		}
		return append(headers, eventlog.Header{Key: name, Value: []byte(value)})
	}
}

func dropHeader(name string) func([]eventlog.Header) []eventlog.Header {
	return func(headers []eventlog.Header) []eventlog.Header {
		return slices.DeleteFunc(headers, func(h eventlog.Header) bool { return h.Key == name })
	}
}

func repeatHeader(name string) func([]eventlog.Header) []eventlog.Header {
	return func(headers []eventlog.Header) []eventlog.Header {
		i := slices.IndexFunc(headers, func(h eventlog.Header) bool { return h.Key == name })
		return append(headers, headers[i])
	}
}

func TestJudgeClassifiesChainRecords(t *testing.T) {
	t.Parallel()
	records, heads := honest(t, 4)
	third := records[2] // judged after the second, whose head is heads[2]
	capitals := strings.ToUpper(hex.EncodeToString(heads[2].Hash[:]))
	rival := func() eventlog.Record {
		prev := heads[1].Hash
		r, err := testCodec(t).Encode(change(agency, 2, prev, noon.Add(time.Hour), "rival"))
		require.NoError(t, err)
		r.Partition = records[0].Partition
		return r
	}()
	for name, c := range map[string]struct {
		head   domain.StreamHead
		record eventlog.Record
		want   eventlog.Verdict
		reason string
	}{
		"first of a stream":                  {domain.StreamHead{}, records[0], eventlog.Effective, ""},
		"successor":                          {heads[2], third, eventlog.Effective, ""},
		"undecodable payload is still head":  {heads[2], vary(third, func(r *eventlog.Record) { r.Value = []byte("\xff no JSON") }), eventlog.Effective, ""},
		"unknown type is still head":         {heads[2], edit(third, setHeader("ce_type", "dashboard.unheard_of.v9")), eventlog.Effective, ""},
		"trace context rewritten by a proxy": {heads[2], edit(third, setHeader("ce_traceparent", "00-other-01")), eventlog.Effective, ""},
		"lost race":                          {heads[2], rival, eventlog.Stale, "version 2, but the head has 2"},
		"duplicate":                          {heads[3], third, eventlog.Stale, "version 3, but the head has 3"},
		"first again":                        {heads[4], records[0], eventlog.Stale, "version 1, but the head has 4"},
		"gap":                                {heads[2], records[3], eventlog.Broken, "the records in between are missing"},
		"gap at the start":                   {domain.StreamHead{}, records[1], eventlog.Broken, "the records in between are missing"},
		"other predecessor":                  {heads[2], edit(third, setHeader("ce_chainprev", strings.Repeat("0", 64))), eventlog.Broken, "not the head"},
		"wrong genesis":                      {domain.StreamHead{}, edit(records[0], setHeader("ce_chainprev", strings.Repeat("0", 64))), eventlog.Broken, "not the head"},
		"not later than the head":            {domain.StreamHead{Version: 2, Hash: heads[2].Hash, Time: noon.Add(time.Hour)}, third, eventlog.Broken, "not later"},
		"wrong partition":                    {heads[2], vary(third, func(r *eventlog.Record) { r.Partition++ }), eventlog.Invalid, "its key belongs to"},
		"wrong partition of a duplicate":     {heads[4], vary(third, func(r *eventlog.Record) { r.Partition++ }), eventlog.Invalid, "its key belongs to"},
		"empty key":                          {heads[2], vary(third, func(r *eventlog.Record) { r.Key = nil }), eventlog.Invalid, "empty"},
		"empty value":                        {heads[2], vary(third, func(r *eventlog.Record) { r.Value = nil }), eventlog.Invalid, "empty"},
		"version with a sign":                {heads[2], edit(third, setHeader("ce_chainversion", "+3")), eventlog.Invalid, "ce_chainversion"},
		"version with a zero":                {heads[2], edit(third, setHeader("ce_chainversion", "03")), eventlog.Invalid, "ce_chainversion"},
		"version below one":                  {heads[2], edit(third, setHeader("ce_chainversion", "0")), eventlog.Invalid, "ce_chainversion"},
		"prev in capitals":                   {heads[2], edit(third, setHeader("ce_chainprev", capitals)), eventlog.Invalid, "ce_chainprev"},
		"prev too short":                     {heads[2], edit(third, setHeader("ce_chainprev", "00")), eventlog.Invalid, "ce_chainprev"},
		"time below a microsecond     ":      {heads[2], edit(third, setHeader("ce_time", "2025-03-14T12:00:00.1234567Z")), eventlog.Invalid, "microsecond"},
		"invalid time":                       {heads[2], edit(third, setHeader("ce_time", "noon")), eventlog.Invalid, "RFC 3339"},
		"other specversion":                  {heads[2], edit(third, setHeader("ce_specversion", "2.0")), eventlog.Invalid, "ce_specversion"},
		"repeated extension":                 {heads[2], edit(third, repeatHeader("ce_actor")), eventlog.Invalid, "ce_actor is repeated"},
		"repeated trace context":             {heads[2], edit(third, repeatHeader("ce_traceparent")), eventlog.Effective, ""},
		"repeated unknown ce_ header": {heads[2], edit(third, func(h []eventlog.Header) []eventlog.Header {
			return append(h, eventlog.Header{Key: "ce_new", Value: []byte("1")}, eventlog.Header{Key: "ce_new", Value: []byte("2")})
		}), eventlog.Invalid, "ce_new is repeated"},
		"empty extension":         {heads[2], edit(third, setHeader("ce_actor", "")), eventlog.Invalid, "ce_actor is empty"},
		"malformed though stale":  {heads[4], edit(third, repeatHeader("ce_id")), eventlog.Invalid, "repeated"},
		"other partition's count": {heads[2], vary(third, func(r *eventlog.Record) { r.Partition = -1 }), eventlog.Invalid, "partition"},
	} {
		verdict, next, reason := eventlog.Judge(c.head, c.record, dashboardPartitions)
		require.Equal(t, c.want.String(), verdict.String(), "%s: %s", name, reason)
		require.Contains(t, reason, c.reason, name)
		if verdict != eventlog.Effective {
			require.Equal(t, c.head, next, "%s: the head stays", name)
			continue
		}
		require.Empty(t, reason, name)
		require.Equal(t, c.head.Version+1, next.Version, name)
	}
	for _, name := range []string{"ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time", "ce_chainversion", "ce_chainprev", "content-type"} {
		for what, change := range map[string]func(string) func([]eventlog.Header) []eventlog.Header{"missing": dropHeader, "repeated": repeatHeader} {
			verdict, _, reason := eventlog.Judge(heads[2], edit(third, change(name)), dashboardPartitions)
			require.Equal(t, eventlog.Invalid, verdict, "%s %s", what, name)
			require.Contains(t, reason, name)
		}
	}
}

// Headers and lengths are unambiguous: moving a byte from one field to the next changes the hash.
func TestHashInputIsUnambiguous(t *testing.T) {
	t.Parallel()
	base := eventlog.Record{Topic: "t", Key: []byte("k"), Headers: []eventlog.Header{{Key: "a", Value: []byte("bc")}}, Value: []byte("v")}
	hash := func(change func(*eventlog.Record)) [32]byte {
		r := edit(base, func(h []eventlog.Header) []eventlog.Header { return h })
		change(&r)
		return eventlog.RecordHash([32]byte{}, r)
	}
	hashes := map[[32]byte]string{}
	for name, change := range map[string]func(*eventlog.Record){
		"base":          func(*eventlog.Record) {},
		"topic and key": func(r *eventlog.Record) { r.Topic, r.Key = "tk", nil },
		"name, value":   func(r *eventlog.Record) { r.Headers[0] = eventlog.Header{Key: "ab", Value: []byte("c")} },
		"header, value": func(r *eventlog.Record) { r.Headers[0].Value, r.Value = []byte("b"), []byte("cv") },
		"no header":     func(r *eventlog.Record) { r.Headers, r.Value = nil, []byte("abcv") },
		"two headers": func(r *eventlog.Record) {
			r.Headers = append(r.Headers, eventlog.Header{Key: "a", Value: []byte("bc")})
		},
	} {
		h := hash(change)
		require.NotContains(t, hashes, h, "%s and %s", name, hashes[h])
		hashes[h] = name
	}
	require.Equal(t, hash(func(*eventlog.Record) {}), hash(func(r *eventlog.Record) {
		r.Headers = append(r.Headers, eventlog.Header{Key: "traceparent", Value: []byte("x")}, eventlog.Header{Key: "tracestate", Value: []byte("y")})
	}), "trace context is excluded")
}

// vectorRecord is one record of testdata/chain_vector.json; bytes are text, hashes are hex.
type vectorRecord struct {
	sample
	Prev string `json:"prev_sha256"`
	Hash string `json:"sha256"`
}

func TestChainVector(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("testdata/chain_vector.json")
	require.NoError(t, err)
	var vector []vectorRecord
	require.NoError(t, json.Unmarshal(raw, &vector))
	require.Len(t, vector, 2)
	prev := eventlog.Genesis(vector[0].Topic, vector[0].Key)
	head := domain.StreamHead{}
	for _, v := range vector {
		require.Equal(t, v.Prev, hex.EncodeToString(prev[:]))
		r := v.record(eventlog.PartitionOf([]byte(v.Key), dashboardPartitions), 0)
		prev = eventlog.RecordHash(prev, r)
		require.Equal(t, v.Hash, hex.EncodeToString(prev[:]))
		var verdict eventlog.Verdict
		verdict, head, _ = eventlog.Judge(head, r, dashboardPartitions)
		require.Equal(t, eventlog.Effective, verdict)
		require.Equal(t, prev, head.Hash)
	}
}

// Only lower-case hex digits are accepted.
func TestHashMustBeLowerCaseHex(t *testing.T) {
	t.Parallel()
	good := hex.EncodeToString(bytes.Repeat([]byte{0x5a, 0xf0}, 16))
	for c := range 256 {
		for _, at := range []int{0, 1, 62, 63} {
			digits := []byte(good)
			digits[at] = byte(c)
			want, err := hex.DecodeString(string(digits))
			hash, ok := eventlog.DecodeHash(string(digits))
			require.Equal(t, err == nil && (c < 'A' || c > 'F'), ok, "byte %d", c)
			if ok {
				require.Equal(t, want, hash[:])
			}
		}
	}
}

// fold judges records one after the other.
func fold(records []eventlog.Record) (head domain.StreamHead, verdicts []eventlog.Verdict) {
	for _, r := range records {
		var v eventlog.Verdict
		v, head, _ = eventlog.Judge(head, r, dashboardPartitions)
		verdicts = append(verdicts, v)
	}
	return head, verdicts
}

// Any permutation with duplicates and lost races leads to a head of the honest order or to no head.
// If the honest order is only interleaved with repeats, it leads to the last head, without Broken.
func TestShuffledRecordsNeverYieldInvalidHead(t *testing.T) {
	t.Parallel()
	records, heads := honest(t, 8)
	codec := testCodec(t)
	rapid.Check(t, func(t *rapid.T) {
		log := slices.Clone(records)
		for _, i := range rapid.SliceOfN(rapid.IntRange(0, 7), 0, 8).Draw(t, "duplicates") {
			log = append(log, records[i])
		}
		for _, i := range rapid.SliceOfN(rapid.IntRange(0, 7), 0, 4).Draw(t, "rivals") {
			r, err := codec.Encode(change(agency, int64(i+1), prevOf(heads[i], records[0]), noon.Add(time.Hour), "rival"))
			if err != nil {
				t.Fatal(err)
			}
			r.Partition = records[0].Partition
			// A rival that lost: it comes after the record it raced with, so never first.
			log = append(log, r)
		}
		winners := func(r eventlog.Record) bool { return !bytes.Contains(r.Value, []byte("rival")) }
		shuffled := rapid.Permutation(log).Draw(t, "order")

		onlyHonest := slices.DeleteFunc(slices.Clone(shuffled), func(r eventlog.Record) bool { return !winners(r) })
		head, _ := fold(onlyHonest)
		if head != heads[head.Version] {
			t.Fatalf("version %d has another head than the honest order", head.Version)
		}

		// The honest order with everything else after the record that won.
		var settled []eventlog.Record
		for _, r := range records {
			settled = append(settled, r)
			for _, other := range shuffled {
				if other.Header("ce_chainversion") == r.Header("ce_chainversion") && rapid.Bool().Draw(t, "here") {
					settled = append(settled, other)
				}
			}
		}
		head, verdicts := fold(settled)
		if head != heads[8] || slices.Contains(verdicts, eventlog.Broken) {
			t.Fatalf("head %d, verdicts %v", head.Version, verdicts)
		}
	})
}

func prevOf(head domain.StreamHead, r eventlog.Record) [32]byte {
	if head.Version == 0 {
		return eventlog.Genesis(r.Topic, string(r.Key))
	}
	return head.Hash
}

// A changed byte outside of the trace context makes the record not effective or changes its hash;
// in the latter case its honest successor is broken.
func TestChangedByteBreaksChainOrRecord(t *testing.T) {
	t.Parallel()
	records, heads := honest(t, 3)
	rapid.Check(t, func(t *rapid.T) {
		r := edit(records[1], func(h []eventlog.Header) []eventlog.Header { return h })
		flip := func(b []byte) bool {
			if len(b) == 0 {
				return false
			}
			b[rapid.IntRange(0, len(b)-1).Draw(t, "byte")] ^= byte(rapid.IntRange(1, 255).Draw(t, "bits"))
			return true
		}
		switch rapid.SampledFrom([]string{"key", "value", "header", "name", "extra", "removed", "topic"}).Draw(t, "what") {
		case "key":
			flip(r.Key)
			r.Partition = eventlog.PartitionOf(r.Key, dashboardPartitions) // moved together with the key
		case "value":
			flip(r.Value)
		case "header":
			h := r.Headers[rapid.IntRange(0, len(r.Headers)-1).Draw(t, "header")]
			if h.Key == "ce_traceparent" || !flip(h.Value) {
				t.Skip("not hashed")
			}
		case "name":
			i := rapid.IntRange(0, len(r.Headers)-1).Draw(t, "header")
			name := []byte(r.Headers[i].Key)
			if r.Headers[i].Key == "ce_traceparent" {
				t.Skip("an additional header, tested below")
			}
			flip(name)
			r.Headers[i].Key = string(name)
		case "extra":
			r.Headers = append(r.Headers, eventlog.Header{Key: rapid.SampledFrom([]string{"x", "ce_x", "ce_onbehalfof"}).Draw(t, "name"), Value: []byte("v")})
		case "removed":
			i := rapid.IntRange(0, len(r.Headers)-1).Draw(t, "header")
			if r.Headers[i].Key == "ce_traceparent" {
				t.Skip("not hashed")
			}
			r.Headers = slices.Delete(r.Headers, i, i+1)
		case "topic":
			r.Topic = "dashboards2"
		}
		verdict, head, _ := eventlog.Judge(heads[1], r, dashboardPartitions)
		if verdict != eventlog.Effective {
			return
		}
		if head.Hash == heads[2].Hash {
			t.Fatal("the tampered record has the honest hash")
		}
		if verdict, _, _ := eventlog.Judge(head, records[2], dashboardPartitions); verdict != eventlog.Broken {
			t.Fatalf("the honest successor is %s", verdict)
		}
	})
}
