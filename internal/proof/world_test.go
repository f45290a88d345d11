package proof_test

import (
	"crypto/rand"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/note"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/proof"
)

// world is an honest log with its checkpoints.
type world struct {
	*memory
	heads   map[string]domain.StreamHead
	now     time.Time
	began   time.Time // each version of a stream is a second later
	signing string    // signer key
	public  string
}

func newWorld(t testing.TB) *world {
	t.Helper()
	signing, public, err := note.GenerateKey(rand.Reader, "test.ledgerboard")
	require.NoError(t, err)
	return &world{
		memory: newMemory(t), heads: map[string]domain.StreamHead{}, now: noon, began: noon, signing: signing, public: public,
	}
}

func (w *world) known(t testing.TB) note.Verifiers {
	t.Helper()
	v, err := note.NewVerifier(w.public)
	require.NoError(t, err)
	return note.VerifierList(v)
}

func (w *world) key(t testing.TB) note.Signer {
	t.Helper()
	key, err := note.NewSigner(w.signing)
	require.NoError(t, err)
	return key
}

func (w *world) signer(t testing.TB, change ...func(*proof.SignerConfig)) *proof.Signer {
	t.Helper()
	cfg := proof.SignerConfig{
		Source: w, Append: w.Append, Key: w.key(t), Known: w.known(t),
		Now:    func() time.Time { w.now = w.now.Add(time.Minute); return w.now },
		Every:  time.Hour,
		Logger: slog.New(slog.DiscardHandler),
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

// client is the nth sub-account of an agency.
func client(n int) string { return fmt.Sprintf("c1%022x", n) }

func userOf(agency string, version int64) string { return fmt.Sprintf("u%d-%s", version, agency[20:]) }

// change appends one record: the user list of the first client is the version's, so that every
// record changes something; every third takes access away.
func (w *world) change(t testing.TB, agency string) eventlog.Record {
	t.Helper()
	r := w.encode(t, agency, w.heads[agency], userOf(agency, w.heads[agency].Version+1), w.at(agency))
	w.chain(agency, r)
	return r
}

// chain puts a record that follows the head.
func (w *world) chain(agency string, r eventlog.Record) {
	w.put(r)
	head := w.heads[agency]
	prev := head.Hash
	if head.Version == 0 {
		prev = eventlog.Genesis(r.Topic, agency)
	}
	at := w.at(agency)
	w.heads[agency] = domain.StreamHead{Version: head.Version + 1, Hash: eventlog.RecordHash(prev, r), Time: at}
}

func (w *world) at(agency string) time.Time {
	return w.began.Add(time.Duration(w.heads[agency].Version+1) * time.Second)
}

func (w *world) encode(t testing.TB, agency string, head domain.StreamHead, user string, at time.Time) eventlog.Record {
	t.Helper()
	change := domain.DashboardChange{
		Primary: client(1), Linked: []string{client(1)}, Users: []string{user}, Scopes: []string{"posts"},
		MainPOC: map[string][]string{client(1): {}},
	}
	prev := head.Hash
	if head.Version == 0 {
		prev = eventlog.Genesis(domain.TopicDashboards, agency)
		change.Created = map[string]string{client(1): domain.NewDashboardID(agency, client(1))}
	} else if head.Version%3 == 0 {
		change.LostAccess = []string{userOf(agency, head.Version)}
	}
	var data domain.DashboardEvent = domain.DashboardUsersChanged{DashboardChange: change}
	if head.Version == 0 {
		data = domain.DashboardOpened{DashboardChange: change}
	}
	r, err := w.codec.Encode(domain.Draft{
		Topic: domain.TopicDashboards, Key: agency, Data: data,
		Envelope: domain.Envelope{
			ID: fmt.Sprintf("%s.%d.%s", agency, head.Version+1, user), Subject: client(1), Time: at,
			Chain: &domain.ChainLink{Version: head.Version + 1, Prev: prev},
			Audit: domain.Audit{
				Actor: "a-" + agency, Role: "agency", OnBehalfOf: "b", CommandID: "command", RequestID: "request",
				IdempotencyKey: fmt.Sprintf("key-%d", head.Version%4), RequestDigest: "00ff",
			},
			TraceParent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
		},
	})
	require.NoError(t, err)
	return r
}

// putUnreadable puts a record that follows the head and cannot be decoded.
func (w *world) putUnreadable(t testing.TB, agency string) {
	t.Helper()
	r := w.encode(t, agency, w.heads[agency], "u", noon.Add(time.Hour))
	r.Value = []byte("{")
	w.put(r)
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
	cfg := proof.VerifyConfig{Source: log, Known: w.known(t)}
	for _, c := range change {
		c(&cfg)
	}
	report, err := proof.Verify(t.Context(), cfg)
	require.NoError(t, err)
	return report
}
