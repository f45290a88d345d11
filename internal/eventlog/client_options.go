package eventlog

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kgo"
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
		kgo.WithLogger(kgoLogger{c.Logger}),
		kgo.MetadataMinAge(250 * time.Millisecond), // finds a moved leader quickly
		kgo.DialTimeout(dialWithin), kgo.RetryBackoffFn(retryAfter), kgo.RequestRetries(requestTries),
	}
	if c.TLS != nil {
		opts = append(opts, kgo.DialTLSConfig(c.TLS))
	}
	if c.SASL != nil {
		opts = append(opts, kgo.SASL(c.SASL.mechanism()))
	}
	return opts
}

func (s *SASLConfig) mechanism() sasl.Mechanism {
	switch s.Mechanism {
	case SASLScramSHA256:
		return scram.Auth{User: s.User, Pass: s.Password}.AsSha256Mechanism()
	case SASLScramSHA512:
		return scram.Auth{User: s.User, Pass: s.Password}.AsSha512Mechanism()
	default:
		return plain.Auth{User: s.User, Pass: s.Password}.AsMechanism()
	}
}

func (c Config) saramaConfig() *sarama.Config {
	s := sarama.NewConfig()
	s.ClientID = clientID
	s.Version = sarama.V4_0_0_0
	s.Metadata.Full = false // only the topics in use
	s.Metadata.AllowAutoTopicCreation = false
	// The pinned partitioner can refuse a changed count only after the client has seen it.
	s.Metadata.RefreshFrequency = time.Minute
	s.Net.DialTimeout, s.Net.ReadTimeout, s.Net.WriteTimeout = dialWithin, answerWithin, answerWithin
	if c.TLS != nil {
		s.Net.TLS.Enable, s.Net.TLS.Config = true, c.TLS
	}
	if c.SASL != nil {
		s.Net.SASL.Enable = true
		s.Net.SASL.Mechanism = sarama.SASLMechanism(c.SASL.Mechanism)
		s.Net.SASL.User, s.Net.SASL.Password = c.SASL.User, c.SASL.Password
		s.Net.SASL.SCRAMClientGeneratorFunc = func() sarama.SCRAMClient {
			return &saramaSCRAM{mechanism: c.SASL.mechanism()}
		}
	}
	return s
}

func (c Config) saramaProducerConfig() *sarama.Config {
	s := c.saramaConfig()
	s.Producer.RequiredAcks = sarama.WaitForAll
	s.Producer.Idempotent = true
	s.Net.MaxOpenRequests = 1 // required by sarama for idempotence
	s.Producer.Return.Successes, s.Producer.Return.Errors = true, true
	// By default, sarama gives up within a second, but a controller takes about ten seconds to
	// replace a dead leader. Callers do not wait for the retries, because they have deadlines.
	s.Producer.Retry.Max, s.Producer.Retry.Backoff = 120, 250*time.Millisecond
	// After three failed lookups of the leader, sarama does not look it up again for 10 s, even if
	// the broker is back after two.
	s.Metadata.Retry.Max, s.Metadata.Retry.Backoff = 40, 250*time.Millisecond
	s.Producer.Timeout = answerWithin - time.Second // lets a leader that waits for a replica answer in time
	s.Producer.MaxMessageBytes = maxRecordBytes + batchOverhead/2
	s.Producer.Partitioner = newPinnedSarama(c.wireCounts())
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

// saramaSCRAM implements [sarama.SCRAMClient] with kgo's SCRAM mechanism, because sarama contains
// no implementation.
type saramaSCRAM struct {
	mechanism sasl.Mechanism
	session   sasl.Session
	first     []byte
	done      bool
}

func (s *saramaSCRAM) Begin(_, _, _ string) (err error) {
	s.session, s.first, err = s.mechanism.Authenticate(context.Background(), "")
	return err
}

func (s *saramaSCRAM) Step(challenge string) (string, error) {
	if s.first != nil {
		first := s.first
		s.first = nil
		return string(first), nil
	}
	done, response, err := s.session.Challenge([]byte(challenge))
	if err != nil {
		return "", fmt.Errorf("answer scram challenge: %w", err)
	}
	s.done = done
	return string(response), nil
}

func (s *saramaSCRAM) Done() bool { return s.done }

// kgoLogger forwards kgo's messages to slog. Info messages are logged at Debug.
type kgoLogger struct{ log *slog.Logger }

func (l kgoLogger) Level() kgo.LogLevel {
	ctx := context.Background()
	switch {
	case l.log.Enabled(ctx, slog.LevelDebug):
		return kgo.LogLevelInfo
	case l.log.Enabled(ctx, slog.LevelWarn):
		return kgo.LogLevelWarn
	default:
		return kgo.LogLevelNone
	}
}

func (l kgoLogger) Log(level kgo.LogLevel, msg string, keyvals ...any) {
	target := slog.LevelDebug
	if level <= kgo.LogLevelWarn {
		target = slog.LevelWarn
	}
	l.log.Log(context.Background(), target, "kafka: "+msg, keyvals...)
}
