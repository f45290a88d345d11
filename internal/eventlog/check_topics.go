package eventlog

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
)

// ErrUnsafeTopic is wrapped by every finding of [Log.Check].
var ErrUnsafeTopic = errors.New("unsafe topic")

// Minimum retention of a compacted topic: a reader that was offline for a day still sees every
// state, and one that was offline for 30 days still sees every tombstone.
const (
	minCompactionLag   = 24 * time.Hour
	minDeleteRetention = 30 * 24 * time.Hour
)

// MaxCompactionDelay is the longest time for which a compacted topic may still contain a key's
// earlier records after a tombstone: max.compaction.lag.ms plus segment.ms. [Log.Check] verifies
// both settings. A partition without new records is not compacted, because the log cleaner skips
// the active segment.
const MaxCompactionDelay = maxCompactionLag + maxSegmentAge

const (
	maxCompactionLag = 7 * 24 * time.Hour
	maxSegmentAge    = 24 * time.Hour
)

// checkBeginning returns an error if records are gone from a topic that must keep all of them. Its
// settings can be safe again by now: one hour with another retention, or a request to delete
// records, is enough.
func (c *cluster) checkBeginning(spec TopicSpec, ranges []PartitionRange) error {
	var gone []string
	for _, r := range ranges {
		if r.Start > 0 && !spec.Compacted {
			gone = append(gone, fmt.Sprintf("%d starts at offset %d", r.Partition, r.Start))
		}
	}
	if len(gone) == 0 {
		return nil
	}
	return fmt.Errorf("%w %s: its first records are gone (partition %s). The present tables contain them only if "+
		"they were folded, and cannot be built again. First run 'ledgerboard backup' into the directory of the last "+
		"backup, which adds the later records; then restore it with another LEDGERBOARD_TOPIC_PREFIX (docs/restore.md)",
		ErrUnsafeTopic, c.cfg.wireName(spec.Name), strings.Join(gone, ", "))
}

// Check verifies the settings that keep the log from losing records or splitting streams. It
// returns all findings, joined; each wraps [ErrUnsafeTopic] and names the command that fixes the
// setting. Any other error means that the brokers could not be queried.
func (c *cluster) Check(ctx context.Context) error {
	var errs []error
	for _, spec := range c.codec.Topics() {
		errs = append(errs, c.checkTopic(ctx, spec, true))
	}
	return errors.Join(errs...)
}

// RunChecks runs [Log.Check] at once and periodically until ctx is done, looks for records that are
// gone, and passes each result, including nil, to report. Check leaves the gone records out: they
// prevent neither a start nor the rebuild of other read models.
func (c *cluster) RunChecks(ctx context.Context, every time.Duration, report func(error)) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		errs := []error{c.Check(ctx)}
		for _, spec := range c.codec.Topics() {
			ranges, _, err := c.Ranges(ctx, spec.Name)
			errs = append(errs, err, c.checkBeginning(spec, ranges))
		}
		if ctx.Err() != nil {
			return
		}
		report(errors.Join(errs...))
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// checkTopic checks one topic. If some topics are missing, an existing one may belong to another
// application: the findings then name no command that changes it.
func (c *cluster) checkTopic(ctx context.Context, spec TopicSpec, complete bool) error {
	described, err := c.describe(ctx, spec.Name)
	if err != nil {
		return err
	}
	name := c.cfg.wireName(spec.Name)
	settings, err := c.settings(ctx, name)
	if err != nil {
		return err
	}
	brokers, err := c.admin.ListBrokers(ctx)
	if err != nil {
		return fmt.Errorf("list brokers: %w", err)
	}
	t := topicCheck{
		name: name, bootstrap: strings.Join(c.cfg.Brokers, ","), spec: spec, settings: settings, ours: complete,
	}
	for _, p := range described.partitions {
		if t.replicas == 0 || len(p.Replicas) < t.replicas { // the minimum over the partitions
			t.replicas = len(p.Replicas)
		}
	}
	t.partitions(len(described.partitions))
	t.replication(len(brokers))
	t.retention()
	t.equals("unclean.leader.election.enable", "false",
		"an out-of-sync replica could become leader and lose acknowledged records")
	t.atLeast("max.message.bytes", int64(maxRecordBytes+batchOverhead),
		"the broker would refuse the largest allowed record")
	if _, known := settings["message.timestamp.before.max.ms"]; known { // of Kafka since 3.6
		t.atLeast("message.timestamp.before.max.ms", math.MaxInt64,
			"the broker would refuse the records of a restored or mirrored log, which keep their time")
	}
	return errors.Join(t.errs...)
}

