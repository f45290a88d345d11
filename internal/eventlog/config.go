package eventlog

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"github.com/ledgerboard/ledgerboard/domain"
)

// maxRecordBytes is the largest record that is appended: 1 MiB, counted with the framing that a record may need.
const maxRecordBytes = 1 << 20

// clientID is what both clients call themselves.
const clientID = "ledgerboard"

// batchOverhead is what a produced batch of one record may need beyond maxRecordBytes; a topic's
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
	// prefix is what the names of topics begin with on the brokers. Everything in this API, and the chain's hash, knows the domain's
	// names only. Suites that share brokers have one each.
	prefix string

	// Existing leaves missing topics missing: [Open] then returns [ErrNoTopic] and has created nothing.
	Existing bool
	// Unsafe is told of the findings of the check at [Open], in the place of a refusal: for who has to look at such a
	// log, or to write down what an operator does about it. nil: they refuse.
	Unsafe func(findings error)

	Registry *domain.Registry // default [domain.NewRegistry]
}

// source is the ce_source of drafts that name none: a URI reference.
const source = "/ledgerboard"

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

func (c Config) withDefaults() Config {
	c.Logger = cmp.Or(c.Logger, slog.New(slog.DiscardHandler))
	c.Registry = cmp.Or(c.Registry, domain.NewRegistry())
	return c
}

// validate returns every fault of c at once, joined.
func (c Config) validate() error {
	var errs []error
	if len(c.Brokers) == 0 || slices.Contains(c.Brokers, "") {
		errs = append(errs, errors.New("brokers: name at least one as host:port"))
	}
	if s := c.SASL; s != nil && !slices.Contains([]string{SASLPlain, SASLScramSHA256, SASLScramSHA512}, s.Mechanism) {
		errs = append(errs, fmt.Errorf("sasl: mechanism %q is none of %s, %s, %s", s.Mechanism, SASLPlain, SASLScramSHA256, SASLScramSHA512))
	}
	if c.SASL != nil && (c.SASL.User == "" || c.SASL.Password == "") {
		errs = append(errs, errors.New("sasl: user and password are both needed"))
	}
	return errors.Join(errs...)
}

// wireName is the topic's name on the brokers.
func (c Config) wireName(topic string) string { return c.prefix + topic }
