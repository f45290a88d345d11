package proof_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/proof"
)

// readings is a log that notes what is read of it.
type readings struct {
	proof.Source

	mu   sync.Mutex
	keys map[string]int // records handed out by key
}

func (l *readings) Scan(ctx context.Context, cfg eventlog.ScanConfig) error {
	handle := cfg.Handle
	cfg.Handle = func(ctx context.Context, run eventlog.Run) error {
		l.mu.Lock()
		for _, r := range run.Records {
			if r.Topic == domain.TopicDashboards {
				l.keys[string(r.Key)]++
			}
		}
		l.mu.Unlock()
		return handle(ctx, run)
	}
	return l.Source.Scan(ctx, cfg)
}

func (l *readings) take() map[string]int {
	keys := l.keys
	l.keys = map[string]int{}
	return keys
}

func (w *world) checker(t testing.TB, log proof.Source) *proof.Checker {
	t.Helper()
	return proof.NewChecker(proof.NewProver(log, always(w.known(t)), &w.file), time.Hour, func() time.Time { return w.now })
}

func untold(proof.Stage, int64, int64) {}

func ownVerdict(t testing.TB, c *proof.Checker, agency string) proof.Verdict {
	t.Helper()
	v, err := c.Own(t.Context(), agency, untold)
	require.NoError(t, err)
	return v
}

// An agency's stream is under the newest checkpoint, and the second time only its own records are read, and what is new.
func TestOwnStreamIsProven(t *testing.T) {
	t.Parallel()
	w := busy(t, 9)
	log := &readings{Source: w, keys: map[string]int{}}
	c := w.checker(t, log)
	v := ownVerdict(t, c, agencies[0])
	require.True(t, v.Sound, v.Findings)
	require.Empty(t, v.Notes)
	require.EqualValues(t, 9, v.Records)
	require.EqualValues(t, 9, v.Covered)
	require.EqualValues(t, 9, v.Version)
	require.Equal(t, w.now, v.SignedAt)
	require.Contains(t, v.String(), "is sound")
	require.NotZero(t, log.take()[agencies[2]], "the ends of the others are part of the proof")

	require.True(t, ownVerdict(t, c, agencies[0]).Sound)
	require.Equal(t, map[string]int{agencies[0]: 10}, log.take(), "with the loser of a race")
	w.change(t, agencies[1])
	w.sign(t, w.signer(t))
	w.change(t, agencies[0])
	v = ownVerdict(t, c, agencies[0])
	require.True(t, v.Sound, v.Findings)
	require.EqualValues(t, 10, v.Records)
	require.EqualValues(t, 9, v.Covered)
	require.Equal(t, map[string]int{agencies[0]: 11, agencies[1]: 1}, log.take())

	nobody := ownVerdict(t, c, "ffffffffffffffffffffffff")
	require.True(t, nobody.Sound)
	require.Regexp(t, `^The log has no record of this agency, and none was signed up to the checkpoint of \d{4}-\S+Z\.$`, nobody.String())
}

// What verify --parent finds of an agency, it is told of its own stream; a neighbour's proof stands as long as the end that was signed is there.
func TestOwnFindings(t *testing.T) {
	t.Parallel()
	a := shared()
	for name, tampering := range tamperings() {
		w := busy(t, 9)
		log := w.clone()
		tampering.do(t, log, a)
		log.renumber()
		want := w.verify(t, log, func(cfg *proof.VerifyConfig) { cfg.Parent = a })
		require.False(t, want.OK(), name)
		got := ownVerdict(t, w.checker(t, log), a)
		require.False(t, got.Sound, name)
		require.Zero(t, got.Covered, name)
		if tampering.logOnly {
			require.True(t, slices.ContainsFunc(got.Findings, func(f proof.Finding) bool {
				return f.Agency == a && f.Version == tampering.version && (f.Kind == tampering.kind || strings.HasPrefix(name, "key of"))
			}), "%s: %v", name, got.Findings)
		}
		for _, other := range agencies {
			if other == a {
				continue
			}
			theirs := ownVerdict(t, w.checker(t, log), other)
			if strings.HasPrefix(name, "key of") {
				continue // it has this agency's key now
			}
			for _, f := range theirs.Findings {
				require.Contains(t, []proof.Kind{proof.KindCheckpoint, proof.KindTruncated}, f.Kind, "%s: %s", name, f)
				require.NotContains(t, f.String(), a, name)
			}
			if slices.Contains([]string{"data", "actor", "time", "predecessor", "reordered"}, name) {
				require.True(t, theirs.Sound, "%s: what was done in the middle leaves the end that was signed: %v", name, theirs.Findings)
			}
		}
	}
}

