package eventlog

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
)

// ErrUnsafeTopic is wrapped by every finding of [Log.Check].
var ErrUnsafeTopic = errors.New("unsafe topic")

// What a compacted topic must keep: a reader that was away for a day still sees every state, and one
// that was away for a month still sees every tombstone.
const (
	minCompactionLag   = 24 * time.Hour
	minDeleteRetention = 30 * 24 * time.Hour
)

// ForgetsWithin is how long after a tombstone a compacted topic may hold what the key said before: max.compaction.lag.ms and
// segment.ms, which each start checks. A partition that gets no record compacts nothing: the cleaner leaves the open segment.
const ForgetsWithin = maxCompactionLag + maxSegmentAge

// What lets a compacted topic forget, within [ForgetsWithin]. The cleaner leaves the segment alone that is written to.
const (
	maxCompactionLag = 7 * 24 * time.Hour
	maxSegmentAge    = 24 * time.Hour
)

// Check compares the topics with what keeps the log from forgetting or splitting: number
// of partitions, replicas, retention, compaction, min.insync.replicas, unclean leader election,
// max.message.bytes. All findings are joined;
// each wraps [ErrUnsafeTopic] and names the command that fixes it. Other errors mean that the
// brokers could not be asked.
func (cl *cluster) Check(ctx context.Context) error {
	var errs []error
	for _, spec := range cl.codec.Topics() {
		errs = append(errs, cl.checkTopic(ctx, spec))
	}
	return errors.Join(errs...)
}

// RunChecks runs [Log.Check] every interval until ctx ends and hands each result
// to report, nil included. It does not check at once: [Open] did.
func (cl *cluster) RunChecks(ctx context.Context, every time.Duration, report func(error)) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			err := cl.Check(ctx)
			if ctx.Err() != nil {
				return
			}
			report(err)
		}
	}
}

func (cl *cluster) checkTopic(ctx context.Context, spec TopicSpec) error {
	described, err := cl.describe(ctx, spec.Name)
	if err != nil {
		return err
	}
	name := cl.cfg.wireName(spec.Name)
	settings, err := cl.settings(ctx, name)
	if err != nil {
		return err
	}
	brokers, err := cl.admin.ListBrokers(ctx)
	if err != nil {
		return fmt.Errorf("list brokers: %w", err)
	}
	t := topicCheck{name: name, bootstrap: strings.Join(cl.cfg.Brokers, ","), spec: spec, settings: settings}
	for _, p := range described.partitions {
		if t.replicas == 0 || len(p.Replicas) < t.replicas { // of the partition that has the fewest
			t.replicas = len(p.Replicas)
		}
	}
	t.partitions(len(described.partitions))
	t.replication(len(brokers))
	t.retention()
	t.equals("unclean.leader.election.enable", "false", "a replica that lags could become leader and forget acknowledged records")
	t.atLeast("max.message.bytes", int64(maxRecordBytes+batchOverhead), "the largest record allowed would be refused by the broker")
	return errors.Join(t.errs...)
}

func (cl *cluster) settings(ctx context.Context, name string) (map[string]string, error) {
	configs, err := cl.admin.DescribeTopicConfigs(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("describe settings of %s: %w", name, err)
	}
	var resource kadm.ResourceConfig
	if resource, err = configs.On(name, nil); err == nil {
		err = resource.Err
	}
	if err != nil {
		return nil, fmt.Errorf("describe settings of %s: %w", name, err)
	}
	settings := map[string]string{}
	for _, c := range resource.Configs {
		settings[c.Key] = c.MaybeValue()
	}
	return settings, nil
}

// topicCheck collects the findings about one topic.
type topicCheck struct {
	name, bootstrap string
	spec            TopicSpec
	settings        map[string]string
	replicas        int
	errs            []error
}

func (t *topicCheck) unsafef(format string, args ...any) {
	t.errs = append(t.errs, fmt.Errorf("%w %s: %s", ErrUnsafeTopic, t.name, fmt.Sprintf(format, args...)))
}

// setting demands a value; the finding ends with the command that sets it.
func (t *topicCheck) setting(key, why, want string, ok func(string) bool) {
	got, reported := t.settings[key]
	if reported && ok(got) {
		return
	}
	if !reported {
		got = "not reported"
	}
	t.unsafef("%s is %s; %s. Fix it: kafka-configs.sh --bootstrap-server %s --alter --entity-type topics --entity-name %s --add-config %s=%s",
		key, got, why, t.bootstrap, t.name, key, want)
}

func (t *topicCheck) equals(key, want, why string) {
	t.setting(key, why, want, func(got string) bool { return got == want })
}

func (t *topicCheck) atLeast(key string, least int64, why string) {
	t.setting(key, why, strconv.FormatInt(least, 10), func(got string) bool {
		n, err := strconv.ParseInt(got, 10, 64)
		return err == nil && n >= least
	})
}

func (t *topicCheck) atMost(key string, most time.Duration, why string) {
	t.setting(key, why, strconv.FormatInt(most.Milliseconds(), 10), func(got string) bool {
		n, err := strconv.ParseInt(got, 10, 64)
		return err == nil && n > 0 && n <= most.Milliseconds()
	})
}

func (t *topicCheck) partitions(got int) {
	if got == int(t.spec.Partitions) {
		return
	}
	t.unsafef("it has %d partitions, must have %d: the partition of a key follows from the count, so streams would split. "+
		"A count cannot be lowered. If the topic is empty, delete it and start again (it is created right): "+
		"kafka-topics.sh --bootstrap-server %s --delete --topic %s. Else restore the log into a topic with %d partitions",
		got, t.spec.Partitions, t.bootstrap, t.name, t.spec.Partitions)
}

func (t *topicCheck) replication(brokers int) {
	if want := min(int(t.spec.ReplicationFactor), brokers); t.replicas < want {
		t.unsafef("it has %d replicas, %d brokers could hold %d; a lost broker would lose records. "+
			"Fix it: kafka-reassign-partitions.sh --bootstrap-server %s --execute --reassignment-json-file <plan with %d replicas for %s>",
			t.replicas, brokers, want, t.bootstrap, want, t.name)
	}
	least := min(int(t.spec.insyncReplicas()), t.replicas)
	t.setting("min.insync.replicas",
		fmt.Sprintf("with fewer than %d an acknowledged record can be lost, with more than the %d replicas none can be written", least, t.replicas),
		strconv.Itoa(least), func(got string) bool {
			n, err := strconv.Atoi(got)
			return err == nil && n >= least && n <= t.replicas
		})
}

func (t *topicCheck) retention() {
	if t.spec.Compacted {
		t.equals("cleanup.policy", "compact", "the topic keeps the last state of each key for ever")
		t.atLeast("min.compaction.lag.ms", minCompactionLag.Milliseconds(), "readers that were away must still see each state")
		t.atMost("max.compaction.lag.ms", maxCompactionLag, "what was erased must leave the log")
		t.atMost("segment.ms", maxSegmentAge, "what was erased must leave the log, and the segment that is written to is not compacted")
		t.atLeast("delete.retention.ms", minDeleteRetention.Milliseconds(), "readers that were away must still see each tombstone")
		return
	}
	t.equals("cleanup.policy", "delete", "compaction would remove all but the last record of each key")
	t.equals("retention.ms", "-1", "the log is the only truth and must never expire")
	t.equals("retention.bytes", "-1", "the log is the only truth and must never expire")
}
