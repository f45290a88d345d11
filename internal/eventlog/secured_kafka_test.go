package eventlog_test

import (
	"bytes"
	"crypto/rand"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/certs"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// librariesVariable names the directory of Apache Kafka's jar files, which .ci/kafka fetches.
const librariesVariable = "LEDGERBOARD_TEST_KAFKA_LIBS"

// The same on Apache Kafka: SASL_SSL with every mechanism, one listener per certificate. Its refusals
// are definite, and credentials are replaced while the log is open.
func TestTLSAndSASLOnApacheKafka(t *testing.T) {
	libraries := os.Getenv(librariesVariable)
	if libraries == "" {
		t.Skipf("%s is not set: .ci/kafka sets it", librariesVariable)
	}
	s := newSecured(t)
	broker := s.startApacheKafka(t, libraries)
	for _, mechanism := range []string{eventlog.SASLPlain, eventlog.SASLScramSHA256, eventlog.SASLScramSHA512} {
		t.Run(mechanism, func(t *testing.T) { s.suite(t, mechanism) })
	}
	t.Run("refusals", func(t *testing.T) { s.refusals(t, broker) })
	t.Run("quota", func(t *testing.T) { s.quota(t, broker) })
	t.Run("replaced credentials", func(t *testing.T) { s.replaceCredentials(t, broker) })
}

// apacheKafka is one broker with a listener without TLS for administrators.
type apacheKafka struct {
	java        func(args ...string) *exec.Cmd
	properties  string
	listeners   []string
	admin       string
	keys, trust string // the PEM files of its certificate and of the authorities of clients

	process *ledgertest.Child
}

// refusals appends what the broker refuses for certain.
func (s *secured) refusals(t *testing.T, broker *apacheKafka) {
	cfg := s.config(t, s.brokers, eventlog.SASLScramSHA512)
	log, err := eventlog.Open(testContext(t), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, log.Close()) })
	_, admin := ledgertest.NewAdmin(t, []string{broker.admin})
	change := func(topic, setting, value string) {
		t.Helper()
		changes := []kadm.AlterConfig{{Op: kadm.SetConfig, Name: setting, Value: &value}}
		altered, err := admin.AlterTopicConfigs(testContext(t), changes, cfg.WireName(topic))
		require.NoError(t, err)
		require.NoError(t, altered[0].Err)
	}
	refused := func(topic string, d domain.Draft, reason *kerr.Error) {
		t.Helper()
		awaitDefinite(t, func() error { return log.Append(testContext(t), d) }, reason, topic)
		awaitDefinite(t, func() error { return log.AppendBulk(testContext(t), []domain.Draft{d}) }, reason, topic)
	}
	change(domain.TopicMetrics, "message.timestamp.before.max.ms", "0")
	refused(domain.TopicMetrics, postRead(1, 1), kerr.InvalidTimestamp)
	change(domain.TopicMetrics, "message.timestamp.before.max.ms", "9223372036854775807")
	change(domain.TopicMetrics, "max.message.bytes", "100")
	refused(domain.TopicMetrics, postRead(1, 2), kerr.MessageTooLarge)
	change(domain.TopicMetrics, "max.message.bytes", "2097152")
	deny := kadm.NewACLs().Topics(cfg.WireName(domain.TopicMetrics)).ResourcePatternType(kadm.ACLPatternLiteral).
		Operations(kadm.OpWrite).Deny("User:" + securedUser).DenyHosts()
	created, err := admin.CreateACLs(testContext(t), deny)
	require.NoError(t, err)
	require.NoError(t, created[0].Err)
	refused(domain.TopicMetrics, postRead(1, 3), kerr.TopicAuthorizationFailed)
	_, err = admin.DeleteACLs(testContext(t), deny)
	require.NoError(t, err)
	ledgertest.Eventually(t, func() bool { return log.Append(testContext(t), postRead(1, 4)) == nil })

	many := s.config(t, s.brokers, eventlog.SASLScramSHA512)
	many.Topics = slices.Clone(many.Topics)
	many.Topics[0].Partitions = 10_001
	_, err = eventlog.Open(testContext(t), many)
	require.ErrorIs(t, err, kerr.PolicyViolation)
	require.ErrorContains(t, err, "Excessively large number of partitions", "the reason of the broker")
}

