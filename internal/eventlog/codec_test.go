package eventlog_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// sample is a record as a file in testdata/records/. The files are frozen: every record that was
// ever written decodes forever, and new code writes it with the same bytes.
type sample struct {
	Topic   string      `json:"topic"`
	Key     string      `json:"key"`
	Headers [][2]string `json:"headers"`
	Value   *string     `json:"value"` // null: a tombstone
}

func (s sample) record(partition int32, offset int64) eventlog.Record {
	r := eventlog.Record{Topic: s.Topic, Key: []byte(s.Key), Partition: partition, Offset: offset}
	for _, h := range s.Headers {
		r.Headers = append(r.Headers, eventlog.Header{Key: h[0], Value: []byte(h[1])})
	}
	if s.Value != nil {
		r.Value = []byte(*s.Value)
	}
	return r
}

func samples(t testing.TB) map[string]domain.Draft {
	t.Helper()
	s := stream{codec: testCodec(t), key: agency}
	s.next()
	chained, _ := s.next()
	account := domain.Draft{
		Topic: domain.TopicMetrics, Key: "42", Envelope: domain.Envelope{ID: "read-42", Subject: "42", Time: noon},
		Data: domain.AccountRead{
			Tenant: tenant(42), Platform: domain.TikTok, CapturedAt: noon,
			Figures: []domain.Figure{{Name: domain.MetricLikes, Kind: domain.Cumulative, Value: 9, Source: "likes_count"}},
			Missing: []domain.MissingFigure{{Name: domain.MetricReach, Code: domain.StatusUnsupportedMetric}},
		},
	}
	return map[string]domain.Draft{
		"dashboard.users_changed.v1":      chained,
		"metrics.post_read.v1":            postRead(42, 1),
		"metrics.account_read.v1":         account,
		"operations.operator_finished.v1": paused(1),
		"directory.order.v1":              order("1", 1),
		"directory.erased.v1":             erased("1"),
	}
}

func TestFrozenRecordsStillDecode(t *testing.T) {
	t.Parallel()
	codec := testCodec(t)
	topics := map[string]bool{}
	for name, draft := range samples(t) {
		topics[draft.Topic] = true
		raw, err := os.ReadFile(filepath.Join("testdata/records", name+".json"))
		require.NoError(t, err)
		var frozen sample
		require.NoError(t, json.Unmarshal(raw, &frozen))

		r := frozen.record(3, 7)
		e, err := codec.Decode(r)
		require.NoError(t, err, name)
		want := domain.Recorded{Topic: draft.Topic, Key: draft.Key, Partition: 3, Offset: 7, Envelope: draft.Envelope, Data: draft.Data}
		want.Envelope.Type = name
		if want.Envelope.Source == "" {
			want.Envelope.Source = "/ledgerboard/test"
		}
		require.Equal(t, want, e, name)
		again, err := codec.Encode(draft)
		require.NoError(t, err, name)
		require.Equal(t, r.Headers, again.Headers, name)
		require.Equal(t, string(r.Value), string(again.Value), name)
		requireCloudEvent(t, again)
	}
	require.Len(t, topics, 4, "a sample of every topic")

	berlin := postRead(1, 1)
	berlin.Envelope.Time = berlin.Envelope.Time.In(time.FixedZone("CET", 3600))
	r, err := codec.Encode(berlin)
	require.NoError(t, err)
	e, err := codec.Decode(r)
	require.NoError(t, err)
	require.Equal(t, postRead(1, 1).Envelope.Time, e.Envelope.Time, "always UTC")
}

// requireCloudEvent builds the event according to the Kafka binding and validates it with the SDK.
func requireCloudEvent(t testing.TB, r eventlog.Record) {
	t.Helper()
	e := event.New(event.CloudEventsVersionV1)
	for _, h := range r.Headers {
		name, isAttribute := strings.CutPrefix(h.Key, "ce_")
		value := string(h.Value)
		switch {
		case h.Key == "content-type":
			e.SetDataContentType(value)
		case !isAttribute:
			require.Fail(t, "a header that is not an attribute", h.Key)
		case name == "specversion":
			require.Equal(t, "1.0", value)
		case name == "id":
			e.SetID(value)
		case name == "source":
			e.SetSource(value)
		case name == "type":
			e.SetType(value)
		case name == "subject":
			e.SetSubject(value)
		case name == "time":
			at, err := time.Parse(time.RFC3339Nano, value)
			require.NoError(t, err)
			e.SetTime(at)
		default:
			e.SetExtension(name, value)
		}
	}
	if r.Value != nil {
		e.DataEncoded = r.Value
	}
	require.NoError(t, e.Validate())
}

