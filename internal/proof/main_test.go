package proof_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/note"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/proof"
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
		if p != 1 && byPartition[p] < 2 && !(p == 2 && byPartition[2] == 1) {
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
	scans  int
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
	m.scans++
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

func (m *memory) clone() *memory {
	c := *m
	c.topics = map[string][][]eventlog.Record{}
	for name, parts := range m.topics {
		for _, records := range parts {
			var copied []eventlog.Record
			for _, r := range records {
				r.Headers = slices.Clone(r.Headers)
				r.Key, r.Value = slices.Clone(r.Key), slices.Clone(r.Value)
				copied = append(copied, r)
			}
			c.topics[name] = append(c.topics[name], copied)
		}
	}
	return &c
}

// find returns the place of an agency's version.
func (m *memory) find(agency string, version int) (partition, index int) {
	p := int(eventlog.PartitionOf([]byte(agency), testPartitions))
	for i, r := range m.topics[domain.TopicDashboards][p] {
		if string(r.Key) == agency && header(r, "ce_chainversion") == strconv.Itoa(version) {
			return p, i
		}
	}
	return p, -1
}

func header(r eventlog.Record, name string) string {
	for _, h := range r.Headers {
		if h.Key == name {
			return string(h.Value)
		}
	}
	return ""
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

// world is an honest log with its checkpoints.
type world struct {
	*memory
	heads   map[string]eventlog.Head
	now     time.Time
	signing string // signer key
	public  string
	file    proof.File
}

func newWorld(t testing.TB) *world {
	t.Helper()
	signing, public, err := note.GenerateKey(rand.Reader, "test.ledgerboard")
	require.NoError(t, err)
	return &world{
		memory: newMemory(t), heads: map[string]eventlog.Head{}, now: noon, signing: signing, public: public,
		file: proof.File{Path: filepath.Join(t.TempDir(), "checkpoints.txt")},
	}
}

func (w *world) known(t testing.TB) note.Verifiers {
	t.Helper()
	v, err := note.NewVerifier(w.public)
	require.NoError(t, err)
	return note.VerifierList(v)
}

func (w *world) signer(t testing.TB, change ...func(*proof.SignerConfig)) *proof.Signer {
	t.Helper()
	key, err := note.NewSigner(w.signing)
	require.NoError(t, err)
	cfg := proof.SignerConfig{
		Source: w, Append: w.Append, File: w.file, Key: key, Known: w.known(t),
		Now:    func() time.Time { w.now = w.now.Add(time.Minute); return w.now },
		Logger: slog.New(slog.DiscardHandler),
	}
	for _, c := range change {
		c(&cfg)
	}
	s, err := proof.NewSigner(cfg)
	require.NoError(t, err)
	return s
}

func (w *world) sign(t testing.TB, s *proof.Signer) proof.Checkpoint {
	t.Helper()
	c, signed, err := s.Sign(t.Context())
	require.NoError(t, err)
	require.True(t, signed)
	return c
}

// client is the nth sub-account of an agency.
func client(n int) string { return fmt.Sprintf("c1%022x", n) }

func userOf(agency string, version int64) string { return fmt.Sprintf("u%d-%s", version, agency[20:]) }

// change appends one record: the user list of the first client is the version's, so that every
// record changes something; every third takes access away.
func (w *world) change(t testing.TB, agency string) eventlog.Record {
	t.Helper()
	r := w.encode(t, agency, w.heads[agency], userOf(agency, w.heads[agency].Version+1), w.at(agency))
	w.put(r)
	head := w.heads[agency]
	prev := head.Hash
	if head.Version == 0 {
		prev = eventlog.Genesis(r.Topic, agency)
	}
	w.heads[agency] = eventlog.Head{Version: head.Version + 1, Hash: eventlog.RecordHash(prev, r), Time: w.at(agency)}
	return r
}

func (w *world) at(agency string) time.Time {
	return noon.Add(time.Duration(w.heads[agency].Version+1) * time.Second)
}

func (w *world) encode(t testing.TB, agency string, head eventlog.Head, user string, at time.Time) eventlog.Record {
	t.Helper()
	prev := head.Hash
	if head.Version == 0 {
		prev = eventlog.Genesis(domain.TopicDashboards, agency)
	}
	change := domain.DashboardChange{
		Primary: client(1), Linked: []string{client(1)}, Users: []string{user}, Scopes: []string{"posts"},
		MainPOC: map[string][]string{client(1): {}},
	}
	var data domain.DashboardEvent = domain.DashboardUsersChanged{DashboardChange: change}
	if head.Version == 0 {
		change.Created = map[string]string{client(1): domain.NewDashboardID(agency, client(1))}
		data = domain.DashboardOpened{DashboardChange: change}
	} else if head.Version%3 == 0 {
		change.LostAccess = []string{userOf(agency, head.Version)}
		data = domain.DashboardUsersChanged{DashboardChange: change}
	}
	r, err := w.codec.Encode(domain.Draft{
		Topic: domain.TopicDashboards, Key: agency, Data: data,
		Envelope: domain.Envelope{
			ID: fmt.Sprintf("%s.%d.%s", agency, head.Version+1, user), Subject: client(1), Time: at,
			Chain: &domain.ChainLink{Version: head.Version + 1, Prev: prev[:]},
			Audit: domain.Audit{
				Actor: "a-" + agency, Role: "agency", OnBehalfOf: "b", CommandID: "command", RequestID: "request",
				IdempotencyKey: "key", RequestDigest: "00ff",
			},
			TraceParent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
		},
	})
	require.NoError(t, err)
	return r
}

// busy is a world of three agencies with so many changes each, a lost race, and a checkpoint after
// every third round.
func busy(t testing.TB, rounds int) *world {
	t.Helper()
	w := newWorld(t)
	s := w.signer(t)
	for round := range rounds {
		for _, agency := range agencies {
			head := w.heads[agency]
			w.change(t, agency)
			if round == 1 { // the loser of a race names the same predecessor
				w.put(w.encode(t, agency, head, "loser", w.heads[agency].Time.Add(time.Hour)))
			}
		}
		if round%3 == 2 {
			w.sign(t, s)
		}
	}
	return w
}

func (w *world) verify(t testing.TB, log proof.Source, change ...func(*proof.VerifyConfig)) proof.Report {
	t.Helper()
	cfg := proof.VerifyConfig{Source: log, Known: w.known(t), File: &w.file}
	for _, c := range change {
		c(&cfg)
	}
	report, err := proof.Verify(t.Context(), cfg)
	require.NoError(t, err)
	return report
}
