package proof_test

import (
	"bytes"
	"context"
	"io"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/proof"
)

// always are keys that do not change.
func always(known note.Verifiers) func() (note.Verifiers, error) {
	return func() (note.Verifiers, error) { return known, nil }
}

// blocked takes what is written once it is let go on.
type blocked struct{ begun, on chan struct{} }

func (b blocked) Write(p []byte) (int, error) {
	select {
	case b.begun <- struct{}{}:
	default:
	}
	<-b.on
	return len(p), nil
}

// One proof is made at a time; of those who wait only some may, so that a crowd gets an answer. Places are given back.
func TestProverLetsFewWait(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.change(t, agencies[0])
	w.sign(t, w.signer(t))
	p := proof.NewProver(w, always(w.known(t)), &w.file)
	out := blocked{begun: make(chan struct{}, 1), on: make(chan struct{})}
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	answers := make(chan error)
	go func() {
		_, err := p.Bundle(t.Context(), agencies[0], out)
		answers <- err
	}()
	<-out.begun
	const crowd = 20
	for range crowd {
		go func() {
			_, err := p.Bundle(ctx, agencies[0], io.Discard)
			answers <- err
		}()
	}
	for range crowd - 8 { // the others have their places
		err := <-answers
		require.Equal(t, domain.CodeUnavailable, domain.CodeOf(err))
		refused := new(domain.Error)
		require.ErrorAs(t, err, &refused)
		require.Positive(t, refused.RetryAfter)
	}
	leave()
	for range 8 {
		require.ErrorIs(t, <-answers, context.Canceled)
	}
	close(out.on)
	require.NoError(t, <-answers)
	_, err := p.Bundle(t.Context(), agencies[0], io.Discard)
	require.NoError(t, err)
}

// The signer may make its key known after the prover began.
func TestProverAsksForKeysEachTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.change(t, agencies[0])
	w.sign(t, w.signer(t))
	var known note.Verifiers
	p := proof.NewProver(w, func() (note.Verifiers, error) { return known, nil }, &w.file)
	_, err := p.Checkpoints(t.Context())
	require.Equal(t, domain.CodeUnavailable, domain.CodeOf(err))
	known = w.known(t)
	list, err := p.Checkpoints(t.Context())
	require.NoError(t, err)
	require.Len(t, list, 1)
	_, err = p.Bundle(t.Context(), agencies[0], &bytes.Buffer{})
	require.NoError(t, err)
}

// counted is a log that counts how often all of it is read.
type counted struct {
	proof.Source

	whole atomic.Int64
}

func (c *counted) Scan(ctx context.Context, cfg eventlog.ScanConfig) error {
	if cfg.Topic == domain.TopicDashboards && cfg.Key == "" {
		c.whole.Add(1)
	}
	return c.Source.Scan(ctx, cfg)
}

// Bundles that are asked for while another one is made come from one reading of the log, which begins after they were asked for; a
// later one has what is new.
func TestBundlesAskedForAtOnceShareAReading(t *testing.T) {
	t.Parallel()
	w := busy(t, 6)
	log := &counted{Source: w}
	p := proof.NewProver(log, always(w.known(t)), &w.file)
	out := blocked{begun: make(chan struct{}, 1), on: make(chan struct{})}
	first := make(chan error)
	go func() {
		_, err := p.Bundle(t.Context(), agencies[0], out)
		first <- err
	}()
	<-out.begun
	w.change(t, agencies[0]) // the first one has not seen it
	w.sign(t, w.signer(t))
	type answer struct {
		agency string
		bundle bytes.Buffer
		done   proof.Exported
		err    error
	}
	answers := make(chan *answer)
	const crowd = 20
	for i := range crowd {
		go func() {
			a := &answer{agency: agencies[i%len(agencies)]}
			a.done, a.err = p.Bundle(t.Context(), a.agency, &a.bundle)
			answers <- a
		}()
	}
	for range crowd - 8 { // the others have their places
		require.Equal(t, domain.CodeUnavailable, domain.CodeOf((<-answers).err))
	}
	require.EqualValues(t, 1, log.whole.Load())
	close(out.on)
	require.NoError(t, <-first)
	newest := w.export(t, agencies[0])
	for range 8 {
		a := <-answers
		require.NoError(t, a.err)
		require.Equal(t, a.done.Records, a.done.Covered)
		if a.agency == agencies[0] {
			require.Equal(t, string(newest), a.bundle.String())
			continue
		}
		require.Equal(t, string(w.export(t, a.agency)), a.bundle.String())
	}
	require.EqualValues(t, 2, log.whole.Load(), "one for all who waited")

	w.change(t, agencies[0])
	w.sign(t, w.signer(t))
	later, err := p.Bundle(t.Context(), agencies[0], io.Discard)
	require.NoError(t, err)
	require.Positive(t, later.Covered)
	require.EqualValues(t, 3, log.whole.Load())
	require.Equal(t, w.heads[agencies[0]].Version, later.Covered)
}

// stopped is a log that, read a second time as a whole, is read on when it is told to.
type stopped struct {
	counted

	on chan struct{}
}

func (s *stopped) Scan(ctx context.Context, cfg eventlog.ScanConfig) error {
	err := s.counted.Scan(ctx, cfg)
	if cfg.Topic == domain.TopicDashboards && cfg.Key == "" && s.whole.Load() == 2 {
		<-s.on
	}
	return err
}

// What was read for bundles takes as much disk as the next proof: it is not kept for those who asked too late to be given it.
func TestAReadingGoesWithTheLastWhoMayUseIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.change(t, agencies[0])
	w.sign(t, w.signer(t))
	synctest.Test(t, func(t *testing.T) {
		log := &stopped{counted: counted{Source: w}, on: make(chan struct{})}
		p := proof.NewProver(log, always(w.known(t)), &w.file)
		out := blocked{begun: make(chan struct{}, 1), on: make(chan struct{})}
		first, late := make(chan error, 1), make(chan error, 1)
		go func() {
			_, err := p.Bundle(t.Context(), agencies[0], out)
			first <- err
		}()
		<-out.begun
		go func() {
			_, err := p.Consistency(t.Context(), tlog.Hash{}, tlog.Hash{})
			late <- err
		}()
		synctest.Wait()
		asking, holds := proof.Waiting(p)
		require.Equal(t, 2, asking)
		require.True(t, holds)
		close(out.on)
		require.NoError(t, <-first)
		synctest.Wait()
		asking, holds = proof.Waiting(p)
		require.Equal(t, 1, asking)
		require.False(t, holds)
		close(log.on)
		require.Equal(t, domain.CodeNotFound, domain.CodeOf(<-late))
	})
}
