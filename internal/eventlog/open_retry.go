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

// openRetryTime bounds how long [Open] retries while leaders are elected and new topics become
// known.
const openRetryTime = 30 * time.Second

// settled runs a step of the start and retries it on temporary errors: right after topics were
// created, or while a broker restarts, brokers may know less than others. If no broker answers at
// all, it fails at once.
func settled(ctx context.Context, log *slog.Logger, do func(context.Context) error) error {
	pause := backoff.NewExponentialBackOff()
	pause.InitialInterval, pause.MaxInterval = 50*time.Millisecond, time.Second
	var logged bool
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		err := do(ctx)
		if err != nil && !unsettled(err) {
			err = backoff.Permanent(err)
		} else if err != nil && !logged {
			logged = true
			log.WarnContext(ctx, "the brokers do not agree yet; retrying", "at_most", openRetryTime.String(), "error", err)
		}
		return struct{}{}, err
	}, backoff.WithBackOff(pause), backoff.WithMaxElapsedTime(openRetryTime))
	if err != nil && unsettled(err) {
		err = fmt.Errorf("tried for %s: %w", openRetryTime, err)
	}
	return err
}

// unsettled reports whether a request may succeed a moment later. A missing topic that was found or
// created before is unknown to another broker. An unsafe topic stays unsafe, whatever other error
// is joined.
func unsettled(err error) bool {
	if errors.Is(err, ErrUnsafeTopic) {
		return false
	}
	protocol, ok := errors.AsType[*kerr.Error](err)
	return ok && protocol.Retriable || errors.Is(err, errTopicMissing)
}