func TestEncodeRefusesInvalidDrafts(t *testing.T) {
	t.Parallel()
	codec := testCodec(t)
	s := stream{codec: codec, key: agency}
	chained, _ := s.next()
	for name, c := range map[string]struct {
		base   domain.Draft
		change func(*domain.Draft)
		detail string
	}{
		"capital letters in a hex key":     {chained, func(d *domain.Draft) { d.Key = strings.ToUpper(d.Key) }, "another spelling would be a different stream"},
		"capital letters in an entity key": {order("1", 1), func(d *domain.Draft) { d.Key = "user:" + strings.ToUpper(agency) }, "capital letters"},
		"control character in the key":     {paused(1), func(d *domain.Draft) { d.Key = "a\x00" }, "control character"},
		"no id":                            {paused(1), func(d *domain.Draft) { d.Envelope.ID = "" }, "ce_id is missing"},
		"no time":                          {paused(1), func(d *domain.Draft) { d.Envelope.Time = time.Time{} }, "time is not set"},
		"nanoseconds":                      {paused(1), func(d *domain.Draft) { d.Envelope.Time = noon.Add(1) }, "more than microsecond precision"},
		"a year out of range":              {paused(1), func(d *domain.Draft) { d.Envelope.Time = noon.AddDate(9000, 0, 0) }, "year"},
		"type of another payload":          {paused(1), func(d *domain.Draft) { d.Envelope.Type = "directory.order.v1" }, "the payload has"},
		"type that is not registered":      {paused(1), func(d *domain.Draft) { d.Data = unheardOf{} }, "unknown event type"},
		"payload against its own rules":    {postRead(1, 1), func(d *domain.Draft) { d.Data = domain.PostRead{} }, "external_id"},
		"NUL in the payload":               {paused(1), func(d *domain.Draft) { d.Data = domain.OperatorFinished{Of: "a\x00b"} }, "NUL"},
		"tombstone without compaction":     {paused(1), func(d *domain.Draft) { d.Data = nil }, "does not accept tombstones"},
		"chain link missing":               {chained, func(d *domain.Draft) { d.Envelope.Chain = nil }, "ce_chainversion"},
		"chain link where none is":         {paused(1), func(d *domain.Draft) { d.Envelope.Chain = chained.Envelope.Chain }, "not chained"},
		"chain version zero":               {chained, func(d *domain.Draft) { d.Envelope.Chain = &domain.ChainLink{Prev: [32]byte{}} }, "ce_chainversion"},
		"line break in a header":           {paused(1), func(d *domain.Draft) { d.Envelope.Audit.Actor = "a\nb" }, "control character"},
		"header that is not UTF-8":         {paused(1), func(d *domain.Draft) { d.Envelope.Subject = "\xff" }, "not UTF-8"},
		"source without a URI":             {paused(1), func(d *domain.Draft) { d.Envelope.Source = "http://[" }, "URI"},
	} {
		d := c.base
		c.change(&d)
		_, err := codec.Encode(d)
		require.ErrorIs(t, err, eventlog.ErrInvalidDraft, name)
		require.ErrorContains(t, err, c.detail, name)
	}
	empty := paused(1)
	empty.Key = ""
	_, err := codec.Encode(empty)
	require.ErrorIs(t, err, eventlog.ErrEmptyKey)
}

type unheardOf struct{}

func (unheardOf) EventType() string { return "unheard.of.v1" }

