package chaos_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	kafkaScript = "../../../deploy/kafka"
	// kafkaUnavailable is the exit code of a machine on which Kafka cannot be had.
	kafkaUnavailable = 3
)

// cluster is three brokers of Apache Kafka, numbered from 1.
type cluster struct {
	t     testing.TB
	dir   string
	addrs []string
	// behind are, for each list of ports that it was started with, the addresses that those forward to.
	behind [][]string
}

// startCluster starts brokers that end with the test; ports are of proxies, one for each broker in each list.
func startCluster(t testing.TB, ports ...[]string) *cluster {
	t.Helper()
	c := &cluster{t: t, dir: t.TempDir()}
	args := []string{"--brokers", "3", "--dir", c.dir, "--attached"}
	for _, list := range ports {
		args = append(args, "--via", strings.Join(list, ","))
	}
	cmd := exec.Command(kafkaScript, args...)
	cmd.Stderr = os.Stderr
	input, err := cmd.StdinPipe()
	require.NoError(t, err)
	output, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = input.Close() // it ends with its input, also when this process is killed
		_ = cmd.Wait()
	})
	for lines := bufio.NewScanner(output); c.addrs == nil && lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), "=")
		switch name {
		case "VIA":
			c.behind = append(c.behind, strings.Split(value, ","))
		case "LEDGERBOARD_KAFKA_BROKERS":
			c.addrs = strings.Split(value, ",")
		}
	}
	if c.addrs == nil {
		exit, _ := errors.AsType[*exec.ExitError](cmd.Wait())
		if exit != nil && exit.ExitCode() == kafkaUnavailable && os.Getenv("CI") != "true" {
			t.Skip("left out: Apache Kafka cannot be had here")
		}
		require.FailNow(t, "the brokers did not start")
	}
	return c
}

// act does to a broker what deploy/kafka calls so: stop, kill, freeze, thaw, start.
func (c *cluster) act(what string, broker int) error {
	out, err := exec.Command(kafkaScript, what, strconv.Itoa(broker), "--dir", c.dir).CombinedOutput()
	if err != nil {
		return errors.New(what + " broker " + strconv.Itoa(broker) + ": " + string(out))
	}
	return nil
}

// whole waits until every replica is in sync: a port that takes connections is no replica yet.
func (c *cluster) whole() error {
	client, err := kgo.NewClient(kgo.SeedBrokers(c.addrs...), kgo.MetadataMinAge(100*time.Millisecond))
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return repeat(100*time.Millisecond, func() error { return c.lacks(ctx, kadm.NewClient(client)) })
}

func (c *cluster) lacks(ctx context.Context, admin *kadm.Client) error {
	all, err := admin.ListTopicsWithInternal(ctx)
	if err != nil {
		return err
	}
	brokers, err := admin.ListBrokers(ctx)
	if err != nil {
		return err
	}
	if len(brokers) < len(c.addrs) {
		return fmt.Errorf("brokers %v of %d are there", brokers.NodeIDs(), len(c.addrs))
	}
	for _, topic := range all {
		for _, p := range topic.Partitions {
			if p.Err != nil || p.Leader < 0 || len(p.ISR) < len(p.Replicas) {
				return fmt.Errorf("partition %d of %s has leader %d, and %v of %v in sync: %w", p.Partition, p.Topic, p.Leader, p.ISR, p.Replicas, p.Err)
			}
		}
	}
	groups, err := admin.DescribeGroups(ctx)
	if err != nil {
		return err
	}
	for _, group := range groups {
		if group.Err != nil || strings.HasSuffix(group.State, "Rebalance") {
			return fmt.Errorf("group %s is %s: %w", group.Group, group.State, group.Err)
		}
	}
	return nil
}
