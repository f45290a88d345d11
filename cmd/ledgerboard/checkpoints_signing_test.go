package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/pg/pgtest"
	"github.com/ledgerboard/ledgerboard/internal/proof"
)

func TestTurnsOfTheSignerAreCounted(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	observe := observeCheckpoints(registry)
	values := func() map[string]float64 {
		families, err := registry.Gather()
		require.NoError(t, err)
		found := map[string]float64{}
		for _, family := range families {
			for _, metric := range family.GetMetric() {
				name := family.GetName()
				for _, label := range metric.GetLabel() {
					name += " " + label.GetValue()
				}
				found[name] = metric.GetCounter().GetValue() + metric.GetGauge().GetValue()
			}
		}
		return found
	}
	const (
		turns   = "ledgerboard_checkpoint_turns_total "
		refused = "ledgerboard_checkpoint_refused"
	)
	require.Contains(t, values(), turns+"refused", "a rate over it begins at 0")
	at := time.Unix(1_800_000_000, 0)
	observe(proof.Turn{Signed: true, Checkpoint: proof.Checkpoint{Time: at, Partitions: []proof.Covered{{Records: 7}}}})
	observe(proof.Turn{})
	observe(proof.Turn{Err: errors.New("the broker is away")})
	seen := values()
	require.Equal(t, map[string]float64{
		turns + "signed": 1, turns + "nothing_new": 1, turns + "failed": 1, turns + "refused": 0, refused: 0,
		"ledgerboard_checkpoint_last_signed_timestamp_seconds": 1_800_000_000, "ledgerboard_checkpoint_covered_records": 7,
	}, seen)
	observe(proof.Turn{Err: fmt.Errorf("%w: its end was cut", proof.ErrContradiction)})
	require.InDelta(t, 1, values()[refused], 0)
	require.InDelta(t, 1, values()[turns+"refused"], 0)
	observe(proof.Turn{Signed: true, Checkpoint: proof.Checkpoint{Time: at, Partitions: []proof.Covered{{Records: 8}}}})
	require.Zero(t, values()[refused])
}

// A process that has nothing to do but sign has the key alone; another one needs none, and says so if it has one.
func TestAProcessThatOnlySigns(t *testing.T) {
	t.Parallel()
	a := newAudited(t, 3)
	private, public, err := proof.GenerateKey()
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	open := func(logs io.Writer, role string) *process {
		s := eraseSettings(t.TempDir())
		s.storage = a.storage()
		s.DataDir, s.Roles = t.TempDir(), []string{role}
		if role == roleSigner {
			s.CheckpointKey, s.CheckpointEvery = private, time.Hour
		}
		p, err := s.open(ctx, slog.New(slog.NewTextHandler(logs, nil)))
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, p.Close()) })
		return p
	}
	var logs bytes.Buffer
	other := open(&logs, roleProjector)
	require.NoError(t, other.startCheckpoints(nil, ctx))
	require.NotContains(t, logs.String(), "level=ERROR")
	logs.Reset()
	other.CheckpointKey = private // as it was before there was the role signer
	require.NoError(t, other.startCheckpoints(nil, ctx))
	require.Regexp(t, "level=ERROR.*signs nothing. Add signer to LEDGERBOARD_ROLES", logs.String())
	known, err := other.checkpointKeys()
	require.NoError(t, err)
	require.Nil(t, known)
	require.NoError(t, other.keepPublicKey(public)) // as a signer does that shares the data directory
	known, err = other.checkpointKeys()
	require.NoError(t, err)
	require.NotNil(t, known, "it is found without a restart")

	signer := open(io.Discard, roleSigner)
	ended := make(chan error, 1)
	go func() { ended <- signer.run(ctx, "127.0.0.1:0", nil) }()
	prover := proof.NewProver(a.log, other.checkpointKeys)
	require.Eventually(t, func() bool {
		list, err := prover.Checkpoints(t.Context())
		return err == nil && len(list) == 1 && list[0].Records() == 3
	}, patience, 20*time.Millisecond)
	stop()
	require.NoError(t, <-ended)
}

// A process without requests needs no settings of tokens.
func TestTokensAreOfTheRoleAPI(t *testing.T) {
	t.Parallel()
	s := eraseSettings(t.TempDir())
	s.JWTSecret, s.JWTKeys = "", ""
	for _, role := range []string{roleProjector, roleFetcher, roleSigner} {
		s.Roles = []string{role}
		if err := s.validate("127.0.0.1:0"); err != nil {
			require.NotContains(t, err.Error(), "LEDGERBOARD_JWT", role)
		}
	}
	s.Roles = []string{roleAPI, roleProjector}
	require.ErrorContains(t, s.validate("127.0.0.1:0"), "LEDGERBOARD_JWT_SECRET")
}

func TestAProcessThatOnlySignsNeedsTheKey(t *testing.T) {
	t.Parallel()
	s := eraseSettings(t.TempDir())
	s.Roles = []string{roleSigner}
	require.ErrorContains(t, s.validate("127.0.0.1:0"), "a process that only signs needs it")
	s.Roles = []string{roleProjector}
	if err := s.validate("127.0.0.1:0"); err != nil {
		require.NotContains(t, err.Error(), "CHECKPOINT_KEY")
	}
}

// A process that is frozen while it holds the lock says nothing to the database, and does not keep the others from signing for ever.
func TestAFrozenSignerLosesTheLock(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	quiet := slog.New(slog.DiscardHandler)
	release, ok, err := signingLock(db.Pool, 50*time.Millisecond, quiet)(t.Context())
	require.NoError(t, err)
	require.True(t, ok)
	other := signingLock(db.Pool, frozenAfter, quiet)
	require.Eventually(t, func() bool {
		done, ok, err := other(t.Context())
		if ok {
			done()
		}
		return err == nil && ok
	}, patience, 20*time.Millisecond)
	release()                                 // it thaws: the lock is gone, and nothing else happens
	for range 2 * db.Pool.Config().MaxConns { // and no connection of the pool keeps the limit
		var limit string
		require.NoError(t, db.Pool.QueryRow(t.Context(), "show idle_session_timeout").Scan(&limit))
		require.Equal(t, "0", limit)
	}
}

// A new key goes on from what the old one signed beside the same data directory, whether or not somebody names the old one: its checkpoints would else be
// a chain of their own, which never counts.
func TestANewKeyGoesOnFromTheOldOne(t *testing.T) {
	t.Parallel()
	a := newAudited(t, 3)
	s := eraseSettings(t.TempDir())
	s.storage = a.storage()
	s.Roles, s.CheckpointEvery = []string{roleSigner}, time.Hour
	var err error
	s.CheckpointKey, _, err = proof.GenerateKey()
	require.NoError(t, err)
	p, err := s.open(t.Context(), slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	change := a.change(t, auditedAgencies[0])
	change.Envelope.Time = time.Now().UTC().Truncate(time.Microsecond)
	require.NoError(t, a.log.Append(t.Context(), change))
	signer, _, err := p.newSigner()
	require.NoError(t, err)
	c, signed, err := signer.Sign(t.Context())
	require.NoError(t, err)
	require.True(t, signed)
	require.Equal(t, int64(4), c.Records())
	report, err := a.verify(t, verifyCommand{All: true})
	require.NoError(t, err)
	require.Equal(t, 2, report.Checkpoints)
}
