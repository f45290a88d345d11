package eventlog

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	// dialWithin bounds a connection to a host that answers nothing, with its TLS.
	dialWithin = 5 * time.Second
	// silentAtMost is how long a broker may leave a request without an answer, beyond what the request itself allows it. One that is frozen, or
	// whose host has vanished, is found sooner (see [watch]): this is for one that answers some requests and leaves others.
	silentAtMost = 4 * time.Second
	// pulseEvery is how often each broker that is connected to is asked whether it is there.
	pulseEvery = 500 * time.Millisecond
	// silentAfter is for how many pulses a question stays open until the broker is taken for silent: three seconds, half of what a cluster itself takes
	// at least to give a broker up. Pulses are counted, and no clock is read: while this process is frozen, none passes.
	silentAfter = 6
	// askAgainAfter bounds one question. A host that comes back knows nothing of connections of before.
	askAgainAfter = 5 * time.Second
)

// watch knows which brokers are silent: connections to them can be made, or stay, and nothing is answered, as when a broker is frozen or its host
// has vanished. Each of the clients finds that out by a request of its own that is waited for, one after the other, over and over, until the
// cluster names others: some asked a broker four times in 20 s that had been replaced after six. A silent broker is therefore treated, for all
// clients of a [Log] alike, as one that is dead: its connections end, and none is made, until it answers. The last one is waited for.
//
// A broker that has said nothing to anybody for a while is asked a question of its own (ApiVersions, which is answered before anybody signs in),
// because other answers may take long for good reasons. One that answers it, and nothing else, is found by the bounds of the requests ([silentAtMost]).
type watch struct {
	tls     *tls.Config // nil: plain connections
	signsIn bool        // who speaks to the brokers
	log     *slog.Logger

	ctx    context.Context //nolint:containedctx // of all questions; it ends with the log
	end    context.CancelFunc
	asking sync.WaitGroup

	mu      sync.Mutex
	brokers map[string]*watched // by address
}

// watched is one broker. What it has is guarded by the watch's lock.
type watched struct {
	*watch

	address string
	lines   map[*line]bool // open connections of the clients
	silent  bool

	spoke atomic.Bool // on any line, since the last pulse
}

// line is a connection of a client.
type line struct {
	net.Conn

	broker *watched
	cut    atomic.Bool // by the watch
}

func watchBrokers(cfg Config) *watch {
	ctx, end := context.WithCancel(context.Background())
	return &watch{tls: cfg.TLS, signsIn: cfg.SASL != nil, log: cfg.Logger, ctx: ctx, end: end, brokers: map[string]*watched{}}
}

// close ends all questions. Connections stay with the clients that made them.
func (w *watch) close() {
	w.mu.Lock()
	w.end()
	w.mu.Unlock()
	w.asking.Wait()
}

// Dial connects without TLS, which sarama adds by itself; it is sarama's dialer.
func (w *watch) Dial(network, address string) (net.Conn, error) {
	return w.dial(context.Background(), network, address)
}

// dialTLS connects with TLS, if that is configured; it is kgo's dialer.
func (w *watch) dialTLS(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := w.dial(ctx, network, address)
	if err != nil || w.tls == nil {
		return conn, err
	}
	return secured(ctx, conn, w.tls, address)
}

// secured shakes hands over a connection, within dialWithin; it closes one that fails.
func secured(ctx context.Context, conn net.Conn, cfg *tls.Config, address string) (net.Conn, error) {
	if cfg.ServerName == "" {
		cfg = cfg.Clone()
		cfg.ServerName, _, _ = net.SplitHostPort(address) // it was dialed
	}
	ctx, cancel := context.WithTimeout(ctx, dialWithin)
	defer cancel()
	over := tls.Client(conn, cfg)
	if err := over.HandshakeContext(ctx); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return over, nil
}

// dial connects to a broker that is not silent, and has it watched.
func (w *watch) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if w.isSilent(address) {
		return nil, broken("dial", address)
	}
	conn, err := (&net.Dialer{Timeout: dialWithin}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return w.add(conn, address)
}

func (w *watch) isSilent(address string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	b := w.brokers[address]
	return b != nil && b.silent
}

// add has a connection watched, unless the broker fell silent meanwhile.
func (w *watch) add(conn net.Conn, address string) (net.Conn, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	b := w.brokers[address]
	if b == nil && w.ctx.Err() == nil {
		b = &watched{watch: w, address: address, lines: map[*line]bool{}}
		w.brokers[address] = b
		w.asking.Go(b.ask)
	}
	switch {
	case b == nil: // the log is closed: what is still said is no matter of the watch
		return conn, nil
	case b.silent:
		return nil, errors.Join(broken("dial", address), conn.Close())
	}
	l := &line{Conn: conn, broker: b}
	b.lines[l] = true
	return l, nil
}

// broken is what clients are told of a silent broker: what they would be told of a dead one.
func broken(op, address string) error {
	why := syscall.ECONNRESET
	if op == "dial" {
		why = syscall.ECONNREFUSED
	}
	return &net.OpError{Op: op, Net: "tcp", Err: os.NewSyscallError("broker "+address+" answers nothing", why)}
}

// Read implements [net.Conn].
func (l *line) Read(p []byte) (int, error) {
	n, err := l.Conn.Read(p)
	if n > 0 {
		l.broker.spoke.Store(true)
	}
	return n, l.told("read", err)
}

// Write implements [net.Conn].
func (l *line) Write(p []byte) (int, error) {
	n, err := l.Conn.Write(p)
	return n, l.told("write", err)
}

