package eventlog_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// librariesVariable names the directory of Apache Kafka's jar files, which .ci/kafka fetches.
const librariesVariable = "LEDGERBOARD_TEST_KAFKA_LIBS"

// The same on Apache Kafka: SASL_SSL with SCRAM, one listener per certificate.
func TestSecuredBrokersOnApacheKafka(t *testing.T) {
	libraries := os.Getenv(librariesVariable)
	if libraries == "" {
		t.Skipf("%s is not set: .ci/kafka sets it", librariesVariable)
	}
	s := newSecured(t)
	s.startApacheKafka(t, libraries)
	for _, mechanism := range []string{eventlog.SASLScramSHA256, eventlog.SASLScramSHA512} {
		t.Run(mechanism, func(t *testing.T) { s.suite(t, mechanism) })
	}
}

// startApacheKafka starts one broker with its own properties and stops it at the end of the test.
func (s *secured) startApacheKafka(t *testing.T, libraries string) {
	t.Helper()
	dir := t.TempDir()
	ports := freePorts(t, 5)
	plain, controller := ports[3], ports[4]
	s.brokers, s.expired, s.asking = ports[0], ports[1], ports[2]
	keystore := func(name string, ends time.Duration) string {
		pair := s.authority.Issue(t, "127.0.0.1", time.Now().Add(ends))
		path := filepath.Join(dir, name+".pem")
		require.NoError(t, os.WriteFile(path, append(bytes.Clone(pair.Key), pair.Cert...), 0o600))
		return path
	}
	valid := keystore("valid", time.Hour)
	lines := []string{
		"process.roles=broker,controller", "node.id=1", "controller.quorum.voters=1@" + controller,
		"listeners=SECURED://" + s.brokers + ",EXPIRED://" + s.expired + ",ASKING://" + s.asking + ",INTERNAL://" + plain + ",CONTROLLER://" + controller,
		"controller.listener.names=CONTROLLER", "inter.broker.listener.name=INTERNAL",
		"listener.security.protocol.map=SECURED:SASL_SSL,EXPIRED:SASL_SSL,ASKING:SASL_SSL,INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT",
		"sasl.enabled.mechanisms=SCRAM-SHA-256,SCRAM-SHA-512", "log.dirs=" + filepath.Join(dir, "data"),
		"auto.create.topics.enable=false", "min.insync.replicas=1", "offsets.topic.replication.factor=1",
		"transaction.state.log.replication.factor=1", "transaction.state.log.min.isr=1", "group.initial.rebalance.delay.ms=0",
		"listener.name.asking.ssl.client.auth=required",
	}
	for listener, keys := range map[string]string{"secured": valid, "expired": keystore("expired", -time.Hour), "asking": valid} {
		prefix := "listener.name." + listener + "."
		lines = append(lines, prefix+"ssl.keystore.type=PEM", prefix+"ssl.keystore.location="+keys, prefix+"ssl.truststore.type=PEM", prefix+"ssl.truststore.location="+s.authority.File)
		for _, mechanism := range []string{"scram-sha-256", "scram-sha-512"} {
			lines = append(lines, prefix+mechanism+".sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;")
		}
	}
	properties := filepath.Join(dir, "server.properties")
	require.NoError(t, os.WriteFile(properties, []byte(strings.Join(lines, "\n")+"\n"), 0o600))
	java := func(args ...string) *exec.Cmd {
		return exec.Command("java", append([]string{"-Xmx512m", "-Dlog4j2.level=WARN", "-cp", filepath.Join(libraries, "*")}, args...)...)
	}
	user := "[name=" + securedUser + ",password=" + securedPassword + "]"
	out, err := java("kafka.tools.StorageTool", "format", "--cluster-id="+uuid.NewString()[:22], "-c", properties,
		"--add-scram", "SCRAM-SHA-256="+user, "--add-scram", "SCRAM-SHA-512="+user).CombinedOutput()
	require.NoError(t, err, string(out))
	broker := java("kafka.Kafka", properties)
	broker.SysProcAttr = endsWithUs()
	var output bytes.Buffer
	broker.Stdout, broker.Stderr = &output, &output
	ended := startOnItsThread(t, broker)
	t.Cleanup(func() {
		_ = broker.Process.Signal(os.Interrupt)
		select {
		case <-ended:
		case <-time.After(20 * time.Second):
			_ = broker.Process.Kill()
			<-ended
		}
		if t.Failed() {
			t.Log(output.String())
		}
	})
	for _, listener := range []string{plain, s.brokers, s.expired, s.asking} { // they open one after the other
		awaitPort(t, listener, ended, func() string { <-ended; return output.String() })
	}
}

// startOnItsThread starts a program and reports when it has ended. It reserves a thread for the
// program: the kernel ends the program with the thread that started it, and Go may end any thread.
func startOnItsThread(t *testing.T, cmd *exec.Cmd) <-chan struct{} {
	t.Helper()
	started, ended := make(chan error), make(chan struct{})
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // ended by a signal
			close(ended)
		}
	}()
	require.NoError(t, <-started)
	return ended
}

// freePorts returns loopback addresses that were free a moment ago, below the range that the kernel
// assigns, so that the broker finds them free (deploy/kafka chooses the same way).
func freePorts(t *testing.T, n int) (addresses []string) {
	t.Helper()
	for giveUp := time.Now().Add(time.Minute); len(addresses) < n; {
		require.True(t, time.Now().Before(giveUp), "no port is free")
		listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 20000+rand.IntN(10000)))
		if err == nil {
			defer listener.Close() // at the end, so that none is chosen twice
			addresses = append(addresses, listener.Addr().String())
		}
	}
	return addresses
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
