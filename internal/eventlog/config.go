package eventlog

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"

	"github.com/ledgerboard/ledgerboard/domain"
)

// defaultMaxRecordBytes is the largest record accepted when [Config.MaxRecordBytes] is 0: 1 MiB,
// counted with the framing that a record may need.
const defaultMaxRecordBytes = 1 << 20

// clientID is what both clients call themselves.
const clientID = "ledgerboard"

// batchOverhead is what a produced batch of one record may need beyond MaxRecordBytes; a topic's
// max.message.bytes must leave room for it.
const batchOverhead = 2048

// Config says which brokers to use and what the log looks like. One Config builds both clients
// (sarama below watermill, and kgo).
type Config struct {
	Brokers []string    // host:port; at least one
	TLS     *tls.Config // nil: plain connections
	SASL    *SASLConfig // nil: no authentication
	Logger  *slog.Logger

	Topics []TopicSpec // from [ParseTopics]
	// TopicOverrides maps a topic of the domain to its name on the brokers. Everything in this API,
	// and the chain's hash, keeps using the domain's name.
	TopicOverrides map[string]string

	// Existing leaves missing topics missing: [Open] then returns [ErrNoTopic] and has created nothing.
	Existing bool
	// Unsafe is told of the findings of the check at [Open], in the place of a refusal: for who has to look at such a
	// log, or to write down what an operator does about it. nil: they refuse.
	Unsafe func(findings error)

	Registry *domain.Registry // default [domain.NewRegistry]
	Source   string           // ce_source of drafts that name none; a URI reference; default "/ledgerboard"
	// MaxRecordBytes is the largest record [Log.Append] accepts, with its framing. Each topic's
	// max.message.bytes must exceed it by 2 KiB.
	MaxRecordBytes int
}

// SASL mechanisms.
const (
	SASLPlain       = "PLAIN"
	SASLScramSHA256 = "SCRAM-SHA-256"
	SASLScramSHA512 = "SCRAM-SHA-512"
)

// SASLConfig are the credentials for the brokers.
type SASLConfig struct {
	Mechanism string // one of the SASL constants
	User      string
	Password  string
}

// WithDefaults returns a copy of c with defaults in place of zero values.
func (c Config) WithDefaults() Config {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Registry == nil {
		c.Registry = domain.NewRegistry()
	}
	if c.Source == "" {
		c.Source = "/ledgerboard"
	}
	if c.MaxRecordBytes == 0 {
		c.MaxRecordBytes = defaultMaxRecordBytes
	}
	return c
}

// Validate returns every fault of c at once, joined.
func (c Config) Validate() error {
	var errs []error
	if len(c.Brokers) == 0 {
		errs = append(errs, errors.New("brokers: name at least one as host:port"))
	}
	if slices.Contains(c.Brokers, "") {
		errs = append(errs, errors.New("brokers: an address is empty"))
	}
	if c.MaxRecordBytes < 1024 {
		errs = append(errs, fmt.Errorf("max record bytes: %d is too small, use at least 1024", c.MaxRecordBytes))
	}
	if c.SASL != nil {
		errs = append(errs, c.SASL.validate())
	}
	errs = append(errs, checkSource(c.Source))
	errs = append(errs, validateTopics(c.Topics), c.validateOverrides())
	return errors.Join(errs...)
}

func (c Config) validateOverrides() error {
	var errs []error
	owner := map[string]string{}
	for _, t := range c.Topics {
		name := c.wireName(t.Name)
		if other, taken := owner[name]; taken {
			errs = append(errs, fmt.Errorf("topic overrides: %s and %s would both be %q on the brokers", other, t.Name, name))
		}
		owner[name] = t.Name
	}
	for _, name := range slices.Sorted(maps.Keys(c.TopicOverrides)) {
		if !slices.ContainsFunc(c.Topics, func(t TopicSpec) bool { return t.Name == name }) {
			errs = append(errs, fmt.Errorf("topic overrides: there is no topic %q", name))
		}
		if c.TopicOverrides[name] == "" {
			errs = append(errs, fmt.Errorf("topic overrides: the name for %q is empty", name))
		}
	}
	return errors.Join(errs...)
}

// wireName is the topic's name on the brokers.
func (c Config) wireName(topic string) string {
	if name, ok := c.TopicOverrides[topic]; ok {
		return name
	}
	return topic
}

func (s *SASLConfig) validate() error {
	var errs []error
	switch s.Mechanism {
	case SASLPlain, SASLScramSHA256, SASLScramSHA512:
	default:
		errs = append(errs, fmt.Errorf("sasl: mechanism %q is none of %s, %s, %s", s.Mechanism, SASLPlain, SASLScramSHA256, SASLScramSHA512))
	}
	if s.User == "" || s.Password == "" {
		errs = append(errs, errors.New("sasl: user and password are both needed"))
	}
	return errors.Join(errs...)
}
