package eventlog_test

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// freezer takes connections, and answers whatever is asked while it is not frozen.
type freezer struct {
	listener net.Listener
	serving  sync.WaitGroup

	mu     sync.Mutex
	frozen chan struct{} // closed when it is thawed; nil: it is not frozen
	conns  []net.Conn
	asked  map[net.Conn]int // questions by connection
}

func newFreezer(t *testing.T) *freezer {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	f := &freezer{listener: listener, asked: map[net.Conn]int{}}
	f.serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			f.mu.Lock()
			f.conns = append(f.conns, conn)
			f.mu.Unlock()
			f.serving.Go(func() { f.serve(conn) })
		}
	})
	t.Cleanup(func() {
		f.thaw()
		_ = listener.Close()
		f.mu.Lock()
		for _, conn := range f.conns {
			_ = conn.Close()
		}
		f.mu.Unlock()
		f.serving.Wait()
	})
	return f
}

// serve sends each request back, as soon as it is not frozen.
func (f *freezer) serve(conn net.Conn) {
	var size [4]byte
	for {
		if _, err := io.ReadFull(conn, size[:]); err != nil {
			return
		}
		request := make([]byte, binary.BigEndian.Uint32(size[:]))
		if _, err := io.ReadFull(conn, request); err != nil {
			return
		}
		f.mu.Lock()
		f.asked[conn]++
		frozen := f.frozen
		f.mu.Unlock()
		if frozen != nil {
			<-frozen
		}
		if _, err := conn.Write(append(size[:], request...)); err != nil {
			return
		}
	}
}

func (f *freezer) freeze() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.frozen = make(chan struct{})
}

func (f *freezer) thaw() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.frozen != nil {
		close(f.frozen)
		f.frozen = nil
	}
}

func (f *freezer) address() string { return f.listener.Addr().String() }

// answers sends a request over a connection, and tells what became of it.
func answers(conn net.Conn) error {
	if _, err := conn.Write([]byte{0, 0, 0, 1, 'x'}); err != nil {
		return err
	}
	_, err := io.ReadFull(conn, make([]byte, 5))
	return err
}

// Whoever is connected to a broker that falls silent is told, whatever it waits for, and so is who would connect, until it answers again. A
// broker that is there is not touched.
func TestABrokerThatAnswersNothingIsTakenForGone(t *testing.T) {
	t.Parallel()
	dial, end := eventlog.WatchBrokers(t, nil)
	defer end()
	silent, well := newFreezer(t), newFreezer(t)
	one, err := dial(t.Context(), "tcp", silent.address())
	require.NoError(t, err)
	idle, err := dial(t.Context(), "tcp", silent.address())
	require.NoError(t, err)
	late, err := dial(t.Context(), "tcp", silent.address())
	require.NoError(t, err)
	other, err := dial(t.Context(), "tcp", well.address())
	require.NoError(t, err)
	defer func() { require.NoError(t, other.Close()) }()
	require.NoError(t, answers(one))
	require.NoError(t, answers(other))

	silent.freeze()
	require.ErrorIs(t, answers(one), syscall.ECONNRESET, "it is told of a connection that broke, as by a broker that died")
	_, err = idle.Read(make([]byte, 1))
	require.ErrorIs(t, err, syscall.ECONNRESET)
	_, err = dial(t.Context(), "tcp", silent.address())
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
	require.ErrorContains(t, err, "answers nothing")
	refused, ok := errors.AsType[*net.OpError](err)
	require.True(t, ok && refused.Op == "dial", "kgo asks another broker after these alone")
	require.NoError(t, answers(other))

	silent.thaw()
	var again net.Conn
	require.Eventually(t, func() bool {
		again, err = dial(t.Context(), "tcp", silent.address())
		return err == nil
	}, awaitTime, 10*time.Millisecond)
	require.NoError(t, answers(again))
	require.ErrorIs(t, answers(late), syscall.ECONNRESET, "also who asks when the broker is there again")
	require.NoError(t, errors.Join(again.Close(), one.Close(), idle.Close(), late.Close()))
}

