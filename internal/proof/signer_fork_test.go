package proof_test

import (
	"context"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/proof"
)

// An append whose outcome was unknown arrives after a later checkpoint was signed: both name the same
// predecessor, both hold, and every process goes on from the same one.
func TestCheckpointThatArrivesLate(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var late []domain.Draft
	hold := false
	s := w.signer(t, func(c *proof.SignerConfig) {
		c.Append = func(ctx context.Context, d domain.Draft) error {
			if hold {
				late = append(late, d)
				return errCrash
			}
			return w.Append(ctx, d)
		}
	})
	w.change(t, agencies[0])
	first := w.sign(t, s)
	w.change(t, agencies[2]) // another partition: the vectors of the two are not in order
	hold = true
	_, _, err := s.Sign(t.Context())
	require.ErrorIs(t, err, errCrash)
	hold = false
	w.change(t, agencies[0])
	second := w.sign(t, s)
	require.Equal(t, first.ID(), second.Prev)
	_, signed, err := s.Sign(t.Context()) // the signer has gone on from the second one already
	require.NoError(t, err)
	require.False(t, signed)
	require.NoError(t, w.Append(t.Context(), late[0]))
	w.holds(t, 3)
	w.change(t, agencies[0])
	require.Equal(t, second.ID(), w.sign(t, s).Prev)
	w.change(t, agencies[0])
	w.sign(t, w.signer(t))
	w.holds(t, 5)
	inFile, inLog := w.notes(t, w.file)
	require.Equal(t, []int{4, 5}, []int{inFile, inLog})
	require.True(t, check(t, w, w.export(t, agencies[0])).OK())
}

// Two processes that lost their lock sign at once: the log holds a fork, and both branches hold.
func TestTwoSignersAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	otherFile := proof.File{Path: filepath.Join(t.TempDir(), "other.txt")}
	b := w.signer(t, func(c *proof.SignerConfig) { c.File = otherFile })
	inside := func() {}
	a := w.signer(t, func(c *proof.SignerConfig) {
		c.Append = func(ctx context.Context, d domain.Draft) error {
			inside()
			return w.Append(ctx, d)
		}
	})
	for n := range 6 {
		w.change(t, agencies[n%3])
		inside = func() {
			w.change(t, agencies[(n+1)%3])
			w.sign(t, b)
		}
		_, signed, err := a.Sign(t.Context())
		require.NoError(t, err)
		require.False(t, signed, "the other one's is first in the log")
	}
	w.holds(t, 12)
	require.Len(t, w.verify(t, w.memory).Notes, 6, "the void ones")
	inside = func() {}
	w.change(t, agencies[0])
	c := w.sign(t, a)
	w.change(t, agencies[0])
	require.Equal(t, c.ID(), w.sign(t, b).Prev, "both go on from the same one")
	_, _, err := a.Sign(t.Context())
	require.NoError(t, err)
	for _, file := range []proof.File{w.file, otherFile} {
		inFile, _ := w.notes(t, file)
		require.Equal(t, 8, inFile, "what counts, and nothing that is void")
	}
	w.holds(t, 14)
}

// interrupted is a log of which something happens after its checkpoints were read.
type interrupted struct {
	proof.Source
	then func()
}

func (i *interrupted) Scan(ctx context.Context, cfg eventlog.ScanConfig) error {
	err := i.Source.Scan(ctx, cfg)
	if cfg.Topic == domain.TopicOperations {
		then := i.then
		i.then = func() {}
		then()
	}
	return err
}

// A checkpoint that another process signs between the reading of the log and of the file, which they share, contradicts nothing.
func TestASignatureWhileTheLogIsRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.signer(t)
	w.change(t, agencies[0])
	w.sign(t, b)
	log := &interrupted{Source: w, then: func() {
		w.change(t, agencies[1])
		w.sign(t, b)
	}}
	_, signed, err := w.signer(t, func(c *proof.SignerConfig) { c.Source = log }).Sign(t.Context())
	require.NoError(t, err)
	require.False(t, signed, "the other one's is first in the log")
	w.holds(t, 3)
	inFile, _ := w.notes(t, w.file)
	require.Equal(t, 2, inFile)
}