func TestDecodeErrorsAreClassified(t *testing.T) {
	t.Parallel()
	codec := testCodec(t)
	encode := func(d domain.Draft) eventlog.Record {
		r, err := codec.Encode(d)
		require.NoError(t, err)
		return r
	}
	read, nul := encode(postRead(1, 1)), []byte(`{"external_id":"\u0000"}`)
	for name, c := range map[string]struct {
		record eventlog.Record
		class  error
	}{
		"unknown type":                    {edit(read, setHeader("ce_type", "unheard.of.v1")), domain.ErrUnknownType},
		"payload is no JSON":              {vary(read, func(r *eventlog.Record) { r.Value = []byte("{") }), eventlog.ErrPayload},
		"payload against its rules":       {vary(read, func(r *eventlog.Record) { r.Value = []byte("{}") }), eventlog.ErrPayload},
		"payload with NUL":                {vary(read, func(r *eventlog.Record) { r.Value = nul }), eventlog.ErrPayload},
		"empty value, not compacted":      {vary(read, func(r *eventlog.Record) { r.Value = []byte("") }), eventlog.ErrMalformed},
		"empty key":                       {vary(read, func(r *eventlog.Record) { r.Key = []byte("") }), eventlog.ErrMalformed},
		"key that is not UTF-8":           {vary(read, func(r *eventlog.Record) { r.Key = []byte("\xff") }), eventlog.ErrMalformed},
		"unknown topic":                   {vary(read, func(r *eventlog.Record) { r.Topic = "nonsense" }), eventlog.ErrMalformed},
		"no headers":                      {edit(read, func([]eventlog.Header) []eventlog.Header { return nil }), eventlog.ErrMalformed},
		"missing id":                      {edit(read, dropHeader("ce_id")), eventlog.ErrMalformed},
		"repeated id":                     {edit(read, repeatHeader("ce_id")), eventlog.ErrMalformed},
		"repeated extension":              {edit(edit(read, setHeader("ce_actor", "a")), repeatHeader("ce_actor")), eventlog.ErrMalformed},
		"other content type":              {edit(read, setHeader("content-type", "text/plain")), eventlog.ErrMalformed},
		"missing content type":            {edit(read, dropHeader("content-type")), eventlog.ErrMalformed},
		"specversion 0.3":                 {edit(read, setHeader("ce_specversion", "0.3")), eventlog.ErrMalformed},
		"chain headers where none belong": {edit(read, setHeader("ce_chainversion", "1")), eventlog.ErrMalformed},
		"tombstone without its headers":   {edit(encode(erased("1")), func([]eventlog.Header) []eventlog.Header { return nil }), eventlog.ErrMalformed},
		"unknown extension is ignored":    {edit(read, setHeader("ce_later", "1")), nil},
		"foreign header is ignored":       {edit(read, setHeader("traceparent", "00")), nil},
		"empty tombstone instead of null": {vary(encode(erased("1")), func(r *eventlog.Record) { r.Value = []byte("") }), nil},
	} {
		e, err := codec.Decode(c.record)
		require.ErrorIs(t, err, c.class, name)
		if c.class == nil {
			continue
		}
		for _, class := range []error{eventlog.ErrMalformed, eventlog.ErrPayload, domain.ErrUnknownType} {
			require.Equal(t, errors.Is(class, c.class), strings.Contains(err.Error(), class.Error()), "%s: exactly one class: %s", name, err)
		}
		if !errors.Is(c.class, eventlog.ErrMalformed) {
			require.Equal(t, "read-1-1", e.Envelope.ID, "%s: a parked record can be identified", name)
		}
	}
}

// FuzzDecodeRecord: no input panics. A record that decodes encodes to one that decodes to the same event.
// On a chained topic every record that [eventlog.Judge] accepts has an envelope that decodes.
func FuzzDecodeRecord(f *testing.F) {
	codec := testCodec(f)
	for _, draft := range samples(f) {
		r, err := codec.Encode(draft)
		require.NoError(f, err)
		headers, err := json.Marshal(pairs(r.Headers))
		require.NoError(f, err)
		f.Add(r.Topic, r.Key, headers, r.Value)
	}
	f.Fuzz(func(t *testing.T, topic string, key, headers, value []byte) {
		var list [][2]string
		if json.Unmarshal(headers, &list) != nil {
			return
		}
		r := sample{Topic: topic, Key: string(key), Headers: list}.record(eventlog.PartitionOf(key, dashboardPartitions), 0)
		r.Value = value
		e, err := codec.Decode(r)
		if topic == domain.TopicDashboards {
			verdict, _, _ := eventlog.Judge(domain.StreamHead{}, r, dashboardPartitions)
			if verdict == eventlog.Effective && err != nil {
				require.NotEmpty(t, e.Envelope.ID, "effective, but %s", err)
			}
		}
		if err != nil {
			return
		}
		again, err := codec.Encode(domain.Draft{Topic: e.Topic, Key: e.Key, Envelope: e.Envelope, Data: e.Data})
		if err != nil {
			return // stricter than decoding: capital letters, an invalid source URI
		}
		e2, err := codec.Decode(again)
		require.NoError(t, err)
		require.Equal(t, e.Envelope, e2.Envelope)
	})
}

func pairs(headers []eventlog.Header) [][2]string {
	list := make([][2]string, 0, len(headers))
	for _, h := range headers {
		list = append(list, [2]string{h.Key, string(h.Value)})
	}
	return list
}
