package embedded

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
)

// logDirName is the log below a broker's data directory.
const logDirName = "log"

// connectionsClose bounds the wait for client connections to end once the log is safe.
const connectionsClose = 2 * time.Second

// BrokerConfig says where the broker keeps its log.
type BrokerConfig struct {
	// DataDir holds the log, the lock file and the last address. Created when missing. Required.
	DataDir string
	// Logger receives warnings of the broker; slog.Default when nil.
	Logger *slog.Logger
}

// Broker is a running embedded broker. It is safe for concurrent use.
type Broker struct {
	cluster  *kfake.Cluster
	listener *brokerListener
	lock     *dirLock
	log      *brokerLog
	addr     string
	closing  sync.Once
	closed   error
}

// StartBroker opens or creates the log in cfg.DataDir and serves it. A torn tail, as kill -9 leaves it, is cut off;
// everything acknowledged is there. It listens on loopback, for there is no authentication: on the port of the last run
// on this directory when that is free, else on any free one. Errors: ErrLocked when the directory has an owner; a log
// that cannot be read. The context bounds the start only: end the broker with Close.
func StartBroker(ctx context.Context, cfg BrokerConfig) (*Broker, error) {
	if cfg.DataDir == "" {
		return nil, errors.New("broker data directory is empty: name one, the log must outlive the process")
	}
	cfg.Logger = cmp.Or(cfg.Logger, slog.Default())
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("start broker: %w", err)
	}
	if err := os.MkdirAll(cfg.DataDir, 0o700); err != nil {
		return nil, fmt.Errorf("create broker data directory: %w", err)
	}
	lock, err := lockDir(cfg.DataDir)
	if err != nil {
		return nil, err
	}
	logDir := filepath.Join(cfg.DataDir, logDirName)
	if err := os.MkdirAll(logDir, 0o700); err != nil {
		return nil, errors.Join(fmt.Errorf("create broker data directory: %w", err), lock.release())
	}
	b := &Broker{lock: lock, log: &brokerLog{logger: cfg.Logger}}
	if err := b.open(cfg, logDir); err != nil {
		return nil, errors.Join(fmt.Errorf("start broker on %s: %w", cfg.DataDir, err), lock.release())
	}
	cfg.Logger.Info("embedded broker started", "addr", b.addr, "data_dir", cfg.DataDir)
	return b, nil
}

func (b *Broker) open(cfg BrokerConfig, logDir string) error {
	listener, err := listenBroker(filepath.Join(cfg.DataDir, addressFileName))
	if err != nil {
		return err
	}
	cluster, err := kfake.NewCluster(
		kfake.NumBrokers(1),
		kfake.ClusterID(rand.Text()), // the one in the data directory wins
		kfake.DataDir(logDir),
		kfake.SyncWrites(),
		kfake.BrokerConfigs(brokerSettings()),
		kfake.ListenFn(func(string, string) (net.Listener, error) { return listener, nil }),
		kfake.WithLogger(b.log),
	)
	if err != nil {
		listener.Close()
		return fmt.Errorf("open log: %w", err)
	}
	refuseDeletion(cluster)
	b.cluster, b.listener, b.addr = cluster, listener, listener.Addr().String()
	return nil
}

// Addrs returns the host:port list to give to Kafka clients.
func (b *Broker) Addrs() []string { return []string{b.addr} }

// TopicOverrides returns the topic settings to use here, over those that a topic is defined with: the embedded broker
// must never compact or expire, and it is one replica. Create topics with replication factor 1 or -1.
func (b *Broker) TopicOverrides() map[string]string {
	return map[string]string{"retention.ms": "-1", "retention.bytes": "-1", "min.insync.replicas": "1"}
}

// Close stops the broker and returns when everything is on disk and the directory is free again. Requests in flight
// are dropped unanswered. A second Close returns the result of the first.
func (b *Broker) Close() error {
	b.closing.Do(func() {
		b.cluster.Close()
		poll(context.Background(), connectionsClose, func() bool { return b.listener.open.Load() == 0 })
		b.closed = errors.Join(b.log.saveError(), b.lock.release())
	})
	return b.closed
}
