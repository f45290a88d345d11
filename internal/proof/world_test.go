package proof_test

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/note"

	"github.com/ledgerboard/ledgerboard/domain"
	_ "github.com/ledgerboard/ledgerboard/internal/dev/draws"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
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
		if p == 0 && byPartition[0] < 2 || p == 2 && byPartition[2] < 1 {
			byPartition[p]++
			a = append(a, id)
		}
	}
	return a
}()

// memory is a log in memory; its records can be tampered with.
type memory struct {
	*ledgertest.Memory

	broken error // error of the next append
	topic  eventlog.TopicID
}

// Ranges returns the offsets and the id of the topic.
func (m *memory) Ranges(ctx context.Context, topic string) ([]eventlog.PartitionRange, eventlog.TopicID, error) {
	ranges, _, err := m.Memory.Ranges(ctx, topic)
	return ranges, m.topic, err
}

// Append encodes and appends.
func (m *memory) Append(_ context.Context, d domain.Draft) error {
	if m.broken != nil {
		return m.broken
	}
	r, err := m.Encode(d)
	if err == nil {
		m.Put(r)
	}
	return err
}

// renumber gives records their actual partition and offset after tampering.
func (m *memory) renumber() {
	for _, parts := range m.Topics {
		for i := range parts {
			for j := range parts[i] {
				parts[i][j].Partition, parts[i][j].Offset = int32(i), int64(j)
			}
		}
	}
}

// find returns the place of an agency's version.
func (m *memory) find(agency string, version int) (partition, index int) {
	p := int(eventlog.PartitionOf([]byte(agency), testPartitions))
	return p, slices.IndexFunc(m.Topics[domain.TopicDashboards][p], func(r eventlog.Record) bool {
		return string(r.Key) == agency && r.Header("ce_chainversion") == strconv.Itoa(version)
	})
}

func setHeader(r *eventlog.Record, name, value string) {
	isNamed := func(h eventlog.Header) bool { return h.Key == name }
	r.Headers = slices.DeleteFunc(slices.Clone(r.Headers), isNamed)
	r.Headers = append(r.Headers, eventlog.Header{Key: name, Value: []byte(value)})
}

// world is a valid log with its checkpoints.
type world struct {
	*memory
	heads     map[string]domain.StreamHead
	now       time.Time
	actor     string // prefix of the actors
	key       note.Signer
	verifiers note.Verifiers
}

func newWorld(t testing.TB) *world {
	t.Helper()
	private, public, err := proof.GenerateKey()
	require.NoError(t, err)
	key, _, err := proof.ParseKey(private)
	require.NoError(t, err)
	verifiers, err := proof.ParseVerifiers(public)
	require.NoError(t, err)
	log := ledgertest.NewMemory(eventlog.NewCodec(domain.NewRegistry(), ledgertest.Topics(t, nil), "/ledgerboard/test"), map[string]int32{
		domain.TopicDashboards: testPartitions, domain.TopicOperations: 3,
	})
	return &world{memory: &memory{Memory: log, topic: ledgertest.MemoryTopic}, heads: map[string]domain.StreamHead{}, now: noon, actor: "a-", key: key, verifiers: verifiers}
}

func (w *world) signer(t testing.TB, change ...func(*proof.SignerConfig)) *proof.Signer {
	t.Helper()
	cfg := proof.SignerConfig{
		Source: w, Append: w.Append, Key: w.key, Verifiers: w.verifiers,
		Now:    func() time.Time { w.now = w.now.Add(time.Minute); return w.now },
		Every:  time.Hour,
		Logger: ledgertest.Quiet,
	}
	for _, c := range change {
		c(&cfg)
	}
	return proof.NewSigner(cfg)
}

func (w *world) sign(t testing.TB, s *proof.Signer) proof.Checkpoint {
	t.Helper()
	c, signed, err := s.Sign(t.Context())
	require.NoError(t, err)
	require.True(t, signed)
	return c
}

// client returns the nth sub-account of an agency.
func client(n int) string { return fmt.Sprintf("c1%022x", n) }

func userOf(agency string, version int64) string { return fmt.Sprintf("u%d-%s", version, agency[20:]) }

// change appends one record with a change: the first client gets the version's user.
func (w *world) change(t testing.TB, agency string) eventlog.Record {
	t.Helper()
	head := w.heads[agency]
	version := head.Version + 1
	at := noon.Add(time.Duration(version) * time.Second)
	r := w.encode(t, agency, head, userOf(agency, version), at)
	w.Put(r)
	w.heads[agency] = domain.StreamHead{Version: version, Hash: eventlog.RecordHash(prevOf(agency, head), r), Time: at}
	return r
}

// prevOf returns the hash that the record after a head names.
func prevOf(agency string, head domain.StreamHead) [32]byte {
	if head.Version == 0 {
		return eventlog.Genesis(domain.TopicDashboards, agency)
	}
	return head.Hash
}

func (w *world) encode(t testing.TB, agency string, head domain.StreamHead, user string, at time.Time) eventlog.Record {
	t.Helper()
	change := domain.DashboardChange{
		Primary: client(1), Linked: []string{client(1)}, Users: []string{user}, Scopes: []string{"posts"},
		MainPOC: map[string][]string{client(1): {}},
	}
	if head.Version > 0 && head.Version%3 == 0 {
		change.LostAccess = []string{userOf(agency, head.Version)}
	}
	var data domain.DashboardEvent = domain.DashboardUsersChanged{DashboardChange: change}
	if head.Version == 0 {
		change.Created = map[string]string{client(1): domain.NewDashboardID(agency, client(1))}
		data = domain.DashboardOpened{DashboardChange: change}
	}
	r, err := w.Encode(domain.Draft{
		Topic: domain.TopicDashboards, Key: agency, Data: data,
		Envelope: domain.Envelope{
			ID: fmt.Sprintf("%s.%d.%s", agency, head.Version+1, user), Subject: client(1), Time: at,
			Chain: &domain.ChainLink{Version: head.Version + 1, Prev: prevOf(agency, head)},
			Audit: domain.Audit{
				Actor: w.actor + agency, Role: "agency", OnBehalfOf: "b", CommandID: "command", RequestID: "request",
				IdempotencyKey: fmt.Sprintf("key-%d", head.Version%4), RequestDigest: "00ff",
			},
			TraceParent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
		},
	})
	require.NoError(t, err)
	return r
}

// busy returns a log with the given rounds of changes.
func busy(t testing.TB, rounds int) *world {
	t.Helper()
	w := newWorld(t)
	w.live(t, rounds)
	return w
}

// live appends a change of each agency per round, a lost race, and a checkpoint every third round.
func (w *world) live(t testing.TB, rounds int) {
	t.Helper()
	s := w.signer(t)
	for round := range rounds {
		for _, agency := range agencies {
			head := w.heads[agency]
			w.change(t, agency)
			if round == 1 { // the loser of a race names the same predecessor
				w.Put(w.encode(t, agency, head, "loser", w.heads[agency].Time.Add(time.Hour)))
			}
		}
		if round%3 == 2 {
			w.sign(t, s)
		}
	}
}

func (w *world) verify(t testing.TB, change ...func(*proof.VerifyConfig)) proof.Report {
	t.Helper()
	cfg := proof.VerifyConfig{Source: w, Verifiers: w.verifiers}
	for _, c := range change {
		c(&cfg)
	}
	report, err := proof.Verify(t.Context(), cfg)
	require.NoError(t, err)
	return report
}
