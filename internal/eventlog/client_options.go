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

// The clients' own time-outs. A broker that is frozen, or whose host is gone, delays a request by these; the cluster replaces it
// meanwhile. A change may so wait up to 30 s; nothing is lost.
const (
	dialWithin   = 5 * time.Second
	answerWithin = 4 * time.Second // beyond what the request itself allows
)

// requestTries is how often a request is sent at most; its time is bounded as well.
const requestTries = 60

// tryAgainAfter is how long kgo waits after so many failures. While leaders and coordinators are elected, some ten seconds, it is never long: with
// kgo's own waits, which double up to 5 s, the members of a group found its new coordinator up to 9 s after one another, and no partition was
// folded before the last had.
func tryAgainAfter(failures int) time.Duration {
	wait := 250 * time.Millisecond
	switch {
	case failures > 40:
		wait = 3 * time.Second
	case failures > 2:
		wait = 500 * time.Millisecond
	}
	return time.Duration(float64(wait) * (0.8 + 0.4*rand.Float64())) // not all at once
}

// kgoOptions are the options that every kgo client of the log shares.
func (c Config) kgoOptions() []kgo.Opt {
	opts := []kgo.Opt{
		kgo.SeedBrokers(c.Brokers...),
		kgo.ClientID(clientID),
		kgo.WithLogger(kgoLogger{c.Logger}),
		kgo.MetadataMinAge(250 * time.Millisecond), // a moved leader is found again quickly
		kgo.DialTimeout(dialWithin), kgo.RetryBackoffFn(tryAgainAfter), kgo.RequestRetries(requestTries),
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

// saramaConfig is what producers and the reactors' consumers share.
func (c Config) saramaConfig() *sarama.Config {
	s := sarama.NewConfig()
	s.ClientID = clientID
	s.Version = sarama.V4_0_0_0
	s.Metadata.Full = false // only the topics in use
	s.Metadata.AllowAutoTopicCreation = false
	// The pinned partitioner can refuse a changed count only once the client has seen it.
	s.Metadata.RefreshFrequency = time.Minute
	s.Net.DialTimeout, s.Net.ReadTimeout, s.Net.WriteTimeout = dialWithin, answerWithin, answerWithin
	if c.TLS != nil {
		s.Net.TLS.Enable, s.Net.TLS.Config = true, c.TLS
	}
	if c.SASL != nil {
		s.Net.SASL.Enable = true
		s.Net.SASL.Mechanism = sarama.SASLMechanism(c.SASL.Mechanism)
		s.Net.SASL.User, s.Net.SASL.Password = c.SASL.User, c.SASL.Password
		s.Net.SASL.SCRAMClientGeneratorFunc = func() sarama.SCRAMClient { return &saramaSCRAM{mechanism: c.SASL.mechanism()} }
	}
	return s
}

func (c Config) saramaProducerConfig() *sarama.Config {
	s := c.saramaConfig()
	s.Producer.RequiredAcks = sarama.WaitForAll
	s.Producer.Idempotent = true
	s.Net.MaxOpenRequests = 1 // what sarama demands for idempotence
	s.Producer.Return.Successes, s.Producer.Return.Errors = true, true
	// sarama's default gives up within a second; a controller takes some ten to replace a dead leader.
	// Callers do not wait for this: their deadlines are their own.
	s.Producer.Retry.Max, s.Producer.Retry.Backoff = 120, 250*time.Millisecond
	// Three look-ups of the leader in vain open a breaker for 10 s, also when the broker is back in two.
	s.Metadata.Retry.Max, s.Metadata.Retry.Backoff = 40, 250*time.Millisecond
	s.Producer.Timeout = answerWithin - time.Second // so that a leader that waits for a replica says so in time
	s.Producer.MaxMessageBytes = maxRecordBytes + batchOverhead/2
	s.Producer.Partitioner = newPinnedSarama(c.wireCounts())
	return s
}

// saramaSubscriberConfig is for consumers without a group that want to hear of new records only.
func (c Config) saramaSubscriberConfig() *sarama.Config {
	s := c.saramaConfig()
	s.Consumer.Offsets.Initial = sarama.OffsetNewest
	// Nobody reads the partition consumers' error channels in watermill-kafka without a group: when
	// one is full, the partition stands still for ever. Off, sarama logs the errors instead.
	s.Consumer.Return.Errors = false
	s.Consumer.Fetch.Min = 1
	s.Consumer.MaxWaitTime = 500 * time.Millisecond
	s.Consumer.Retry.Backoff = 250 * time.Millisecond
	return s
}

// wireCounts gives the fixed partition counts by the topics' names on the brokers.
func (c Config) wireCounts() map[string]int32 {
	counts := make(map[string]int32, len(c.Topics))
	for _, t := range c.Topics {
		counts[c.wireName(t.Name)] = t.Partitions
	}
	return counts
}

// saramaSCRAM lets sarama, which brings no SCRAM client, use kgo's.
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

// kgoLogger passes kgo's log on; its Info is chatter for us and becomes Debug.
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
	to := slog.LevelDebug
	if level <= kgo.LogLevelWarn {
		to = slog.LevelWarn
	}
	l.log.Log(context.Background(), to, "kafka: "+msg, keyvals...)
}
