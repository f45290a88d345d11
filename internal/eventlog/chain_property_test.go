package eventlog_test

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

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
func TestAnyOrderLeadsToAnHonestHead(t *testing.T) {
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
func TestTamperingShows(t *testing.T) {
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
