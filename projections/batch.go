package projections

import (
	"context"
	"errors"
	"strconv"
	"time"

	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
	"golang.org/x/sync/errgroup"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/internal/tracing"
	"github.com/ledgerboard/ledgerboard/projections/fold"
)

const (
	foldWorkers = 4    // concurrent transactions for one large poll
	maxRecords  = 5000 // per transaction
	// splitAbove is the number of records above which a poll is split among workers.
	splitAbove = 400
)

// handle folds one poll. When the process shuts down, handle gets a few seconds to finish;
// otherwise the next process would repeat work that was nearly done, and commands would wait
// longer. A small poll is one transaction over all its partitions, which keeps latency low when a
// few events arrive on many partitions. A large poll is divided among workers by partition, so that
// no two transactions touch the same keys.
func (s *session) handle(ctx context.Context, batch eventlog.Batch) error {
	if len(batch.Runs) == 0 {
		return nil
	}
	folding, end := s.every.finishing(ctx)
	defer end()
	workers := 1
	if recordsOf(batch.Runs) > splitAbove {
		workers = min(foldWorkers, len(batch.Runs))
	}
	shares := make([][]eventlog.Run, workers)
	for i, run := range batch.Runs {
		shares[i%workers] = append(shares[i%workers], run)
	}
	group, sharing := errgroup.WithContext(folding)
	for _, share := range shares {
		group.Go(func() error { return s.foldShare(sharing, batch.TopicID, cutRuns(share, s.maxRecords)) })
	}
	return group.Wait()
}

// cutRuns splits runs into transactions of about equal size with at most limit records each. While
// one transaction is folded, the next one is decoded; with equal sizes, both take about equally
// long.
func cutRuns(runs []eventlog.Run, limit int) (cut [][]eventlog.Run) {
	records := recordsOf(runs)
	if n := (records + limit - 1) / limit; n > 1 {
		limit = (records + n - 1) / n
	}
	var one []eventlog.Run
	remaining := limit
	for _, r := range runs {
		for len(r.Records) > remaining {
			head := r
			head.Records, r.Records = r.Records[:remaining], r.Records[remaining:]
			head.Next = head.Records[remaining-1].Offset + 1
			cut, one, remaining = append(cut, append(one, head)), nil, limit
		}
		one = append(one, r)
		if remaining -= len(r.Records); remaining == 0 {
			cut, one, remaining = append(cut, one), nil, limit
		}
	}
	if len(one) > 0 {
		cut = append(cut, one)
	}
	return cut
}

func recordsOf(runs []eventlog.Run) int {
	n := 0
	for _, r := range runs {
		n += len(r.Records)
	}
	return n
}

