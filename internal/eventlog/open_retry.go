package eventlog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/twmb/franz-go/pkg/kerr"
)

// openRetryTime bounds how long [Open] rides out what brokers say while leaders are elected and new topics become known.
const openRetryTime = 30 * time.Second

// settled does what a start does with the brokers, again as long as they say that it will pass: right after topics were made, or
// while a broker restarts, each of them may know less than the others. Brokers that do not answer at all are told of at once.
func settled(ctx context.Context, log *slog.Logger, do func(context.Context) error) error {
	pause := backoff.NewExponentialBackOff()
	pause.InitialInterval, pause.MaxInterval = 50*time.Millisecond, time.Second
	var told bool
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		err := do(ctx)
		if err != nil && !unsettled(err) {
			err = backoff.Permanent(err)
		} else if err != nil && !told {
			told = true
			log.WarnContext(ctx, "the brokers do not agree yet; it is tried again", "at_most", openRetryTime.String(), "error", err)
		}
		return struct{}{}, err
	}, backoff.WithBackOff(pause), backoff.WithMaxElapsedTime(openRetryTime))
	if err != nil && unsettled(err) {
		err = fmt.Errorf("tried for %s: %w", openRetryTime, err)
	}
	return err
}

// unsettled tells whether brokers said that a request may succeed a moment later. A topic that was found or made before is one
// that another broker does not know yet. A topic that is not safe stays so, whatever else was said with it.
func unsettled(err error) bool {
	if errors.Is(err, ErrUnsafeTopic) {
		return false
	}
	protocol, ok := errors.AsType[*kerr.Error](err)
	return ok && protocol.Retriable || errors.Is(err, errTopicMissing)
}