// The end that a process read before and that was signed tells whose end was exchanged since.
func TestOwnEndIsExchangedMeanwhile(t *testing.T) {
	t.Parallel()
	w := busy(t, 9)
	log := w.clone()
	c := w.checker(t, log)
	require.True(t, ownVerdict(t, c, agencies[0]).Sound)
	p, i := log.find(agencies[0], 9)
	setHeader(&log.topics[domain.TopicDashboards][p][i], "ce_actor", "x")
	v := ownVerdict(t, c, agencies[0])
	require.Len(t, v.Findings, 1)
	require.Equal(t, proof.KindRewritten, v.Findings[0].Kind)
	require.Equal(t, agencies[0], v.Findings[0].Agency)
	require.EqualValues(t, 9, v.Findings[0].Version)
	v = ownVerdict(t, c, agencies[0])
	require.Equal(t, proof.KindCheckpoint, v.Findings[0].Kind, "what was kept is gone")
}

// Records that follow nothing in another agency's stream, and lay there when the checkpoint was signed, leave the end that was signed. Where the
// proof fails, the whole log is read once more, and not by everybody who asks.
func TestOwnStandsBesideABrokenStream(t *testing.T) {
	t.Parallel()
	for name, further := range map[string]bool{"the gap is the end": false, "changes follow what counts": true} {
		w := busy(t, 9)
		a, b := agencies[0], agencies[2]
		gap := w.heads[b]
		gap.Version += 4
		w.put(w.encode(t, b, gap, "planted", w.at(b).Add(time.Minute)))
		w.change(t, agencies[1]) // else there is nothing to sign
		if further {
			w.change(t, b)
		}
		w.sign(t, w.signer(t))
		log := &readings{Source: w, keys: map[string]int{}}
		c := w.checker(t, log)
		v := ownVerdict(t, c, a)
		require.True(t, v.Sound, "%s: %v", name, v.Findings)
		require.EqualValues(t, 9, v.Covered, name)
		require.False(t, ownVerdict(t, c, b).Sound, name)
		log.take()
		require.True(t, ownVerdict(t, c, a).Sound, name)
		require.Equal(t, map[string]int{a: 10}, log.take(), name)

		p, i := w.find(b, 9)
		setHeader(&w.topics[domain.TopicDashboards][p][i], "ce_actor", "x")
		c = w.checker(t, log)
		for range 2 { // the second time all is read anew
			require.False(t, ownVerdict(t, c, a).Sound, name)
			require.NotZero(t, log.take()[b], name)
		}
		require.False(t, ownVerdict(t, c, a).Sound, name)
		require.Equal(t, map[string]int{a: 10}, log.take(), name)
	}
}

// A log that is shorter than was signed, one without checkpoints, and old ones.
func TestOwnMissesWhatWasSigned(t *testing.T) {
	t.Parallel()
	w := busy(t, 9)
	for name, damage := range map[string]func(m *memory){
		"the partition ends earlier":        func(m *memory) { cutPartition(m, agencies[0]) },
		"another partition ends earlier":    func(m *memory) { cutPartition(m, stranger(agencies[0])) },
		"there is no checkpoint in the log": func(m *memory) { m.topics[domain.TopicOperations] = make([][]eventlog.Record, 3) },
	} {
		log := w.clone()
		damage(log)
		v := ownVerdict(t, w.checker(t, log), agencies[0])
		require.False(t, v.Sound, name)
		require.Zero(t, v.Covered, name)
	}
	later := proof.NewChecker(proof.NewProver(w, always(w.known(t)), &w.file), time.Hour, func() time.Time { return w.now.Add(4 * time.Hour) })
	v := ownVerdict(t, later, agencies[0])
	require.Len(t, v.Findings, 1)
	require.Equal(t, []string{"age"}, v.Findings[0].Differs)
	_, err := proof.NewChecker(proof.NewProver(w, nil, nil), 0, time.Now).Own(t.Context(), agencies[0], untold)
	require.Equal(t, domain.CodeUnavailable, domain.CodeOf(err))
}

func cutPartition(m *memory, of string) {
	p := eventlog.PartitionOf([]byte(of), testPartitions)
	records := m.topics[domain.TopicDashboards][p]
	m.topics[domain.TopicDashboards][p] = records[:len(records)-2]
}

