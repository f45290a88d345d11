package eventlog

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ledgerboard/ledgerboard/domain"
)

// maxRecordBytes is the largest record that can be appended: 1 MiB including its framing.
const maxRecordBytes = 1 << 20

const clientID = "ledgerboard" // of both clients

// batchOverhead is the number of bytes that a produced batch of one record may need in addition to
// maxRecordBytes. A topic's max.message.bytes must leave room for it.
const batchOverhead = 2048

// Config configures the connections of both clients (kgo, and sarama under watermill) and the
// topics of the log.
type Config struct {
	Brokers []string // host:port; at least one
	// TLS returns the configuration of the next connection: certificates are renewed while the
	// process runs. nil: plain connections.
	TLS    func() (*tls.Config, error)
	SASL   *SASLConfig // nil: no authentication
	Logger *slog.Logger

	Topics []TopicSpec // from [ParseTopics]
	// Prefix precedes the names of topics and consumer groups on the brokers, so that installations
	// can share a cluster. Everything else uses the domain's names.
	Prefix string

	// Existing prevents [Open] from creating topics: if a topic is missing, it returns [ErrNoTopic]
	// and creates nothing.
	Existing bool
	// MayCreate, if set, is asked before [Open] creates missing topics. Its error keeps Open from
	// creating any.
	MayCreate func(ctx context.Context, missing []TopicSpec) error
	// Unsafe, if set, is called with the findings about unsafe topics instead of letting [Open]
	// fail, for callers that must inspect an unsafe log or record an operator's action.
	Unsafe func(findings error)

	// Metrics, if set, registers the metrics of the kgo client by broker: requests, bytes and
	// errors. Their names begin with ledgerboard_kafka_.
	Metrics prometheus.Registerer

	Registry *domain.Registry // default [domain.NewRegistry]

	warnings   *warnings     // set by newCluster
	fetchRetry time.Duration // for tests; 0: fetchRetryTime
	linger     time.Duration // for tests; 0: bulkLinger
}

// source is the default ce_source of drafts: a URI reference.
const source = "/ledgerboard"

// SASL mechanisms.
const (
	SASLPlain       = "PLAIN"
	SASLScramSHA256 = "SCRAM-SHA-256"
	SASLScramSHA512 = "SCRAM-SHA-512"
)

// SASLConfig holds the credentials for the brokers.
type SASLConfig struct {
	Mechanism string // one of the SASL constants
	User      string
	Password  func() (string, error) // called for each connection: it may be changed
}

func (c Config) validate() error {
	var errs []error
	if len(c.Brokers) == 0 || slices.Contains(c.Brokers, "") {
		errs = append(errs, errors.New("brokers: at least one host:port is required"))
	}
	if s := c.SASL; s != nil && !slices.Contains([]string{SASLPlain, SASLScramSHA256, SASLScramSHA512}, s.Mechanism) {
		errs = append(errs, fmt.Errorf("sasl: unknown mechanism %q; use %s, %s or %s",
			s.Mechanism, SASLPlain, SASLScramSHA256, SASLScramSHA512))
	}
	if c.SASL != nil {
		var password string
		var err error
		if c.SASL.Password != nil {
			password, err = c.SASL.Password()
		}
		if err == nil && (c.SASL.User == "" || password == "") {
			err = errors.New("sasl: user and password are both required")
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func (c Config) wireName(topic string) string { return c.Prefix + topic }

// TopicSpec defines a topic. Partitions is fixed forever, because it determines the partition of a
// key.
type TopicSpec struct {
	Name       string `json:"name"`       // the domain's name, for example [domain.TopicMetrics]
	Partitions int32  `json:"partitions"` // 1 or more
	// ReplicationFactor is requested at creation and checked by [Log.Check], up to the number of
	// brokers.
	ReplicationFactor int16             `json:"replication_factor"`
	Configs           map[string]string `json:"configs"`   // Kafka topic settings at creation
	Compacted         bool              `json:"compacted"` // the last record of a key wins; an empty value erases
	Chained           bool              `json:"chained"`   // records carry ce_chainversion and ce_chainprev
}

// ParseTopics parses deploy/topics.json. It refuses unknown fields, so that a misspelled setting is
// not ignored.
func ParseTopics(raw []byte) ([]TopicSpec, error) {
	var specs []TopicSpec
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&specs); err != nil {
		return nil, fmt.Errorf("parse topics: %w", err)
	}
	return specs, nil
}

// insyncReplicas returns the spec's min.insync.replicas. The default is 2: with 1, losing one
// broker can lose an acknowledged record.
func (t TopicSpec) insyncReplicas() int16 {
	n, err := strconv.ParseInt(t.Configs["min.insync.replicas"], 10, 16)
	if err != nil || n < 1 {
		return 2
	}
	return int16(n)
}

// OnOneBroker returns the topics with a replication factor of 1. The given settings override those
// of the topics.
func OnOneBroker(topics []TopicSpec, settings map[string]string) []TopicSpec {
	topics = slices.Clone(topics)
	for i, topic := range topics {
		topics[i].ReplicationFactor = 1
		topics[i].Configs = map[string]string{}
		maps.Copy(topics[i].Configs, topic.Configs)
		maps.Copy(topics[i].Configs, settings)
	}
	return topics
}