// awaitDefinite repeats an append until it fails, because a changed setting takes effect after the
// broker's answer, and requires that the failure is a refusal for this reason.
func awaitDefinite(t *testing.T, appends func() error, reason *kerr.Error, topic string) {
	t.Helper()
	var err error
	ledgertest.Eventually(t, func() bool { err = appends(); return err != nil }, topic)
	require.ErrorIs(t, err, reason)
	require.ErrorIs(t, err, eventlog.ErrRefused)
}

// quota scans under a quota, below which a partition waits for longer than brokers may be silent.
func (s *secured) quota(t *testing.T, broker *apacheKafka) {
	// The four partitions are read one after the other, each after 13 s. A batch that is larger than
	// ten seconds of the rate could never be read.
	const partitions, records, size, rate = 4, 7, 30_000, 32_768
	cfg := s.config(t, s.brokers, eventlog.SASLScramSHA512)
	log, err := eventlog.Open(testContext(t), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, log.Close()) })
	raw, admin := ledgertest.NewAdmin(t, []string{broker.admin})
	for p := range int32(partitions) {
		for range records {
			r := &kgo.Record{Topic: cfg.WireName(domain.TopicMetrics), Partition: p, Key: []byte("k"), Value: make([]byte, size)}
			_, _ = rand.Read(r.Value) // it cannot be compressed
			require.NoError(t, raw.ProduceSync(testContext(t), r).FirstErr())
		}
	}
	limit := func(op kadm.AlterClientQuotaOp) {
		t.Helper()
		op.Key = "consumer_byte_rate"
		entity := kadm.ClientQuotaEntity{{Type: "user", Name: new(securedUser)}}
		altered, err := admin.AlterClientQuotas(testContext(t), []kadm.AlterClientQuotaEntry{{Entity: entity, Ops: []kadm.AlterClientQuotaOp{op}}})
		require.NoError(t, err)
		require.NoError(t, altered[0].Err)
	}
	limit(kadm.AlterClientQuotaOp{Value: rate})
	defer limit(kadm.AlterClientQuotaOp{Remove: true})
	read := 0
	for _, list := range scanAll(t, log, eventlog.ScanConfig{Topic: domain.TopicMetrics}) {
		read += len(list)
	}
	require.Equal(t, partitions*records, read)
}

// replaceCredentials replaces the authority, both certificates and the password, and restarts the
// broker: an open log continues.
func (s *secured) replaceCredentials(t *testing.T, broker *apacheKafka) {
	const renewed = "another-f4ke-password"
	files := newCredentialFiles(t)
	files.write(t, s.authority, s.trusted, securedPassword)
	cfg := newConfig(t, []string{s.asking})
	files.use(&cfg, eventlog.SASLScramSHA256)
	_, _, useEachClient := openClients(t, cfg)
	useEachClient()

	_, admin := ledgertest.NewAdmin(t, []string{broker.admin})
	altered, err := admin.AlterUserSCRAMs(testContext(t), nil, []kadm.UpsertSCRAM{
		{User: securedUser, Mechanism: kadm.ScramSha256, Iterations: 4096, Password: renewed},
	})
	require.NoError(t, err)
	require.NoError(t, altered.Error())
	second := certs.NewAuthority(t)
	broker.use(t, second.Issue(t, "127.0.0.1", time.Now().Add(time.Hour)), second)
	files.write(t, second, second.Issue(t, "client", time.Now().Add(time.Hour)), renewed)
	broker.stop()
	broker.start(t)
	useEachClient()
}

