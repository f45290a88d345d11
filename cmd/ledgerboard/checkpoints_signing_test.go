package main

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/app"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/proof"
)

// A process with only the role signer has the key; other processes need none and log a warning if
// they have one.
func TestSignerOnlyProcess(t *testing.T) {
	t.Parallel()
	a := newAudited(t, 3)
	private, public, err := proof.GenerateKey()
	require.NoError(t, err)
	var logs bytes.Buffer
	other, err := a.settings(t, app.RoleProjector).open(t.Context(), slog.New(slog.NewTextHandler(&logs, nil)))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, other.Close()) })
	require.NoError(t, other.startCheckpoints(nil, t.Context()))
	require.Empty(t, logs.String())
	other.CheckpointKey = private
	require.NoError(t, other.startCheckpoints(nil, t.Context()))
	require.Regexp(t, "level=WARN.*needs no key", logs.String())
	known, err := other.CheckpointVerifiers()
	require.NoError(t, err)
	require.Nil(t, known)
	require.NoError(t, app.KeepPublicKey(other.DataDir, public)) // like a signer that shares the data directory
	known, err = other.CheckpointVerifiers()
	require.NoError(t, err)
	require.NotNil(t, known, "the key is found without a restart")

	signing := a.settings(t, app.RoleSigner)
	signing.CheckpointKey, signing.CheckpointEvery = private, time.Hour
	signer, err := signing.start(t.Context(), "127.0.0.1:0", ledgertest.Quiet)
	require.NoError(t, err)
	stop := ledgertest.Run(t, func(ctx context.Context) error { return signer.run(ctx, nil) })
	prover := proof.NewProver(a.log, other.CheckpointVerifiers)
	ledgertest.Eventually(t, func() bool {
		list, err := prover.Checkpoints(t.Context())
		return err == nil && len(list) == 1 && list[0].Records() == 3
	})
	stop()
	require.NoError(t, signer.Close())
}

// A new key continues from the checkpoints that the old key signed in the same data directory.
func TestNewSigningKeyContinuesCheckpoints(t *testing.T) {
	t.Parallel()
	a := newAudited(t, 3)
	s := a.settings(t, app.RoleSigner)
	s.Storage, s.CheckpointEvery = a.storage(), time.Hour // in the same data directory
	first, _, err := proof.GenerateKey()
	require.NoError(t, err)
	file := newFile(t, "checkpoint-key", first+"\n")
	s.CheckpointKey = "file:" + file
	p, err := s.open(t.Context(), ledgertest.Quiet)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	change := a.change(t, auditedAgencies[0])
	change.Envelope.Time = time.Now().UTC().Truncate(time.Microsecond)
	require.NoError(t, a.log.Append(t.Context(), change))
	signer, _, err := p.Signer()
	require.NoError(t, err)
	c, signed, err := signer.Sign(t.Context())
	require.NoError(t, err)
	require.True(t, signed)
	require.Equal(t, int64(4), c.Records())
	report, err := a.verify(t, verifyCommand{All: true})
	require.NoError(t, err)
	require.Equal(t, 2, report.Checkpoints)

	// A key that is replaced in its file signs the next checkpoint, without a restart.
	private, _, err := proof.GenerateKey()
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, []byte(private+"\n"), 0o600))
	change = a.change(t, auditedAgencies[1])
	change.Envelope.Time = time.Now().UTC().Truncate(time.Microsecond)
	require.NoError(t, a.log.Append(t.Context(), change))
	before := signer.Key.KeyHash()
	_, signed, err = signer.Sign(t.Context())
	require.NoError(t, err)
	require.True(t, signed)
	require.NotEqual(t, before, signer.Key.KeyHash())
	report, err = a.verify(t, verifyCommand{All: true})
	require.NoError(t, err)
	require.Equal(t, 3, report.Checkpoints)
}