func (c *cluster) settings(ctx context.Context, name string) (map[string]string, error) {
	configs, err := c.admin.DescribeTopicConfigs(ctx, name)
	var resource kadm.ResourceConfig
	if err == nil {
		resource, err = configs.On(name, nil)
	}
	if err == nil {
		err = brokersReason(resource.Err, resource.ErrMessage)
	}
	if err != nil {
		return nil, fmt.Errorf("describe settings of %s: %w", name, missingRight(err, "DescribeConfigs"))
	}
	settings := map[string]string{}
	for _, config := range resource.Configs {
		settings[config.Key] = config.MaybeValue()
	}
	return settings, nil
}

type topicCheck struct {
	name, bootstrap string
	spec            TopicSpec
	settings        map[string]string
	replicas        int
	ours            bool // all topics exist, so this one is not another application's
	errs            []error
}

// fix returns what to do about the topic.
func (t *topicCheck) fix(format string, args ...any) string {
	if !t.ours {
		return ". It may belong to another application: set LEDGERBOARD_TOPIC_PREFIX, which gives " +
			"ledgerboard topics of its own"
	}
	return fmt.Sprintf(". To fix it, run: "+format, args...)
}

func (t *topicCheck) unsafef(format string, args ...any) {
	t.errs = append(t.errs, fmt.Errorf("%w %s: %s", ErrUnsafeTopic, t.name, fmt.Sprintf(format, args...)))
}

func (t *topicCheck) setting(key, reason, want string, ok func(string) bool) {
	got, reported := t.settings[key]
	if reported && ok(got) {
		return
	}
	if !reported {
		got = "not reported"
	}
	t.unsafef("%s is %s; %s%s", key, got, reason, t.fix("kafka-configs.sh --bootstrap-server %s --alter "+
		"--entity-type topics --entity-name %s --add-config %s=%s", t.bootstrap, t.name, key, want))
}

func (t *topicCheck) equals(key, want, reason string) {
	t.setting(key, reason, want, func(got string) bool { return got == want })
}

func (t *topicCheck) atLeast(key string, minimum int64, reason string) {
	t.setting(key, reason, strconv.FormatInt(minimum, 10), func(got string) bool {
		n, err := strconv.ParseInt(got, 10, 64)
		return err == nil && n >= minimum
	})
}

func (t *topicCheck) atMost(key string, limit time.Duration, reason string) {
	t.setting(key, reason, strconv.FormatInt(limit.Milliseconds(), 10), func(got string) bool {
		n, err := strconv.ParseInt(got, 10, 64)
		return err == nil && n > 0 && n <= limit.Milliseconds()
	})
}

func (t *topicCheck) partitions(got int) {
	if got == int(t.spec.Partitions) {
		return
	}
	t.unsafef("it has %d partitions but must have %d: the count determines the partition of a key, so streams would "+
		"split. If another application created it, set LEDGERBOARD_TOPIC_PREFIX, which gives ledgerboard topics of its "+
		"own. If its partitions were changed, restore a backup with another LEDGERBOARD_TOPIC_PREFIX (docs/restore.md)",
		got, t.spec.Partitions)
}

