//go:build e2e

package e2e_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
)

// tagger tags records as the wire format says, with the key and for the log of a demo: what it did not tag would count for nothing.
type tagger struct{ key, log []byte }

// tagKey is the key that a data directory keeps; "" when there is none.
func tagKey(dir string) string {
	text, _ := os.ReadFile(filepath.Join(dir, "tag.key"))
	return strings.TrimSpace(string(text))
}

// taggerOf returns that of the log in a data directory.
func taggerOf(t *testing.T, dir, databaseURL string) *tagger {
	t.Helper()
	of := &tagger{}
	var err error
	of.key, err = hex.DecodeString(tagKey(dir))
	require.NoError(t, err)
	require.Len(t, of.key, 32)
	conn, err := pgx.Connect(context.Background(), databaseURL)
	require.NoError(t, err)
	defer conn.Close(context.Background())
	var log string
	require.NoError(t, conn.QueryRow(context.Background(), "select log_id from kept.epochs where number = 0").Scan(&log))
	of.log, err = hex.DecodeString(log)
	require.NoError(t, err)
	return of
}

// tag puts the record's tag in the place of any that it has, last of all headers.
func (of *tagger) tag(r *kgo.Record) {
	r.Headers = slices.DeleteFunc(slices.Clone(r.Headers), func(h kgo.RecordHeader) bool { return h.Key == "ce_tag" })
	covered := slices.DeleteFunc(slices.Clone(r.Headers), func(h kgo.RecordHeader) bool {
		return slices.Contains([]string{"ce_traceparent", "ce_tracestate", "traceparent", "tracestate"}, h.Key)
	})
	slices.SortStableFunc(covered, func(a, b kgo.RecordHeader) int { return strings.Compare(a.Key, b.Key) })
	var prev, version []byte
	for _, h := range covered {
		switch h.Key {
		case "ce_chainprev":
			prev, _ = hex.DecodeString(string(h.Value))
		case "ce_chainversion":
			version = h.Value
		}
	}
	mac := hmac.New(sha256.New, of.key)
	for _, field := range [][]byte{[]byte("ledgerboard record v1"), of.log, prev, []byte(r.Topic), r.Key, version} {
		chaosField(mac.Write, field)
	}
	for _, h := range covered {
		chaosField(mac.Write, []byte(h.Key))
		chaosField(mac.Write, h.Value)
	}
	chaosField(mac.Write, r.Value)
	r.Headers = append(r.Headers, kgo.RecordHeader{Key: "ce_tag", Value: []byte(base64.RawURLEncoding.EncodeToString(mac.Sum(nil)))})
}