func (s *session) foldShare(ctx context.Context, topic eventlog.TopicID, transactions [][]eventlog.Run) error {
	group, ctx := errgroup.WithContext(ctx)
	decoded := make(chan []step)
	group.Go(func() error {
		defer close(decoded)
		for _, runs := range transactions {
			steps := make([]step, 0, len(runs)) // from is set once the preceding records are folded
			for _, r := range runs {
				events, unknown := s.eventsOf(r)
				s.update(func() { s.unknown += int64(unknown) })
				steps = append(steps, step{topic: topic, partition: r.Partition, to: r.Next, events: events})
			}
			select {
			case decoded <- steps:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		return nil
	})
	group.Go(func() error {
		for steps := range decoded {
			s.update(func() {
				for i := range steps {
					steps[i].from = s.checkpoints[steps[i].partition]
				}
			})
			began := time.Now()
			if err := s.fold(ctx, steps); err != nil {
				return err
			}
			s.trace(steps, began)
			s.folded(steps)
		}
		return nil
	})
	return group.Wait()
}

// eventsOf decodes a run, and returns the number of events of types that this program does not know.
func (w work) eventsOf(r eventlog.Run) (events []fold.Event, unknown int) {
	events = make([]fold.Event, 0, len(r.Records))
	for _, raw := range r.Records {
		ev, passed := w.eventOf(raw)
		switch {
		case !passed:
			events = append(events, ev)
		case ev.Err != nil:
			unknown++
		}
	}
	return events, unknown
}

// eventOf decodes a record. Without hash chains, it passes over the events of other projections and,
// with an error, those of types that this program does not know.
func (w work) eventOf(raw eventlog.Record) (ev fold.Event, passed bool) {
	if !w.chained && w.passesOver(raw) {
		return ev, true
	}
	ev = w.decode(raw)
	bad, ok := errors.AsType[*fold.BadEventError](ev.Err)
	return ev, ok && bad.Reason == operator.ReasonUnknownType && !w.chained
}

// passesOver reports whether a record belongs to another projection of the topic.
func (w work) passesOver(raw eventlog.Record) bool {
	if len(w.types) == 0 {
		return false
	}
	eventType := raw.Header("ce_type")
	return !w.types[eventType] && w.registry.Knows(eventType)
}

// decode never fails: a record that cannot be decoded becomes an Event with Err.
func (w work) decode(raw eventlog.Record) fold.Event {
	recorded, err := w.log.Decode(raw)
	ev := fold.Event{Raw: raw, Recorded: recorded}
	refused := w.refused[domain.Position{Topic: raw.Topic, Partition: raw.Partition, Offset: raw.Offset}]
	switch {
	case refused != nil:
		ev.Err = refused
	case err == nil:
	case errors.Is(err, domain.ErrUnknownType):
		ev.Err = &fold.BadEventError{Reason: operator.ReasonUnknownType}
	case errors.Is(err, eventlog.ErrMalformed):
		ev.Key = storable(ev.Key) // it may be any bytes
		ev.Err = &fold.BadEventError{Reason: operator.ReasonMalformed}
	default:
		ev.Err = &fold.BadEventError{Reason: operator.ReasonUndecodable}
	}
	return ev
}

// apply folds an event. It returns a dead letter if the event cannot be folded, and whether the
// event is stale or invalid.
func (w work) apply(state fold.Fold, s *streams, ev fold.Event) (bad *deadLetter, ignored bool) {
	var verdict eventlog.Verdict
	folded := true
	if w.chained {
		if verdict, folded = s.judge(&ev); verdict == eventlog.Stale || verdict == eventlog.Invalid {
			return nil, true
		}
	}
	var err error
	switch {
	case verdict == eventlog.Broken:
		err = &fold.BadEventError{Reason: operator.ReasonChainBroken}
	case !folded || w.passesOver(ev.Raw):
	case ev.Err != nil:
		err = ev.Err
	default:
		err = state.Apply(ev)
	}
	if err == nil || w.chained && !s.stop(ev, verdict) {
		return nil, false
	}
	letter := newDeadLetter(ev, badEvent(err))
	return &letter, false
}

// refusing refuses the events after a version of a stream, because the database refuses their rows.
type refusing struct {
	fold.Fold
	after int64
	bad   *fold.BadEventError
}

func (r refusing) Apply(ev fold.Event) error {
	if ev.Head.Version > r.after {
		return r.bad
	}
	return r.Fold.Apply(ev)
}

func within(ctx context.Context, limit time.Duration, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return f(ctx)
}

func count(steps []step) int {
	n := 0
	for _, s := range steps {
		n += len(s.events)
	}
	return n
}

// traceWithin is the maximum age of an event that gets a span for its fold. A generation that is
// being built folds years of events.
const traceWithin = 10 * time.Minute

// trace adds a span for the fold to the trace of each recent event, if that trace is sampled.
func (s *session) trace(steps []step, began time.Time) {
	if !tracing.Enabled() {
		return
	}
	for _, next := range steps {
		for _, ev := range next.events {
			if began.Sub(ev.Envelope.Time) >= traceWithin {
				continue
			}
			ctx := tracing.Continue(context.Background(), ev.Envelope.TraceParent)
			_, span := tracing.StartInTrace(ctx, "fold "+s.projector.Name,
				trace.WithTimestamp(began), trace.WithSpanKind(trace.SpanKindConsumer), trace.WithAttributes(
					semconv.MessagingSystemKafka, semconv.MessagingDestinationName(s.projector.Topic),
					semconv.MessagingDestinationPartitionID(strconv.Itoa(int(next.partition))),
					semconv.MessagingKafkaOffset(int(ev.Raw.Offset))))
			span.End()
		}
	}
}