// meanwhile is a log on which something happens right after the checkpoints on it were read for the first time.
type meanwhile struct {
	proof.Source

	happens func()
}

func (l *meanwhile) Scan(ctx context.Context, cfg eventlog.ScanConfig) error {
	err := l.Source.Scan(ctx, cfg)
	if do := l.happens; do != nil && cfg.Topic == domain.TopicOperations {
		l.happens = nil
		do()
	}
	return err
}

// A checkpoint that is signed while others are read is not missing from the log.
func TestSignedWhileVerified(t *testing.T) {
	t.Parallel()
	w := busy(t, 9)
	signing := func() *meanwhile {
		return &meanwhile{w, func() { w.change(t, agencies[1]); w.sign(t, w.signer(t)) }}
	}
	report := w.verify(t, signing())
	require.True(t, report.OK(), report.Findings)
	v := ownVerdict(t, w.checker(t, signing()), agencies[0])
	require.True(t, v.Sound, v.Findings)
}

// hiding is a log that does not hand out one record, as a foreign one.
type hiding struct {
	proof.Source

	topic     string
	partition int32
	offset    int64
}

func (l hiding) Scan(ctx context.Context, cfg eventlog.ScanConfig) error {
	handle := cfg.Handle
	cfg.Handle = func(ctx context.Context, run eventlog.Run) error {
		if cfg.Topic == l.topic && run.Partition == l.partition {
			run.Records = slices.DeleteFunc(slices.Clone(run.Records), func(r eventlog.Record) bool { return r.Offset == l.offset })
		}
		if len(run.Records) == 0 {
			return nil
		}
		return handle(ctx, run)
	}
	return l.Source.Scan(ctx, cfg)
}

// Progress comes to its end also where a record is foreign, in the middle or at the end.
func TestProgressPassesForeignRecords(t *testing.T) {
	t.Parallel()
	w := busy(t, 9)
	p, i := w.find(agencies[2], 9)
	for _, offset := range []int{4, i} {
		log := hiding{w, domain.TopicDashboards, int32(p), int64(offset)}
		var mu sync.Mutex
		var stage proof.Stage
		var last, total int64
		_, err := w.checker(t, log).All(t.Context(), func(s proof.Stage, done, of int64) {
			mu.Lock()
			defer mu.Unlock()
			stage, last, total = s, max(last, done), of
		})
		require.NoError(t, err)
		require.Equal(t, proof.StageFindings, stage)
		require.EqualValues(t, 30, total)
		require.Equal(t, total, last)
	}
}

// Of the whole log each agency is told its own findings, one bit, one number, and how long the log is.
func TestVerdictOfTheWholeLog(t *testing.T) {
	t.Parallel()
	w := busy(t, 9)
	var stages []proof.Stage
	var last, total int64
	clean, err := w.checker(t, w).All(t.Context(), func(s proof.Stage, done, of int64) {
		if len(stages) == 0 || stages[len(stages)-1] != s {
			stages = append(stages, s)
		}
		last, total = done, of
	})
	require.NoError(t, err)
	require.Equal(t, []proof.Stage{proof.StageCheckpoints, proof.StageRecords, proof.StageFindings}, stages)
	require.EqualValues(t, 30, total)
	require.Equal(t, total, last)
	v := clean.Verdict(agencies[1])
	require.True(t, v.Sound)
	require.Zero(t, v.Elsewhere)
	require.Contains(t, v.String(), "The log is sound")

	a := shared()
	for _, name := range []string{"data", "key of the same partition", "key of another partition"} {
		log := w.clone()
		tamperings()[name].do(t, log, a)
		log.renumber()
		report, err := w.checker(t, log).All(t.Context(), untold)
		require.NoError(t, err)
		mine := report.Verdict(a)
		require.False(t, mine.Sound)
		require.Len(t, mine.Findings, 1, "%v", mine.Findings)
		require.EqualValues(t, 5, mine.Findings[0].Version)
		theirs := report.Verdict(neighbour(a))
		require.False(t, theirs.Sound)
		require.Equal(t, len(report.Findings), len(theirs.Findings)+theirs.Elsewhere)
		if name != "key of the same partition" { // where it lies in the neighbour's stream
			require.Empty(t, theirs.Findings)
		}
		for _, other := range agencies {
			for _, f := range report.Verdict(other).Findings {
				for _, foreign := range agencies {
					require.True(t, foreign == other || !strings.Contains(f.String(), foreign), "%s: %s", name, f)
				}
			}
		}
	}
}
