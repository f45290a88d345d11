package proof_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/proof"
)

// Replay gives the same result from the log and from a bundle, up to any version or time.
func TestReplayOfLogAndBundleAgree(t *testing.T) {
	t.Parallel()
	w := busy(t, 9)
	a := agencies[0]
	for name, c := range map[string]struct {
		cfg     proof.ReplayConfig
		version int64
	}{
		"all":              {proof.ReplayConfig{}, 9},
		"up to a version":  {proof.ReplayConfig{Version: 4}, 4},
		"up to a moment":   {proof.ReplayConfig{Until: noon.Add(5 * time.Second)}, 5},
		"just before it":   {proof.ReplayConfig{Until: noon.Add(5*time.Second - time.Microsecond)}, 4},
		"before the first": {proof.ReplayConfig{Until: noon}, 0},
		"one dashboard":    {proof.ReplayConfig{Dashboard: client(1)}, 9},
		"another one":      {proof.ReplayConfig{Dashboard: client(2)}, 9},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.cfg.Parent = a
			read := func(replay func(proof.ReplayConfig) (proof.Replayed, error)) (done proof.Replayed, changes []proof.Change) {
				cfg := c.cfg
				cfg.Yield = func(c proof.Change) error {
					changes = append(changes, c)
					return nil
				}
				done, err := replay(cfg)
				require.NoError(t, err)
				return done, changes
			}
			done, changes := read(func(cfg proof.ReplayConfig) (proof.Replayed, error) { return proof.Replay(t.Context(), w, cfg) })
			require.Equal(t, c.version, done.Version)
			require.Empty(t, done.Broken)
			if c.cfg.Dashboard == "" && len(changes) > 0 {
				require.Equal(t, changes[len(changes)-1].Hash, done.Hash, "the head, which the next record names")
			}
			twice, sameChanges := read(func(cfg proof.ReplayConfig) (proof.Replayed, error) {
				return proof.Replay(t.Context(), w, cfg.ReadTwice())
			})
			require.Equal(t, done, twice)
			require.Equal(t, changes, sameChanges)
			again, bundled := read(func(cfg proof.ReplayConfig) (proof.Replayed, error) {
				return proof.ReplayBundle(bytes.NewReader(w.export(t, a)), w.verifiers, w.Decode, cfg)
			})
			require.Equal(t, changes, bundled)
			again.Stale = done.Stale // a bundle has no lost races
			require.Equal(t, done, again)
			if c.cfg.Dashboard == client(2) {
				require.Empty(t, changes)
				require.Empty(t, done.State)
				return
			}
			require.Len(t, changes, int(c.version))
			for i, change := range changes {
				require.Equal(t, int64(i+1), change.Version)
				require.Equal(t, "a-"+a, change.Actor)
				require.Equal(t, i == 0, change.Created)
				require.Equal(t, []string{userOf(a, int64(i+1))}, change.UsersAdded)
				if i > 0 {
					require.Equal(t, []string{userOf(a, int64(i))}, change.UsersRemoved)
				}
			}
			if c.version > 0 {
				require.Equal(t, []string{userOf(a, c.version)}, done.State[0].Users)
			}
		})
	}
}

// An error of Yield ends a replay, which reports its progress.
func TestReplayEndsWithYieldsError(t *testing.T) {
	t.Parallel()
	w := busy(t, 9)
	full := errors.New("no space left")
	for last := int64(1); last <= 9; last++ {
		done, err := proof.Replay(t.Context(), w, proof.ReplayConfig{Parent: agencies[0], Version: last, Yield: func(c proof.Change) error {
			if c.Version == last {
				return full
			}
			return nil
		}})
		require.ErrorIs(t, err, full)
		require.Equal(t, last, done.Version)
	}
}

// A broken chain ends the replay with a finding. An unreadable record is reported and an invalid
// one is counted; neither ends it.
func TestReplayStopsAtBrokenChain(t *testing.T) {
	t.Parallel()
	w := busy(t, 9)
	a := agencies[0]
	replay := func() (proof.Replayed, proof.Change) {
		var last proof.Change
		cfg := proof.ReplayConfig{Parent: a, Yield: func(c proof.Change) error { last = c; return nil }}
		done, err := proof.Replay(t.Context(), w, cfg)
		require.NoError(t, err)
		twice, err := proof.Replay(t.Context(), w, cfg.ReadTwice())
		require.NoError(t, err)
		require.Equal(t, done, twice)
		return done, last
	}
	p, i := w.find(a, 5)
	setHeader(&w.Topics[domain.TopicDashboards][p][i], "ce_actor", "x")
	done, last := replay()
	require.Equal(t, int64(5), last.Version)
	require.Regexp(t, `^after version 5: .* \(partition `+strconv.Itoa(p)+" offset ", done.Broken)

	w = newWorld(t)
	w.change(t, a)
	w.Put(eventlog.Record{Topic: domain.TopicDashboards, Key: []byte(a), Value: []byte("{}")})
	unreadable := w.encode(t, a, w.heads[a], "u", noon.Add(time.Hour))
	unreadable.Value = []byte("{")
	w.Put(unreadable)
	done, last = replay()
	require.Equal(t, []int64{2, 1}, []int64{done.Version, done.Invalid})
	require.Contains(t, last.Problem, "payload cannot be decoded")
	require.Empty(t, done.Broken)
}