// told is an error as the client is told it: of a connection that the watch has closed, that its broker broke it.
func (l *line) told(op string, err error) error {
	if errors.Is(err, net.ErrClosed) && l.cut.Load() {
		return broken(op, l.broker.address)
	}
	return err
}

// Close implements [net.Conn]. The watch may have closed it before.
func (l *line) Close() error {
	l.broker.mu.Lock()
	open := l.broker.lines[l]
	delete(l.broker.lines, l)
	l.broker.mu.Unlock()
	if !open {
		return nil
	}
	return l.Conn.Close()
}

// ask asks the broker, one question after the other, while anybody is connected to it, and while it is silent.
func (b *watched) ask() {
	pulse := time.NewTicker(pulseEvery)
	defer pulse.Stop()
	q := question{of: b}
	defer q.hangUp()
	unheard := 0 // pulses with a question open, since the broker was heard last
	for b.ctx.Err() == nil && !b.left() {
		unheard = b.listen(&q, pulse.C, unheard)
		select {
		case <-pulse.C:
		case <-b.ctx.Done():
		}
	}
}

// listen returns for how many pulses the broker has not been heard. One that has said anything since the last pulse need not be asked.
func (b *watched) listen(q *question, pulse <-chan time.Time, unheard int) int {
	if b.spoke.Swap(false) {
		return 0
	}
	return b.await(q, pulse, unheard)
}

// await puts a question, and returns for how many pulses the broker has not been heard.
func (b *watched) await(q *question, pulse <-chan time.Time, unheard int) int {
	answered := make(chan error, 1)
	go func() { answered <- q.put() }()
	for {
		select {
		case err := <-answered:
			if b.heard(err) {
				return 0
			}
			return unheard
		case <-pulse:
			unheard++
			if b.spoke.Swap(false) {
				unheard = 0
			}
			if unheard >= silentAfter {
				b.fallSilent()
			}
		}
	}
}

// left tells whether nobody is connected any more; then nobody asks either, until somebody is again.
func (b *watched) left() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.lines) > 0 || b.silent {
		return false
	}
	delete(b.brokers, b.address)
	return true
}

// fallSilent ends all connections to the broker, if there is another one to go to. The last one is waited for: requests to a broker that answers
// late succeed, and those to one that is gone fail at once, also a start.
func (b *watched) fallSilent() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.silent || !b.hasOthers() {
		return
	}
	b.silent = true
	b.log.Warn("a broker answers nothing; until it does, it is treated as one that is gone", "broker", b.address)
	for l := range b.lines {
		l.cut.Store(true)
		_ = l.Conn.Close()
	}
	clear(b.lines)
}

// hasOthers tells whether clients are connected to another broker, one that is not silent. The lock is held.
func (b *watched) hasOthers() bool {
	for _, other := range b.brokers {
		if other != b && !other.silent {
			return true
		}
	}
	return false
}

// heard notes what came of a question, and tells whether anybody said it. Whoever refuses connections, or ends them, is not silent: the clients
// see for themselves.
func (b *watched) heard(err error) bool {
	if saysNothing(err) || b.ctx.Err() != nil {
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.silent {
		b.silent = false
		if err != nil {
			b.log.Warn("a broker that answered nothing is gone", "broker", b.address, "error", err)
		} else {
			b.log.Info("a broker answers again", "broker", b.address)
		}
	}
	return true
}

// saysNothing tells whether an error is none of the broker's: time is up, or the network finds no host at the address, as soon as it has forgotten
// one that has vanished.
func saysNothing(err error) bool {
	timeout, ok := errors.AsType[net.Error](err)
	return ok && timeout.Timeout() || errors.Is(err, syscall.EHOSTUNREACH) || errors.Is(err, syscall.EHOSTDOWN) || errors.Is(err, syscall.ENETUNREACH)
}

// question asks a broker whether it is there, over a connection of its own.
type question struct {
	of   *watched
	conn net.Conn // nil: the next question makes one
}

// put asks once; nil means that the broker has answered.
func (q *question) put() error {
	if q.conn == nil {
		ctx, cancel := context.WithTimeout(q.of.ctx, askAgainAfter)
		defer cancel()
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", q.of.address)
		if err == nil && q.of.tls != nil {
			conn, err = secured(ctx, conn, q.of.tls, q.of.address)
		}
		if err != nil {
			return err
		}
		q.conn = conn
	}
	conn := q.conn
	defer context.AfterFunc(q.of.ctx, func() { _ = conn.Close() })()
	err := exchange(conn)
	if err != nil || q.of.signsIn { // until somebody signs in, Apache Kafka answers once, and warns of whoever asks again
		q.hangUp()
	}
	return err
}

func (q *question) hangUp() {
	if q.conn != nil {
		_ = q.conn.Close()
		q.conn = nil
	}
}

// areYouThere is ApiVersions in its first version, which every broker knows, and which it answers before anybody has signed in.
var areYouThere = kmsg.NewRequestFormatter(kmsg.FormatterClientID(clientID)).AppendRequest(nil, kmsg.NewPtrApiVersionsRequest(), 0)

// exchange sends the question and reads the answer, whatever it says.
func exchange(conn net.Conn) error {
	if err := conn.SetDeadline(time.Now().Add(askAgainAfter)); err != nil {
		return err
	}
	if _, err := conn.Write(areYouThere); err != nil {
		return err
	}
	var size [4]byte
	if _, err := io.ReadFull(conn, size[:]); err != nil {
		return err
	}
	_, err := io.CopyN(io.Discard, conn, int64(binary.BigEndian.Uint32(size[:])))
	return err
}