func TestLockOfAnotherProcess(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.change(t, agencies[0])
	held, released := true, 0
	s := w.signer(t, func(c *proof.SignerConfig) {
		c.Lock = func(context.Context) (func(), bool, error) { return func() { released++ }, !held, nil }
	})
	_, signed, err := s.Sign(t.Context())
	require.NoError(t, err)
	require.False(t, signed)
	require.Zero(t, w.scans.Load(), "nothing is read meanwhile")
	held = false
	w.sign(t, s)
	require.Equal(t, 1, released)
}

// A signer never signs over what contradicts an earlier checkpoint.
func TestSignerRefusesAContradiction(t *testing.T) {
	t.Parallel()
	for name, tamper := range map[string]func(w *world){
		"end cut off": func(w *world) { cutAfter(w.memory, agencies[0], 4); w.renumber() },
		"altered": func(w *world) {
			p, i := w.find(agencies[0], 6)
			setHeader(&w.topics[domain.TopicDashboards][p][i], "ce_actor", "x")
		},
		"checkpoint removed from the log": func(w *world) {
			p := eventlog.PartitionOf([]byte(domain.OperationsKeyAll), 3)
			w.topics[domain.TopicOperations][p] = w.topics[domain.TopicOperations][p][:1]
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := busy(t, 6)
			tamper(w)
			for _, a := range agencies {
				if a != agencies[0] {
					w.change(t, a)
				}
			}
			_, before := w.notes(t, w.file)
			for range 2 {
				_, signed, err := w.signer(t).Sign(t.Context())
				require.ErrorIs(t, err, proof.ErrContradiction)
				require.False(t, signed)
			}
			_, after := w.notes(t, w.file)
			require.Equal(t, before, after)
		})
	}
}

// A log that got shorter under a running signer is looked at anew.
func TestLogCutUnderARunningSigner(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.signer(t)
	for range 6 {
		w.change(t, agencies[0])
	}
	w.sign(t, s)
	cutAfter(w.memory, agencies[0], 3)
	_, _, err := s.Sign(t.Context())
	require.ErrorContains(t, err, "was read up to")
	_, _, err = s.Sign(t.Context())
	require.ErrorIs(t, err, proof.ErrContradiction)
}

// Forged notes are findings and do not stop the signer.
func TestForgedCheckpoints(t *testing.T) {
	t.Parallel()
	w := busy(t, 3)
	forger := newWorld(t)
	forger.topics = w.topics
	forger.change(t, client(9)) // anything
	_, _, err := forger.signer(t, func(c *proof.SignerConfig) {
		c.Known, c.File = w.known(t), forger.file
		c.Append = w.Append
	}).Sign(t.Context())
	require.NoError(t, err)
	w.change(t, agencies[0])
	w.sign(t, w.signer(t))
	report := w.verify(t, w.memory, func(c *proof.VerifyConfig) { c.Parent = agencies[0] })
	require.Len(t, report.Findings, 1)
	require.Contains(t, report.Findings[0].Detail, "forged, damaged or signed with a key that was not given")
}

// The topic was deleted and created again: the same records are borne out, others are not.
func TestAnotherTopicID(t *testing.T) {
	t.Parallel()
	w := busy(t, 6)
	m := w.clone()
	m.id = eventlog.TopicID{9}
	require.True(t, w.verify(t, m).OK())
	rehash(t, m, agencies[0], 4)
	require.False(t, w.verify(t, m).OK())
}

func TestCheckpointsNeedAKey(t *testing.T) {
	t.Parallel()
	w := busy(t, 3)
	_, err := proof.Verify(t.Context(), proof.VerifyConfig{Source: w})
	require.ErrorIs(t, err, proof.ErrKeyNeeded)
	fresh := newWorld(t)
	fresh.change(t, agencies[0])
	report, err := proof.Verify(t.Context(), proof.VerifyConfig{Source: fresh})
	require.NoError(t, err)
	require.True(t, report.OK())
	require.Contains(t, report.Notes[0], "there is no checkpoint")
}

