package embedded

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// BrokerConfig configures a broker.
type BrokerConfig struct {
	DataDir string       // for the log, the lock file and the last address; created if missing
	Logger  *slog.Logger // nil: slog.Default
}

// Broker is a running embedded broker. It is safe for concurrent use.
type Broker struct {
	cluster  *kfake.Cluster
	lock     *dirLock
	addr     string
	closing  sync.Once
	closeErr error
}

// StartBroker opens or creates the log in cfg.DataDir and serves it on loopback only, because there
// is no authentication. It uses the port of the last run with this directory if that port is free,
// and otherwise any free port. The context limits only the startup; Close stops the broker. The
// error wraps [ErrLocked] if the directory is in use.
func StartBroker(ctx context.Context, cfg BrokerConfig) (*Broker, error) {
	if cfg.DataDir == "" {
		return nil, errors.New("the broker has no data directory: set one, because the log must outlive the process")
	}
	cfg.Logger = cmp.Or(cfg.Logger, slog.Default())
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("start broker: %w", err)
	}
	lock, err := lockDir(cfg.DataDir)
	if err != nil {
		return nil, err
	}
	b := &Broker{lock: lock}
	if err := b.open(cfg); err != nil {
		return nil, errors.Join(fmt.Errorf("start broker on %s: %w", cfg.DataDir, err), lock.release())
	}
	cfg.Logger.Info("embedded broker started", "addr", b.addr, "data_dir", cfg.DataDir)
	return b, nil
}

// minFiles is how many files a process with the broker may have to open: segments and indexes of all
// partitions, and the connections of all clients. With fewer, kfake fails later, without the reason.
const minFiles = 512

func checkFileLimit() error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err == nil && limit.Cur < minFiles {
		return fmt.Errorf("this process may open only %d files at a time, and the broker needs %d: raise the limit (ulimit -n)",
			limit.Cur, minFiles)
	}
	return nil
}

func (b *Broker) open(cfg BrokerConfig) error {
	if err := checkFileLimit(); err != nil {
		return err
	}
	logDir := filepath.Join(cfg.DataDir, "log")
	if err := os.MkdirAll(logDir, 0o700); err != nil {
		return fmt.Errorf("create log directory: %w", err)
	}
	listener, err := listenBroker(filepath.Join(cfg.DataDir, "address"))
	if err != nil {
		return err
	}
	b.cluster, err = kfake.NewCluster(
		kfake.NumBrokers(1),
		kfake.ClusterID(rand.Text()), // used only for a new data directory
		kfake.DataDir(logDir),
		kfake.SyncWrites(),
		kfake.BrokerConfigs(map[string]string{
			// 31 years, because kfake's compaction deletes segments before it writes the new ones:
			// records would be lost if the process were killed in between.
			"log.cleaner.backoff.ms":     "1000000000000",
			"log.retention.ms":           "-1",
			"log.retention.bytes":        "-1",
			"default.replication.factor": "1",
			"min.insync.replicas":        "1",
			"offsets.retention.minutes":  "5256000", // ten years; kfake overflows with much larger values
		}),
		kfake.ListenFn(func(string, string) (net.Listener, error) { return listener, nil }),
		kfake.WithLogger(brokerLog{cfg.Logger}),
	)
	if err != nil {
		listener.Close()
		return fmt.Errorf("open log: %w", err)
	}
	b.addr = listener.Addr().String()
	return nil
}

// Addrs returns the addresses (host:port) for Kafka clients.
func (b *Broker) Addrs() []string { return []string{b.addr} }

// TopicOverrides returns settings that must override those of the topic definitions: the embedded
// broker must never expire records, and it is the only replica.
func (b *Broker) TopicOverrides() map[string]string {
	return map[string]string{"retention.ms": "-1", "retention.bytes": "-1", "min.insync.replicas": "1"}
}

// Close stops the broker and returns once everything is on disk and the directory is unlocked.
// Further calls return the result of the first one.
func (b *Broker) Close() error {
	b.closing.Do(func() {
		b.cluster.Close()
		b.closeErr = b.lock.release()
	})
	return b.closeErr
}

type brokerLog struct{ logger *slog.Logger }

// Logf implements kfake.Logger.
func (b brokerLog) Logf(level kfake.LogLevel, format string, args ...any) {
	slogLevel := slog.LevelDebug
	switch level {
	case kfake.LogLevelNone, kfake.LogLevelDebug:
		return // one line per request
	case kfake.LogLevelError:
		slogLevel = slog.LevelError
	case kfake.LogLevelWarn:
		slogLevel = slog.LevelWarn
	case kfake.LogLevelInfo:
	}
	if ctx := context.Background(); b.logger.Enabled(ctx, slogLevel) {
		b.logger.Log(ctx, slogLevel, "embedded broker: "+fmt.Sprintf(format, args...))
	}
}

