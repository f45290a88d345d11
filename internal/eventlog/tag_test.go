package eventlog_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/tags"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// The tag as doc.go describes it, made a second time from that text.
func TestTagIsWhatIsDocumented(t *testing.T) {
	t.Parallel()
	key, err := hex.DecodeString(tags.Text)
	require.NoError(t, err)
	log := eventlog.LogID{1, 2, 3}
	prev := strings.Repeat("0f", 32)
	rawPrev, err := hex.DecodeString(prev)
	require.NoError(t, err)
	for name, c := range map[string]struct{ prev, version string }{"chained": {prev, "7"}, "not chained": {}} {
		headers := []eventlog.Header{{Key: "zoo", Value: []byte("1")}, {Key: "ce_traceparent", Value: []byte("t")}, {Key: "ce_id", Value: []byte("x")}}
		fields := [][]byte{[]byte("ledgerboard record v1"), log[:], nil, []byte("metrics"), []byte("k"), []byte(c.version)}
		if c.prev != "" {
			fields[2] = rawPrev
			headers = append(headers, eventlog.Header{Key: "ce_chainversion", Value: []byte(c.version)}, eventlog.Header{Key: "ce_chainprev", Value: []byte(c.prev)})
			fields = append(fields, []byte("ce_chainprev"), []byte(c.prev), []byte("ce_chainversion"), []byte(c.version))
		}
		fields = append(fields, []byte("ce_id"), []byte("x"), []byte("zoo"), []byte("1"), []byte("{}"))
		mac := hmac.New(sha256.New, key)
		for _, field := range fields {
			mac.Write(binary.BigEndian.AppendUint32(nil, uint32(len(field))))
			mac.Write(field)
		}
		got := eventlog.NewTagger(tags.Key(), log).Tag(eventlog.Record{Topic: "metrics", Key: []byte("k"), Value: []byte("{}"), Headers: headers})
		require.Equal(t, base64.RawURLEncoding.EncodeToString(mac.Sum(nil)), got.Header("ce_tag"), name)
	}
}

// What was appended again in a later epoch has that one's tag, and is not appended again and again.
func TestTheTagOfALaterEpochIsNoOtherRecord(t *testing.T) {
	t.Parallel()
	r := eventlog.Record{Topic: "contents", Key: []byte("k"), Value: []byte("{}"), Headers: []eventlog.Header{{Key: "ce_id", Value: []byte("x")}}}
	before := eventlog.NewTagger(tags.Key(), eventlog.LogID{1}).Tag(r)
	again := eventlog.NewTagger(tags.Key(), eventlog.LogID{2}).Tag(r)
	require.NotEqual(t, before.Header("ce_tag"), again.Header("ce_tag"))
	require.True(t, eventlog.SameAs(again, before))
	r.Headers[0].Value = []byte("y")
	require.False(t, eventlog.SameAs(eventlog.NewTagger(tags.Key(), eventlog.LogID{2}).Tag(r), before))
	again.Value = []byte("[]")
	require.False(t, eventlog.SameAs(again, before))
}

func TestTagKeysAreRefusedClearly(t *testing.T) {
	t.Parallel()
	good := strings.Repeat("ab", 32)
	for text, want := range map[string]string{
		"":                              "no key is given",
		good + "," + good:               "given twice",
		good + " " + tags.Text:          "2 keys are given",
		"abcd":                          "has 2 bytes, not 32",
		"!":                             "neither hexadecimal nor base64",
		strings.Repeat("00", 32):        "all zeros",
		strings.Repeat("ab", 33):        "has 33 bytes",
		strings.Repeat("ab", 32) + "==": "",
	} {
		_, err := eventlog.ParseTagKeys(text)
		if want == "" {
			require.Error(t, err, text)
			continue
		}
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), good)
	}
	key, err := eventlog.ParseTagKeys(good)
	require.NoError(t, err)
	raw, err := hex.DecodeString(good)
	require.NoError(t, err)
	for _, text := range []string{base64.StdEncoding.EncodeToString(raw), base64.RawURLEncoding.EncodeToString(raw), " " + good + "\n"} {
		same, err := eventlog.ParseTagKeys(text)
		require.NoError(t, err)
		require.Equal(t, key.ID(), same.ID())
	}
	digest := sha256.Sum256(raw)
	require.Equal(t, hex.EncodeToString(digest[:])[:16], key.ID())
	require.True(t, eventlog.TagKey{}.IsZero())
}

func TestTagKeyNeverShows(t *testing.T) {
	t.Parallel()
	key := tags.Key()
	marshalled, err := json.Marshal(key)
	require.NoError(t, err)
	for _, text := range []string{
		fmt.Sprint(key), fmt.Sprintf("%v %+v %#v %s %q %x %d", key, key, key, key, key, key, key),
		fmt.Sprintf("%+v %#v", eventlog.Config{TagKey: key}, &eventlog.Config{TagKey: key}), string(marshalled),
	} {
		require.NotContains(t, text, tags.Text[:16])
		require.NotContains(t, text, "92 14 11 79") // its first bytes in decimal
	}
}

// A rebuild checks millions of tags.
//
//nolint:paralleltest // allocations of others would count
func TestCheckingATagAllocatesNothing(t *testing.T) {
	tagger := eventlog.NewTagger(tags.Key(), eventlog.LogID{1})
	r, err := testCodec(t).Encode(postRead(1, 1))
	require.NoError(t, err)
	r = tagger.Tag(r)
	require.Empty(t, eventlog.TagFault(tagger, r))
	if testing.CoverMode() == "" && !underRace { // there sync.Pool drops what it is given, now and then
		require.Less(t, testing.AllocsPerRun(1000, func() { eventlog.TagFault(tagger, r) }), 1.0)
	}
}

func BenchmarkTagFault(b *testing.B) {
	tagger := eventlog.NewTagger(tags.Key(), eventlog.LogID{1})
	r, err := testCodec(b).Encode(postRead(1, 1))
	require.NoError(b, err)
	r = tagger.Tag(r)
	b.ReportAllocs()
	for b.Loop() {
		if eventlog.TagFault(tagger, r) != "" {
			b.Fatal("it is right")
		}
	}
}

// Whatever order headers came in, the tag is of their names.
func TestTagDoesNotDependOnTheOrderOfHeaders(t *testing.T) {
	t.Parallel()
	tagger := eventlog.NewTagger(tags.Key(), eventlog.LogID{1})
	r, err := testCodec(t).Encode(order("1", 1))
	require.NoError(t, err)
	r = tagger.Tag(r)
	for i, j := 0, len(r.Headers)-1; i < j; i, j = i+1, j-1 {
		r.Headers[i], r.Headers[j] = r.Headers[j], r.Headers[i]
	}
	require.Empty(t, eventlog.TagFault(tagger, r))
	r.Topic = domain.TopicContents
	require.NotEmpty(t, eventlog.TagFault(tagger, r))
}
