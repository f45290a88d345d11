package eventlog

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

// Timeouts of both clients. They bound how long a request waits for a frozen or lost broker while
// the cluster replaces the broker. A change may be delayed by up to 30 s, and nothing is lost.
const (
	dialWithin   = 5 * time.Second
	answerWithin = 4 * time.Second // in addition to the time that the request itself allows
)

const requestTries = 60 // attempts per request; the total time is also bounded

// retryAfter returns how long kgo waits after a number of failures. The wait stays short while
// leaders and coordinators are elected, which takes about ten seconds. kgo's default doubles the
// wait up to 5 s: with it, the members of a group found their new coordinator up to 9 s apart, and
// no partition was folded until the last member had found it.
func retryAfter(failures int) time.Duration {
	wait := 250 * time.Millisecond
	switch {
	case failures > 40:
		wait = 3 * time.Second
	case failures > 2:
		wait = 500 * time.Millisecond
	}
	return time.Duration(float64(wait) * (0.8 + 0.4*rand.Float64())) // jitter
}

func (c Config) kgoOptions() []kgo.Opt {
	opts := []kgo.Opt{
		kgo.SeedBrokers(c.Brokers...),
		kgo.ClientID(clientID),
		kgo.WithLogger(kgoLogger{c.Logger, c.warnings}),
		kgo.MetadataMinAge(250 * time.Millisecond), // finds a moved leader quickly
		kgo.Dialer(c.dial), kgo.RetryBackoffFn(retryAfter), kgo.RequestRetries(requestTries),
	}
	if c.SASL != nil {
		opts = append(opts, kgo.SASL(c.SASL.mechanism()))
	}
	return opts
}

// dial connects to a broker for both clients, with the certificates that are valid now.
func (c Config) dial(ctx context.Context, network, address string) (net.Conn, error) {
	dialer := &net.Dialer{Timeout: dialWithin}
	if c.TLS == nil {
		return dialer.DialContext(ctx, network, address)
	}
	config, err := c.TLS()
	if err != nil {
		return nil, err
	}
	return (&tls.Dialer{NetDialer: dialer, Config: config}).DialContext(ctx, network, address)
}

// saramaDialer implements sarama's interface of a proxy. It also authenticates each connection: sarama
// would use the same password as long as it runs, and does not implement SCRAM.
type saramaDialer struct{ cfg Config }

func (s saramaDialer) Dial(network, address string) (net.Conn, error) {
	conn, err := s.cfg.dial(context.Background(), network, address)
	if err != nil || s.cfg.SASL == nil {
		return conn, err
	}
	if err := authenticate(conn, s.cfg.SASL.mechanism()); err != nil {
		return nil, errors.Join(fmt.Errorf("authenticate: %w", err), conn.Close())
	}
	return conn, nil
}

// authenticate performs the SASL exchange of Kafka (KIP-43, KIP-152) on a new connection.
func authenticate(conn net.Conn, mechanism sasl.Mechanism) error {
	if err := conn.SetDeadline(time.Now().Add(answerWithin)); err != nil {
		return err
	}
	handshake := kmsg.NewSASLHandshakeRequest()
	handshake.Version, handshake.Mechanism = 1, mechanism.Name()
	offered := handshake.ResponseKind().(*kmsg.SASLHandshakeResponse)
	if err := ask(conn, &handshake, offered); err != nil {
		return err
	}
	if err := kerr.ErrorForCode(offered.ErrorCode); err != nil {
		return err
	}
	session, message, err := mechanism.Authenticate(context.Background(), "")
	for done := false; err == nil && !done; {
		step := kmsg.NewSASLAuthenticateRequest()
		step.SASLAuthBytes = message
		answer := step.ResponseKind().(*kmsg.SASLAuthenticateResponse)
		if err = ask(conn, &step, answer); err == nil {
			err = kerr.ErrorForCode(answer.ErrorCode)
		}
		if err == nil {
			done, message, err = session.Challenge(answer.SASLAuthBytes)
		}
	}
	return errors.Join(err, conn.SetDeadline(time.Time{}))
}