// startApacheKafka starts one broker with its own properties and stops it at the end of the test.
func (s *secured) startApacheKafka(t *testing.T, libraries string) *apacheKafka {
	t.Helper()
	dir := t.TempDir()
	plain, controller := ledgertest.FreeAddress(t), ledgertest.FreeAddress(t)
	s.brokers, s.expired, s.asking = ledgertest.FreeAddress(t), ledgertest.FreeAddress(t), ledgertest.FreeAddress(t)
	broker := &apacheKafka{
		java: func(args ...string) *exec.Cmd {
			return exec.Command("java", append([]string{"-Xmx512m", "-Dlog4j2.level=WARN", "-cp", filepath.Join(libraries, "*")}, args...)...)
		},
		properties: filepath.Join(dir, "server.properties"), admin: plain,
		listeners: []string{plain, s.brokers, s.expired, s.asking}, // they open one after the other
		keys:      filepath.Join(dir, "valid.pem"), trust: filepath.Join(dir, "trust.pem"),
	}
	broker.use(t, s.authority.Issue(t, "127.0.0.1", time.Now().Add(time.Hour)), s.authority)
	old := s.authority.Issue(t, "127.0.0.1", time.Now().Add(-time.Hour))
	expired := filepath.Join(dir, "expired.pem")
	require.NoError(t, os.WriteFile(expired, append(bytes.Clone(old.Key), old.Cert...), 0o600))
	lines := []string{
		"process.roles=broker,controller", "node.id=1", "controller.quorum.voters=1@" + controller,
		"listeners=SECURED://" + s.brokers + ",EXPIRED://" + s.expired + ",ASKING://" + s.asking + ",INTERNAL://" + plain + ",CONTROLLER://" + controller,
		"controller.listener.names=CONTROLLER", "inter.broker.listener.name=INTERNAL",
		"listener.security.protocol.map=SECURED:SASL_SSL,EXPIRED:SASL_SSL,ASKING:SASL_SSL,INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT",
		"sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512", "log.dirs=" + filepath.Join(dir, "data"),
		"auto.create.topics.enable=false", "min.insync.replicas=1", "offsets.topic.replication.factor=1",
		"transaction.state.log.replication.factor=1", "transaction.state.log.min.isr=1", "group.initial.rebalance.delay.ms=0",
		"listener.name.asking.ssl.client.auth=required",
		"authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer",
		"allow.everyone.if.no.acl.found=true", "super.users=User:ANONYMOUS", // of the listeners without TLS
	}
	for listener, keys := range map[string]string{"secured": broker.keys, "expired": expired, "asking": broker.keys} {
		prefix := "listener.name." + listener + "."
		lines = append(lines, prefix+"ssl.keystore.type=PEM", prefix+"ssl.keystore.location="+keys, prefix+"ssl.truststore.type=PEM", prefix+"ssl.truststore.location="+broker.trust,
			prefix+"plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_"+securedUser+"=\""+securedPassword+"\";")
		for _, mechanism := range []string{"scram-sha-256", "scram-sha-512"} {
			lines = append(lines, prefix+mechanism+".sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;")
		}
	}
	require.NoError(t, os.WriteFile(broker.properties, []byte(strings.Join(lines, "\n")+"\n"), 0o600))
	user := "[name=" + securedUser + ",password=" + securedPassword + "]"
	out, err := broker.java("kafka.tools.StorageTool", "format", "--cluster-id="+uuid.NewString()[:22], "-c", broker.properties,
		"--add-scram", "SCRAM-SHA-256="+user, "--add-scram", "SCRAM-SHA-512="+user).CombinedOutput()
	require.NoError(t, err, string(out))
	broker.start(t)
	t.Cleanup(func() {
		broker.stop()
		if t.Failed() {
			t.Log(broker.process.Output.String())
		}
	})
	return broker
}

// use sets the certificate of the broker and the authority of its clients, from its next start on.
func (a *apacheKafka) use(t *testing.T, own certs.Pair, authority *certs.Authority) {
	t.Helper()
	clients, err := os.ReadFile(authority.File)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(a.trust, clients, 0o600))
	require.NoError(t, os.WriteFile(a.keys, append(bytes.Clone(own.Key), own.Cert...), 0o600))
}

func (a *apacheKafka) start(t *testing.T) {
	t.Helper()
	var err error
	a.process, err = ledgertest.Start(a.java("kafka.Kafka", a.properties))
	require.NoError(t, err)
	for _, listener := range a.listeners {
		awaitPort(t, listener, a.process.Ended, func() string { <-a.process.Ended; return a.process.Output.String() })
	}
}

func (a *apacheKafka) stop() {
	_ = a.process.Process.Signal(os.Interrupt)
	if _, err := a.process.Await(20 * time.Second); err != nil {
		_ = a.process.Process.Kill()
		<-a.process.Ended
	}
}

// awaitPort waits until a process listens.
func awaitPort(t *testing.T, address string, ended <-chan struct{}, output func() string) {
	t.Helper()
	for giveUp := time.Now().Add(2 * time.Minute); ; {
		connection, err := net.Dial("tcp", address)
		if err == nil {
			require.NoError(t, connection.Close())
			return
		}
		select {
		case <-ended:
			require.FailNow(t, "the broker has ended", output())
		case <-time.After(100 * time.Millisecond):
			require.True(t, time.Now().Before(giveUp), "the broker does not listen")
		}
	}
}