const (
	maxRequestBytes = 100 << 20 // Kafka's socket.request.max.bytes
	listenTries     = 50        // 10 ms apart

	joinWithin = 10 * time.Second // a little longer than the session timeout of ledgerboard
	// reportGone is longer than the longest rebalance timeout that ledgerboard asks for.
	reportGone = 16 * time.Minute
)

// listenBroker listens on the port of the last run, so that clients can reconnect to a restarted
// broker, or on any free port.
func listenBroker(addressFile string) (net.Listener, error) {
	inner, err := net.Listener(nil), errors.New("no address of an earlier run")
	last := readLine(addressFile)
	if host, _, _ := net.SplitHostPort(last); host == loopback {
		// A child process between fork and exec may have a copy of a listener that was just closed.
		for range listenTries {
			if inner, err = net.Listen("tcp", last); !errors.Is(err, syscall.EADDRINUSE) {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	if err != nil {
		inner, err = net.Listen("tcp", net.JoinHostPort(loopback, "0"))
	}
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", loopback, err)
	}
	if err := os.WriteFile(addressFile, []byte(inner.Addr().String()+"\n"), 0o600); err != nil {
		inner.Close()
		return nil, err
	}
	return brokerListener{inner}, nil
}

type brokerListener struct{ net.Listener }

// Accept implements net.Listener.
func (b brokerListener) Accept() (net.Conn, error) {
	conn, err := b.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &brokerConn{Conn: conn, closed: make(chan struct{})}
	c.late = time.AfterFunc(joinWithin, c.disconnect)
	c.late.Stop()
	return c, nil
}

// brokerConn protects kfake from clients, and clients from kfake:
//
//   - kfake panics on an unknown request key and allocates any length that it reads, so a browser or
//     port scanner that connects to this port could crash the process. Read checks each request.
//   - kfake gives a member of a consumer group no session timeout if its connection is closed when
//     its request to join or sync is answered. The partitions of a process that was killed at that
//     moment would have no reader. So kfake does not learn for [reportGone] that a client has gone.
//   - kfake forgets, without an answer, a member whose session timeout passes while it waits for
//     others to join or sync. It would wait for its whole rebalance timeout. So the connection is
//     closed after [joinWithin]; the client asks again, and learns that it is forgotten.
type brokerConn struct {
	net.Conn
	known bool // has sent a request
	// head is what kfake has not yet read of the length and key of a request, and left is the number
	// of bytes that follow. Both are used only by kfake's single reader.
	head []byte
	left int

	late    *time.Timer
	closed  chan struct{}
	closing sync.Once
}

// Read implements net.Conn.
func (b *brokerConn) Read(p []byte) (n int, err error) {
	if len(b.head) == 0 && b.left == 0 {
		err = b.readHead()
	}
	switch {
	case err != nil:
	case len(b.head) > 0:
		n = copy(p, b.head)
		b.head = b.head[n:]
	default:
		n, err = b.Conn.Read(p[:min(len(p), b.left)])
		b.left -= n
	}
	if err != nil && b.known {
		b.disconnect()
		select {
		case <-b.closed:
		case <-time.After(reportGone):
		}
	}
	return n, err
}

func (b *brokerConn) readHead() error {
	head := make([]byte, 6) // length, request key
	if _, err := io.ReadFull(b.Conn, head); err != nil {
		return err
	}
	size, key := binary.BigEndian.Uint32(head), kmsg.Key(binary.BigEndian.Uint16(head[4:]))
	if size < 8 || size > maxRequestBytes || kmsg.RequestForKey(key.Int16()) == nil {
		return errors.New("refuse connection: not the Kafka protocol")
	}
	b.known, b.head, b.left = true, head, int(size)-2
	if key == kmsg.JoinGroup || key == kmsg.SyncGroup {
		b.late.Reset(joinWithin)
	}
	return nil
}

// Write implements net.Conn. It drops answers to a client that has gone.
func (b *brokerConn) Write(p []byte) (int, error) {
	b.late.Stop()
	_, _ = b.Conn.Write(p) // Read has the error, too
	return len(p), nil
}

// Close implements net.Conn.
func (b *brokerConn) Close() error {
	b.closing.Do(func() { close(b.closed) })
	b.late.Stop()
	return b.Conn.Close()
}

// disconnect closes the connection to the client, but kfake does not learn it.
func (b *brokerConn) disconnect() { _ = b.Conn.Close() }