// follows appends the next record of an agency's chain with any data.
func (w *world) follows(t *testing.T, agency string, data domain.Data) {
	t.Helper()
	head := w.heads[agency]
	at := head.Time.Add(time.Second)
	r := w.encode(t, agency, head, "u", at)
	value, err := json.Marshal(data)
	require.NoError(t, err)
	setHeader(&r, "ce_type", data.EventType())
	setHeader(&r, "ce_actor", "system:operator")
	r.Value = value
	w.Put(r)
	w.heads[agency] = domain.StreamHead{Version: head.Version + 1, Hash: eventlog.RecordHash(head.Hash, r), Time: at}
}

func skip(version int64) domain.EventSkipped {
	return domain.EventSkipped{Version: version, Reason: domain.Reason{Code: domain.ReasonIncident, Ticket: "OPS-77"}}
}

// Every version is printed: records that change no dashboard, and an operator's skip of one.
func TestReplayNamesEachVersion(t *testing.T) {
	t.Parallel()
	w, a := newWorld(t), agencies[0]
	w.change(t, a)
	w.follows(t, a, domain.AuditRead{What: domain.AuditState})
	w.follows(t, a, domain.AuditRead{What: domain.AuditState})
	w.follows(t, a, skip(2))
	w.change(t, a)
	var changes []proof.Change
	cfg := proof.ReplayConfig{Parent: a, Yield: func(c proof.Change) error { changes = append(changes, c); return nil }}
	done, err := proof.Replay(t.Context(), w, cfg)
	require.NoError(t, err)
	require.Empty(t, done.Broken)
	var versions []int64
	for _, c := range changes {
		versions = append(versions, c.Version)
	}
	require.Equal(t, []int64{1, 2, 3, 4, 5}, versions)
	require.Equal(t, []any{true, ""}, []any{changes[1].Skipped, changes[1].Problem})
	require.Contains(t, changes[2].Problem, "does not belong to topic dashboards")
	skipped := skip(2)
	require.Equal(t, []any{&skipped, "system:operator", ""}, []any{changes[3].Skip, changes[3].Actor, changes[3].Problem})
	require.EqualValues(t, 3, done.Changes, "a skip changes no dashboard")
}

// A record that a skip leaves out has no effect, also if it could be folded and if the replay ends
// before the skip. Skips of a skip, of a later record, and skips that lost their race skip nothing.
func TestReplayIgnoresSkippedRecords(t *testing.T) {
	t.Parallel()
	w, a := newWorld(t), agencies[0]
	w.change(t, a)
	w.change(t, a)
	w.change(t, a)
	loser := w.heads[a]
	w.follows(t, a, skip(3))
	skips := w.heads[a]
	w.heads[a] = loser
	w.follows(t, a, skip(1))
	w.heads[a] = skips
	w.follows(t, a, skip(4))
	w.follows(t, a, skip(7))
	users := func(replay func(proof.ReplayConfig) (proof.Replayed, error), version int64) []string {
		done, err := replay(proof.ReplayConfig{Parent: a, Version: version, Yield: func(proof.Change) error { return nil }})
		require.NoError(t, err)
		return done.State[0].Users
	}
	inLog := func(cfg proof.ReplayConfig) (proof.Replayed, error) { return proof.Replay(t.Context(), w, cfg) }
	readTwice := func(cfg proof.ReplayConfig) (proof.Replayed, error) {
		return proof.Replay(t.Context(), w, cfg.ReadTwice())
	}
	for _, replay := range []func(proof.ReplayConfig) (proof.Replayed, error){inLog, readTwice} {
		require.Equal(t, []string{userOf(a, 2)}, users(replay, 0))
		require.Equal(t, []string{userOf(a, 2)}, users(replay, 3), "the skip comes later")
	}
	w.change(t, a)
	for _, replay := range []func(proof.ReplayConfig) (proof.Replayed, error){inLog, readTwice} {
		require.Equal(t, []string{userOf(a, 7)}, users(replay, 0), "a skip of a later record skips nothing")
	}
	w.sign(t, w.signer(t))
	bundle := bytes.NewReader(w.export(t, a))
	require.Equal(t, []string{userOf(a, 2)}, users(func(cfg proof.ReplayConfig) (proof.Replayed, error) {
		return proof.ReplayBundle(bundle, w.verifiers, w.Decode, cfg)
	}, 3))
}
