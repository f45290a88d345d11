package deploy_test

import (
	"bufio"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/dev/needs"
)

// fakeVariable makes this program act as the java command of deploy/kafka.
const fakeVariable = "LEDGERBOARD_TEST_FAKE_JAVA"

func TestMain(m *testing.M) {
	if os.Getenv(fakeVariable) != "" {
		os.Exit(fakeJava(os.Args))
	}
	os.Exit(m.Run())
}

// fakeJava formats nothing. As a broker it accepts connections at the address in its settings until
// SIGTERM.
func fakeJava(args []string) int {
	if !slices.Contains(args, "kafka.Kafka") {
		return 0
	}
	terminated := make(chan os.Signal, 1)
	signal.Notify(terminated, syscall.SIGTERM)
	settings, err := os.ReadFile(args[len(args)-1])
	if err != nil {
		return 1
	}
	listens, err := net.Listen("tcp", string(regexp.MustCompile(`listeners=PLAINTEXT://([^,]+)`).FindSubmatch(settings)[1]))
	if err != nil {
		return 1
	}
	defer listens.Close()
	<-terminated
	return 0
}

// kafka runs deploy/kafka with fake brokers.
func kafka(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	needs.Programs(t, "bash", "ps")
	home := t.TempDir()
	program, err := os.Executable()
	require.NoError(t, err)
	require.NoError(t, os.MkdirAll(filepath.Join(home, "ledgerboard-ci", "kafka-0", "jars"), 0o700))
	java := "#!/bin/sh\nexport " + fakeVariable + "=1\nexec '" + program + "' \"$@\"\n"
	require.NoError(t, os.WriteFile(filepath.Join(home, "java"), []byte(java), 0o700))
	cmd := exec.Command("./kafka", args...)
	cmd.Env = append(os.Environ(), "PATH="+home+":"+os.Getenv("PATH"), "XDG_CACHE_HOME="+home, "KAFKA_VERSION=0")
	return cmd
}

// serve starts a cluster and returns its address and a function that stops it.
func serve(t *testing.T, dir string) (addr string, end func()) {
	t.Helper()
	cmd := kafka(t, "--dir", dir, "--attached")
	cmd.Stderr = os.Stderr
	input, err := cmd.StdinPipe()
	require.NoError(t, err)
	output, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	for lines := bufio.NewScanner(output); addr == "" && lines.Scan(); {
		_, addr, _ = strings.Cut(lines.Text(), "LEDGERBOARD_KAFKA_BROKERS=")
	}
	end = func() {
		_ = input.Close()
		_ = cmd.Wait() // its status is that of its last read
	}
	t.Cleanup(end)
	require.NotEmpty(t, addr)
	return addr, end
}

func answers(addr string) bool {
	connection, err := net.Dial("tcp", addr)
	if err == nil {
		_ = connection.Close()
	}
	return err == nil
}

// Clusters choose their ports before they listen, and two clusters that start at once may choose
// the same one. Tests that start a cluster therefore do not run in parallel.

// Refusing a directory in use does not affect the cluster that runs there.
func TestKafkaRefusesADirectoryInUse(t *testing.T) {
	dir := t.TempDir()
	addr, _ := serve(t, dir)
	second := kafka(t, "--dir", dir, "--attached")
	out, err := second.CombinedOutput()
	require.Error(t, err)
	require.True(t, answers(addr), "the first one's broker still runs")
	require.Contains(t, string(out), "runs in")
}

// A directory that is still being created cannot be started.
func TestKafkaRefusesAnIncompleteDirectory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "1"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "1", "server.properties"), nil, 0o600))
	out, err := kafka(t, "--dir", dir, "--attached").CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(out), "is incomplete")
}

// A kept directory can be started again on the same address, even if another process now has the
// old process id.
func TestKafkaStartsAKeptDirectoryAgain(t *testing.T) {
	dir := t.TempDir()
	first, end := serve(t, dir)
	end()
	require.False(t, answers(first))
	pid := filepath.Join(dir, "1", "pid")
	require.NoFileExists(t, pid)

	other := exec.Command("cat") // ends when its input is closed, but not before
	input, err := other.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, other.Start())
	require.NoError(t, os.WriteFile(pid, []byte(strconv.Itoa(other.Process.Pid)), 0o600))
	out, err := kafka(t, "stop", "1", "--dir", dir).CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(out), "no broker 1 runs")
	again, end := serve(t, dir)
	require.Equal(t, first, again)
	end()
	require.NoError(t, input.Close())
	require.NoError(t, other.Wait(), "nobody has killed it")
}

// A frozen broker can be stopped.
func TestKafkaStopsAFrozenBroker(t *testing.T) {
	dir := t.TempDir()
	addr, _ := serve(t, dir)
	for _, action := range []string{"freeze", "stop"} {
		out, err := kafka(t, action, "1", "--dir", dir).CombinedOutput()
		require.NoError(t, err, "%s: %s", action, out)
	}
	require.False(t, answers(addr))
}
