package eventlog

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/ledgerboard/ledgerboard/domain"
)

// TakesRecords tells whether each partition of a topic can take a record now: unavailable when its leader does not answer, or when
// fewer replicas in sync answer than min.insync.replicas was when [Log.Check] read it last. Each of those is asked itself: brokers
// that have lost their quorum go on naming dead ones. Other errors mean that no broker says what the topic is like.
func (l *Log) TakesRecords(ctx context.Context, topic string) error {
	described, err := l.describe(ctx, topic)
	if err != nil {
		return err
	}
	need, err := l.neededInSync(ctx, topic)
	if err != nil {
		return err
	}
	return l.answering(ctx, described.inSync, func(there map[int32]bool) error {
		for partition, replicas := range described.inSync {
			var answer int
			for _, broker := range replicas {
				if there[broker] {
					answer++
				}
			}
			if answer < need {
				return domain.NewError(domain.CodeUnavailable, "Too few brokers answer to take a change: partition %d of topic %s has %d of the "+
					"%d replicas in sync that it needs. Bring brokers back.", partition, topic, answer, need)
			}
			if !there[described.leaders[partition]] {
				return domain.NewError(domain.CodeUnavailable, "No change can be taken: partition %d of topic %s has no leader that answers. "+
					"Other replicas take over within seconds; else bring brokers back.", partition, topic)
			}
		}
		return nil
	})
}

// neededInSync is min.insync.replicas of a topic. It is asked for only where no check has read it: a question that any broker may
// answer can meet one that is frozen.
func (l *Log) neededInSync(ctx context.Context, topic string) (int, error) {
	if need, ok := l.needed.Load(topic); ok {
		return need.(int), nil //nolint:forcetypeassert // noteNeeded stores these
	}
	settings, err := l.settings(ctx, l.cfg.wireName(topic))
	if err != nil {
		return 0, err
	}
	return l.noteNeeded(topic, settings)
}

// noteNeeded keeps what [Log.TakesRecords] goes by.
func (l *Log) noteNeeded(topic string, settings map[string]string) (int, error) {
	need, err := strconv.Atoi(settings["min.insync.replicas"])
	if err != nil {
		return 0, fmt.Errorf("read min.insync.replicas of %s: %w", topic, err)
	}
	l.needed.Store(topic, need)
	return need, nil
}

// answering asks each of the brokers whether it is there, and judges by those that are, until the verdict is good or as long as
// brokers may take.
func (l *Log) answering(ctx context.Context, inSync map[int32][]int32, judge func(there map[int32]bool) error) error {
	ctx, cancel := context.WithTimeout(ctx, l.cfg.BrokerAnswersWithin)
	defer cancel()
	asked := map[int32]bool{}
	for _, replicas := range inSync {
		for _, broker := range replicas {
			asked[broker] = true
		}
	}
	type answer struct {
		broker int32
		err    error
	}
	answers := make(chan answer, len(asked))
	for broker := range asked {
		go func() {
			// Retried: after an idle time, or a restart, the first request finds the connection broken.
			_, err := l.client.Broker(int(broker)).RetriableRequest(ctx, kmsg.NewPtrApiVersionsRequest())
			answers <- answer{broker, err}
		}()
	}
	there := map[int32]bool{}
	verdict := judge(there)
	for range asked {
		if a := <-answers; a.err == nil {
			there[a.broker] = true
			if verdict = judge(there); verdict == nil {
				break // the others may be frozen, which is no matter
			}
		}
	}
	return verdict
}

const (
	// askAnotherAfter is how long one broker is waited for before another is asked too: one that is frozen takes requests and
	// answers none.
	askAnotherAfter = 500 * time.Millisecond
	// askedAtMost is how many are asked.
	askedAtMost = 4
)

// soonest asks what any broker may answer, another one after each failure and each while without an answer, and returns the first answer.
// Where there is none it returns the first error.
func soonest[T any](ctx context.Context, ask func(context.Context) (T, error)) (T, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type answer struct {
		got T
		err error
	}
	answers := make(chan answer, askedAtMost)
	another := time.NewTicker(askAnotherAfter)
	defer another.Stop()
	asked, failed := 0, 0
	next := func() {
		asked++
		go func() {
			got, err := ask(ctx)
			answers <- answer{got, err}
		}()
	}
	var failure error
	for next(); ; {
		select {
		case a := <-answers:
			if a.err == nil {
				return a.got, nil
			}
			if failed++; failure == nil {
				failure = a.err
			}
			if asked < askedAtMost && ctx.Err() == nil {
				next()
			} else if failed == asked {
				return a.got, failure
			}
		case <-another.C:
			if asked < askedAtMost {
				next()
			}
		}
	}
}
