package proof_test

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/embedded"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/proof"
)

// onDisk opens the log in a data directory of the embedded broker.
func onDisk(t *testing.T, dir string) (log *eventlog.Log, stop func()) {
	t.Helper()
	broker, err := embedded.StartBroker(t.Context(), embedded.BrokerConfig{DataDir: dir})
	require.NoError(t, err)
	topics := eventlog.OnOneBroker(testCodec(t).Topics(), broker.TopicOverrides())
	log, err = eventlog.Open(t.Context(), eventlog.Config{Brokers: broker.Addrs(), Topics: topics})
	require.NoError(t, err)
	stopped := false
	stop = func() {
		if !stopped {
			stopped = true
			require.NoError(t, log.Close())
			require.NoError(t, broker.Close())
		}
	}
	t.Cleanup(stop)
	return log, stop
}

// segments are the files of `dashboards` that hold records.
func segments(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "log", "partitions", "dashboards-*", "*.dat"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	return files
}

// batches are the record batches of a segment: Kafka's own format, one after the other.
func batches(raw []byte) [][]byte {
	var list [][]byte
	for len(raw) > 12 {
		n := 12 + int(binary.BigEndian.Uint32(raw[8:]))
		list, raw = append(list, raw[:n]), raw[n:]
	}
	return list
}

// overwrite replaces bytes on disk as somebody with access to the broker's machine would, who knows of
// Kafka's checksums.
func overwrite(t *testing.T, dir, from, to string) {
	t.Helper()
	require.Len(t, to, len(from))
	found := 0
	for _, path := range segments(t, dir) {
		raw, err := os.ReadFile(path)
		require.NoError(t, err)
		for _, batch := range batches(raw) {
			if i := bytes.Index(batch, []byte(from)); i >= 0 {
				found++
				copy(batch[i:], to)
				binary.BigEndian.PutUint32(batch[17:], crc32.Checksum(batch[21:], crc32.MakeTable(crc32.Castagnoli)))
			}
		}
		require.NoError(t, os.WriteFile(path, raw, 0o600))
	}
	require.Equal(t, 1, found)
}

// The real thing: a broker's files are altered while it is down, with right checksums, or cut.
func TestTamperingOnDisk(t *testing.T) {
	t.Parallel()
	origin := t.TempDir()
	w := newWorld(t)
	a := agencies[0]
	log, stop := onDisk(t, origin)
	for range 6 {
		r := w.change(t, a)
		e, err := w.Decode(r)
		require.NoError(t, err)
		require.NoError(t, log.Append(t.Context(), domain.Draft{Topic: r.Topic, Key: a, Envelope: e.Envelope, Data: e.Data}))
	}
	w.now = time.Now() // the log says itself when it began
	signer := w.signer(t, func(c *proof.SignerConfig) { c.Source, c.Append = log, log.Append })
	w.sign(t, signer)
	require.Empty(t, w.verify(t, log).Findings)
	stop()

	for name, c := range map[string]struct {
		tamper  func(t *testing.T, dir string)
		kind    proof.Kind
		version int64
	}{
		"untouched": {tamper: func(*testing.T, string) {}},
		"data":      {func(t *testing.T, dir string) { overwrite(t, dir, `"users":["u3-`, `"users":["x3-`) }, proof.KindAltered, 3},
		"time": {func(t *testing.T, dir string) {
			at := noon.Add(4 * time.Second).Format("2006-01-02T15:04:05")
			overwrite(t, dir, at+".000", at+".001")
		}, proof.KindAltered, 4},
		"end": {func(t *testing.T, dir string) {
			for _, path := range segments(t, dir) {
				raw, err := os.ReadFile(path)
				require.NoError(t, err)
				list := batches(raw)
				require.NoError(t, os.WriteFile(path, raw[:len(raw)-len(list[len(list)-1])], 0o600))
				require.NoError(t, os.RemoveAll(filepath.Join(filepath.Dir(path), "0.idx")))
				require.NoError(t, os.RemoveAll(filepath.Join(filepath.Dir(path), "snapshot.json")))
			}
		}, proof.KindTruncated, 0},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			require.NoError(t, os.CopyFS(dir, os.DirFS(origin)))
			c.tamper(t, dir)
			log, stop := onDisk(t, dir)
			defer stop()
			report := w.verify(t, log)
			if c.kind == "" {
				require.True(t, report.OK(), "%v", report.Findings)
				return
			}
			require.NotEmpty(t, report.Findings)
			require.Equal(t, c.kind, report.Findings[0].Kind, "%v", report.Findings)
			require.Equal(t, c.version, report.Findings[0].Version)
			if c.version > 0 {
				require.Equal(t, a, report.Findings[0].Agency)
			}
		})
	}
}