// Checkpoints are made at the start, now and then, and once more at the stop; each turn is told.
func TestRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var turns []proof.Turn
	s := w.signer(t, func(c *proof.SignerConfig) {
		c.Observe, c.Now = func(turn proof.Turn) { turns = append(turns, turn) }, time.Now
	})
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		w.began = time.Now()
		w.change(t, agencies[0])
		go func() { done <- s.Run(ctx, t.Context()) }()
		signed := func(want int) {
			t.Helper()
			synctest.Wait()
			_, inLog := w.notes(t, w.file)
			require.Equal(t, want, inLog)
		}
		signed(1)
		w.began = time.Now()
		w.change(t, agencies[0])
		time.Sleep(time.Hour + time.Second)
		signed(2)
		time.Sleep(time.Hour)
		signed(3) // nothing is new
		w.began = time.Now()
		w.change(t, agencies[0])
		cancel()
		require.NoError(t, <-done)
		signed(4)
	})
	w.holds(t, 4)
	require.Len(t, turns, 4)
	for i, records := range []int64{1, 2, 2, 3} {
		require.Equal(t, records > 0, turns[i].Signed)
		require.Equal(t, records, turns[i].Checkpoint.Size)
		require.NoError(t, turns[i].Err)
	}
}

// A log that lost what was signed is refused at each turn, and that is told.
func TestRunTellsOfRefusal(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.change(t, agencies[0])
	w.sign(t, w.signer(t))
	for p := range w.topics[domain.TopicDashboards] {
		w.topics[domain.TopicDashboards][p] = nil
	}
	var turns []proof.Turn
	s := w.signer(t, func(c *proof.SignerConfig) { c.Observe = func(turn proof.Turn) { turns = append(turns, turn) } })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, s.Run(ctx, t.Context()))
	require.ErrorIs(t, turns[len(turns)-1].Err, proof.ErrContradiction)
}

// Of two that follow the same checkpoint the first in the log counts, and gets published. Whoever may write to the brokers can put the other one before
// it: both are true, and what is signed from then on would not continue what was published. The file knows.
func TestAPublishedCheckpointIsPushedAside(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.signer(t)
	w.change(t, agencies[0])
	w.sign(t, b)
	a := w.signer(t, func(c *proof.SignerConfig) {
		c.Append = func(ctx context.Context, d domain.Draft) error {
			w.change(t, agencies[2]) // another partition: the two do not even continue each other
			w.sign(t, b)
			return w.Append(ctx, d)
		}
	})
	w.change(t, agencies[0])
	_, signed, err := a.Sign(t.Context())
	require.NoError(t, err)
	require.False(t, signed, "the other one's is first in the log")
	w.change(t, agencies[0])
	w.sign(t, b)
	w.holds(t, 4)

	records := w.topics[domain.TopicOperations][eventlog.PartitionOf([]byte(domain.OperationsKeyAll), 3)]
	records[1], records[2] = records[2], records[1]
	w.renumber()
	report := w.verify(t, w.memory)
	require.Len(t, report.Findings, 1, "%v", report.Findings)
	require.Equal(t, proof.KindCheckpoint, report.Findings[0].Kind)
	require.Equal(t, []string{"order"}, report.Findings[0].Differs)
	require.Contains(t, report.Findings[0].Detail, "was published, as the file has it, and does not count any more")
	for _, n := range report.Notes {
		require.NotContains(t, n, "is void")
	}
	w.change(t, agencies[0])
	_, _, err = w.signer(t).Sign(t.Context())
	require.ErrorIs(t, err, proof.ErrContradiction)
	require.ErrorContains(t, err, "does not count any more")
}

// A clock that was ahead for one checkpoint, and was mended, keeps nobody from signing one every interval.
func TestAClockThatWasAheadStopsNoSigning(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	now := noon.Add(24 * time.Hour)
	s := w.signer(t, func(c *proof.SignerConfig) { c.Now = func() time.Time { return now } })
	w.sign(t, s)
	now = noon
	require.Equal(t, noon, w.sign(t, s).Time, "nothing is new, and nobody would sign for a day")
	_, signed, err := s.Sign(t.Context())
	require.NoError(t, err)
	require.False(t, signed)
	now = noon.Add(-time.Second) // of another process
	_, signed, err = s.Sign(t.Context())
	require.NoError(t, err)
	require.False(t, signed, "clocks are never quite alike")
	now = noon.Add(time.Hour)
	w.sign(t, s)
}