// ask sends one request and reads its response.
func ask(conn net.Conn, request kmsg.Request, response kmsg.Response) error {
	if _, err := conn.Write(kmsg.NewRequestFormatter(kmsg.FormatterClientID(clientID)).AppendRequest(nil, request, 0)); err != nil {
		return err
	}
	var head struct{ Length, Correlation int32 }
	if err := binary.Read(conn, binary.BigEndian, &head); err != nil {
		return err
	}
	body, err := io.ReadAll(io.LimitReader(conn, int64(head.Length)-4)) // without the correlation id
	if err != nil {
		return err
	}
	return response.ReadFrom(body)
}

func (s *SASLConfig) mechanism() sasl.Mechanism {
	if s.Mechanism == SASLPlain {
		return plain.Plain(func(context.Context) (plain.Auth, error) {
			password, err := s.Password()
			return plain.Auth{User: s.User, Pass: password}, err
		})
	}
	credentials := func(context.Context) (scram.Auth, error) {
		password, err := s.Password()
		return scram.Auth{User: s.User, Pass: password}, err
	}
	if s.Mechanism == SASLScramSHA256 {
		return scram.Sha256(credentials)
	}
	return scram.Sha512(credentials)
}

func (c Config) saramaConfig() *sarama.Config {
	s := sarama.NewConfig()
	s.ClientID = clientID
	s.Version = sarama.V4_0_0_0
	s.Metadata.Full = false // only the topics in use
	s.Metadata.AllowAutoTopicCreation = false
	s.Net.ReadTimeout, s.Net.WriteTimeout = answerWithin, answerWithin
	s.Net.Proxy.Enable, s.Net.Proxy.Dialer = true, saramaDialer{c}
	return s
}

// saramaSubscriberConfig configures consumers without a group that read only new records.
func (c Config) saramaSubscriberConfig() *sarama.Config {
	s := c.saramaConfig()
	s.Consumer.Offsets.Initial = sarama.OffsetNewest
	// watermill-kafka does not read the error channels of partition consumers without a group, and
	// a full channel would block its partition forever. With this setting, sarama logs the errors
	// instead.
	s.Consumer.Return.Errors = false
	s.Consumer.Fetch.Min = 1
	s.Consumer.MaxWaitTime = 500 * time.Millisecond
	s.Consumer.Retry.Backoff = 250 * time.Millisecond
	return s
}

func (c Config) wireCounts() map[string]int32 {
	counts := make(map[string]int32, len(c.Topics))
	for _, t := range c.Topics {
		counts[c.wireName(t.Name)] = t.Partitions
	}
	return counts
}

// warnings limits how often a warning is logged: while brokers are unreachable, each client repeats
// its warnings several times a second.
type warnings struct {
	mu     sync.Mutex
	logged map[string]time.Time // by message
}

const warnAgainAfter = 30 * time.Second

func (w *warnings) due(msg string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if last, ok := w.logged[msg]; ok && time.Since(last) < warnAgainAfter {
		return false
	}
	w.logged[msg] = time.Now()
	return true
}

// kgoLogger forwards kgo's messages to slog. Info messages are logged at Debug.
type kgoLogger struct {
	log      *slog.Logger
	warnings *warnings // of all clients of a log
}

func (k kgoLogger) Level() kgo.LogLevel {
	ctx := context.Background()
	switch {
	case k.log.Enabled(ctx, slog.LevelDebug):
		return kgo.LogLevelInfo
	case k.log.Enabled(ctx, slog.LevelWarn):
		return kgo.LogLevelWarn
	default:
		return kgo.LogLevelNone
	}
}

func (k kgoLogger) Log(level kgo.LogLevel, msg string, keyvals ...any) {
	target := slog.LevelDebug
	if level <= kgo.LogLevelWarn && k.warnings.due(msg) {
		target = slog.LevelWarn
	}
	k.log.Log(context.Background(), target, "kafka: "+msg, keyvals...)
}