// A broker that is silent and then gone is told of by the kernel: whoever connects hears that nobody listens.
func TestASilentBrokerThatDiesIsNotSilentAnyMore(t *testing.T) {
	t.Parallel()
	dial, end := eventlog.WatchBrokers(t, nil)
	defer end()
	dying := newFreezer(t)
	other, err := dial(t.Context(), "tcp", newFreezer(t).address())
	require.NoError(t, err)
	defer func() { require.NoError(t, other.Close()) }()
	one, err := dial(t.Context(), "tcp", dying.address())
	require.NoError(t, err)
	dying.freeze()
	require.ErrorIs(t, answers(one), syscall.ECONNRESET)

	require.NoError(t, dying.listener.Close())
	dying.mu.Lock()
	for _, conn := range dying.conns {
		require.NoError(t, conn.Close())
	}
	dying.mu.Unlock()
	require.Eventually(t, func() bool {
		_, err := dial(t.Context(), "tcp", dying.address())
		refused, ok := errors.AsType[*net.OpError](err)
		return ok && errors.Is(err, syscall.ECONNREFUSED) && refused.Addr != nil // the watch names none
	}, awaitTime, 10*time.Millisecond)
}

// A host that has vanished is silent for as long as it is away: after some seconds the network says that it finds none.
func TestAHostThatIsNotFoundSaysNothing(t *testing.T) {
	t.Parallel()
	for err, nothing := range map[error]bool{
		nil:                      false,
		io.EOF:                   false,
		context.DeadlineExceeded: true,
		os.ErrDeadlineExceeded:   true,
		syscall.ECONNREFUSED:     false,
		syscall.ECONNRESET:       false,
		syscall.EHOSTUNREACH:     true,
		syscall.ENETUNREACH:      true,
	} {
		require.Equal(t, nothing, eventlog.SaysNothing(err), err)
		if err != nil {
			require.Equal(t, nothing, eventlog.SaysNothing(errors.Join(&net.OpError{Op: "dial", Err: err}, nil)), err)
		}
	}
}

// Whatever a broker says to anybody ends the count of pulses in which it was not heard: else it would be cut at its next late answer, hours later.
func TestAWordEndsTheCount(t *testing.T) {
	t.Parallel()
	require.Zero(t, eventlog.UnheardAfterAWord(5))
}

// Where there is one broker alone, there is none to go to: it is waited for, as long as each request allows.
func TestTheLastBrokerIsWaitedFor(t *testing.T) {
	t.Parallel()
	dial, end := eventlog.WatchBrokers(t, nil)
	defer end()
	slow := newFreezer(t)
	conn, err := dial(t.Context(), "tcp", slow.address())
	require.NoError(t, err)
	require.NoError(t, answers(conn))
	slow.freeze()
	connected := func() int {
		slow.mu.Lock()
		defer slow.mu.Unlock()
		return len(slow.conns)
	}
	before := connected()
	require.Eventually(t, func() bool { return connected() > before+1 }, awaitTime, 10*time.Millisecond, "the question is given up, and put again")
	slow.thaw()
	require.NoError(t, answers(conn))
	again, err := dial(t.Context(), "tcp", slow.address())
	require.NoError(t, err)
	require.NoError(t, errors.Join(conn.Close(), again.Close()))
}

// A log that is closed leaves no question behind, also none that is open.
func TestTheWatchEndsWithTheLog(t *testing.T) {
	t.Parallel()
	dial, end := eventlog.WatchBrokers(t, nil)
	frozen := newFreezer(t)
	frozen.freeze()
	conn, err := dial(t.Context(), "tcp", frozen.address())
	require.NoError(t, err)
	end()
	require.NoError(t, conn.Close(), "connections stay with whoever made them")
}

// Apache Kafka answers the question once on a connection that nobody has signed in on. At the second it warns in its log, and ends the connection.
func TestBrokersThatAskForCredentialsAreAskedOncePerConnection(t *testing.T) {
	t.Parallel()
	dial, end := eventlog.WatchBrokers(t, &eventlog.SASLConfig{})
	defer end()
	broker := newFreezer(t)
	conn, err := dial(t.Context(), "tcp", broker.address())
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close()) }()
	asked := func() (questions, most int) {
		broker.mu.Lock()
		defer broker.mu.Unlock()
		for _, n := range broker.asked {
			questions, most = questions+n, max(most, n)
		}
		return questions, most
	}
	require.Eventually(t, func() bool { questions, _ := asked(); return questions > 2 }, awaitTime, 10*time.Millisecond)
	_, most := asked()
	require.Equal(t, 1, most)
}
