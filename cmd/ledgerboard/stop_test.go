package main

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
)

// A part that does not end does not keep the process: the stop ends with its one bound, however many steps it has, and names that part.
func TestStopIsBoundedAsAWhole(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStop(30 * time.Second)
		stuck := make(chan struct{})
		defer close(stuck)
		var group errgroup.Group
		s.run(&group, "what ends", func() error { return nil })
		s.run(&group, "what hangs", func() error { <-stuck; return nil })
		time.Sleep(time.Hour) // of the bubble's clock: the bound begins with the stop
		began := time.Now()
		s.begin()
		s.begin()
		requests, cancel := s.requests(t.Context())
		defer cancel()
		<-requests.Done()
		require.Equal(t, 20*time.Second, time.Since(began), "what comes after the requests has time left")
		err := s.wait(group.Wait)
		require.ErrorIs(t, err, errStopCut)
		require.ErrorContains(t, err, "after 30s these")
		require.ErrorContains(t, err, "to their end: what hangs")
		require.ErrorIs(t, s.wait(func() error { <-stuck; return nil }), errStopCut)
		last, cancelLast := s.last(t.Context())
		defer cancelLast()
		<-last.Done()
		require.Equal(t, 30*time.Second, time.Since(began), "two steps, one bound")
	})
}

// What ends in time is the outcome.
func TestStopThatEndsInTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, failed := newStop(30*time.Second), errors.New("it failed")
		var group errgroup.Group
		s.run(&group, "a part", func() error { time.Sleep(29 * time.Second); return failed })
		s.begin()
		require.ErrorIs(t, s.wait(group.Wait), failed)
		require.NoError(t, s.wait(func() error { return nil }))
		time.Sleep(time.Minute) // the bound's end meets nobody
	})
}

// Somebody in the process never gives a connection back, and the pool waits for that: the process ends all the same, and says what hung.
func TestStopOfAProcessThatHangs(t *testing.T) {
	t.Parallel()
	a := newAudited(t, 1)
	s := eraseSettings(t.TempDir())
	s.storage, s.Roles, s.StopWithin = a.storage(), []string{roleProjector}, time.Second
	s.DataDir = t.TempDir()
	ctx, end := context.WithCancel(t.Context())
	listening := make(listeningAt, 1)
	p, err := s.open(ctx, slog.New(listening))
	require.NoError(t, err)
	conn, err := p.KeptPool.Acquire(ctx)
	require.NoError(t, err)
	ended := make(chan error, 1)
	go func() { ended <- errors.Join(p.run(ctx, "127.0.0.1:0", nil), p.Close()) }()
	select {
	case <-listening:
	case err := <-ended:
		require.FailNow(t, "it ended before it listened", "%v", err)
	}
	end()
	err = <-ended
	require.ErrorIs(t, err, errStopCut)
	require.ErrorContains(t, err, closing)
	conn.Release()
	require.Eventually(t, func() bool { // what hung ends before the test's servers do
		p.stop.mu.Lock()
		defer p.stop.mu.Unlock()
		return len(p.stop.runs) == 0
	}, 10*time.Minute, time.Millisecond)
}
