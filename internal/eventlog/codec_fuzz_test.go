package eventlog_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// FuzzDecode: no input panics; what decodes encodes to a record that decodes to the same; and on a
// chained topic what [eventlog.Judge] takes has an envelope that decodes.
func FuzzDecode(f *testing.F) {
	codec := testCodec(f)
	for _, draft := range samples(f) {
		r, err := codec.Encode(draft)
		require.NoError(f, err)
		headers, err := json.Marshal(pairs(r.Headers))
		require.NoError(f, err)
		f.Add(r.Topic, r.Key, headers, r.Value)
	}
	f.Fuzz(func(t *testing.T, topic string, key, headers, value []byte) {
		r := eventlog.Record{Topic: topic, Key: key, Value: value, Partition: eventlog.PartitionOf(key, dashboardPartitions)}
		var list [][2]string
		if json.Unmarshal(headers, &list) != nil {
			return
		}
		for _, h := range list {
			r.Headers = append(r.Headers, eventlog.Header{Key: h[0], Value: []byte(h[1])})
		}
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
			return // stricter than reading: capital letters, a source that is no URI
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