func (t *topicCheck) replication(brokers int) {
	if want := min(int(t.spec.ReplicationFactor), brokers); t.replicas < want {
		t.unsafef("it has %d replicas, but %d brokers could hold %d; losing a broker could lose records%s",
			t.replicas, brokers, want, t.fix("kafka-reassign-partitions.sh --bootstrap-server %s --execute "+
				"--reassignment-json-file <plan with %d replicas for %s>", t.bootstrap, want, t.name))
	}
	minimum := min(int(t.spec.insyncReplicas()), t.replicas)
	t.setting("min.insync.replicas",
		fmt.Sprintf("with less than %d, acknowledged records can be lost; with more than %d, the number of replicas, "+
			"no record can be written", minimum, t.replicas),
		strconv.Itoa(minimum), func(got string) bool {
			n, err := strconv.Atoi(got)
			return err == nil && n >= minimum && n <= t.replicas
		})
}

func (t *topicCheck) retention() {
	if t.spec.Compacted {
		t.equals("cleanup.policy", "compact", "the topic must keep the last state of each key forever")
		t.atLeast("min.compaction.lag.ms", minCompactionLag.Milliseconds(),
			"readers that were offline must still see each state")
		t.atMost("max.compaction.lag.ms", maxCompactionLag, "erased data must leave the log")
		t.atMost("segment.ms", maxSegmentAge, "erased data must leave the log, and the active segment is not compacted")
		t.atLeast("delete.retention.ms", minDeleteRetention.Milliseconds(),
			"readers that were offline must still see each tombstone")
		return
	}
	t.equals("cleanup.policy", "delete", "compaction would remove all but the last record of each key")
	t.equals("retention.ms", "-1", "the log is the only source of truth and must never expire")
	t.equals("retention.bytes", "-1", "the log is the only source of truth and must never expire")
}

// lookAt returns the likely cause of a connection error and the settings to check. Some TLS and
// SASL errors have no type and are recognized by their text.
func (c Config) lookAt(err error) string {
	var otherName x509.HostnameError
	var invalid x509.CertificateInvalidError
	var unknownAuthority x509.UnknownAuthorityError
	var noTLS tls.RecordHeaderError
	text := err.Error()
	switch {
	case errors.Is(err, kerr.SaslAuthenticationFailed), errors.Is(err, kerr.UnsupportedSaslMechanism),
		strings.Contains(text, "SASL"):
		return "the broker refuses the credentials: check LEDGERBOARD_KAFKA_USER, LEDGERBOARD_KAFKA_PASSWORD and " +
			"LEDGERBOARD_KAFKA_SASL"
	case errors.As(err, &unknownAuthority):
		return "the certificate authority of the broker is not trusted: check LEDGERBOARD_KAFKA_CA"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "the certificate of the broker has expired or is not valid yet: renew it, and check the clocks of both " +
			"machines"
	case errors.As(err, &otherName):
		return "the certificate of the broker is for a different host name: check LEDGERBOARD_KAFKA_BROKERS"
	case errors.As(err, &noTLS):
		return "the broker does not use TLS on this port: check LEDGERBOARD_KAFKA_BROKERS and LEDGERBOARD_KAFKA_TLS"
	case strings.Contains(text, "remote error: tls"):
		return "the broker refuses the TLS connection: check LEDGERBOARD_KAFKA_CERT"
	case c.TLS == nil && strings.Contains(text, "tls"):
		return "the broker requires TLS: check LEDGERBOARD_KAFKA_TLS"
	case errors.Is(err, io.EOF), strings.Contains(text, "EOF"):
		return "the broker closes the connection immediately; it may require TLS or refuse the credentials: check " +
			"LEDGERBOARD_KAFKA_TLS, LEDGERBOARD_KAFKA_USER, LEDGERBOARD_KAFKA_PASSWORD and LEDGERBOARD_KAFKA_SASL"
	default:
		return "check that the brokers are running, and check their addresses, TLS and SASL"
	}
}

func (c Config) unencryptedBrokers() []string {
	if c.TLS != nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(c.Brokers), func(broker string) bool {
		host, _, err := net.SplitHostPort(broker)
		ip := net.ParseIP(host)
		return err == nil && (host == "localhost" || ip != nil && ip.IsLoopback())
	})
}
