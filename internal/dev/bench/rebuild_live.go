package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"golang.org/x/sync/errgroup"

	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/projections"
)

const (
	liveEvery     = 50 * time.Millisecond // between two events that are appended while a rebuild runs
	liveLook      = 50 * time.Millisecond // a look without a word that the projection has moved
	liveReaders   = 2
	readSeldom    = 100 * time.Millisecond // between an answer and the next request of a reader
	readOften     = 10 * time.Millisecond  // likewise, from the verification on
	switchesAsked = 5
)

// live is what goes on beside a rebuild: events that are waited for, and readers.
type live struct {
	stop  context.CancelFunc
	group *errgroup.Group
	often atomic.Bool // readers ask often

	mu       sync.Mutex
	seen     []timed // events, from before the append until they could be read
	acked    []timed // the same events, from before the append until it returned
	requests []timed
	failed   int
}

// timed is something that began and took its time.
type timed struct {
	began time.Time
	took  time.Duration
}

func (r *rebuilding) beginLive(ctx context.Context) *live {
	ctx, stop := context.WithCancel(ctx)
	group, ctx := errgroup.WithContext(ctx)
	l := &live{stop: stop, group: group}
	progress := pg.NewProgress()
	group.Go(func() error { progress.Listen(ctx, r.url, r.logger); return nil })
	group.Go(func() error { return ignoreEnd(ctx, l.appendAll(ctx, r, progress)) })
	for range liveReaders {
		group.Go(func() error { return ignoreEnd(ctx, l.read(ctx, r)) })
	}
	return l
}

// end stops all and returns the first error; again, it returns the same.
func (l *live) end() error {
	l.stop()
	return l.group.Wait()
}

// appendAll appends events at the rate, one after the other, and has each waited for.
func (l *live) appendAll(ctx context.Context, r *rebuilding, progress *pg.Progress) error {
	tick := time.NewTicker(liveEvery)
	defer tick.Stop()
	waiting, ctx := errgroup.WithContext(ctx)
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return waiting.Wait()
		case <-tick.C:
		}
		p, err := r.probe(r.log, n)
		if err != nil {
			return err
		}
		began := time.Now()
		if err := r.log.Append(ctx, p.draft); err != nil {
			return fmt.Errorf("append beside a rebuild: %w", err)
		}
		acked := time.Since(began)
		waiting.Go(func() error {
			if err := r.awaitReadable(ctx, p, progress); err != nil {
				return ignoreEnd(ctx, err)
			}
			l.mu.Lock()
			defer l.mu.Unlock()
			l.seen = append(l.seen, timed{began, time.Since(began)})
			l.acked = append(l.acked, timed{began, acked})
			return nil
		})
	}
}

// awaitReadable looks for a row whenever the projection moves.
func (r *rebuilding) awaitReadable(ctx context.Context, p liveProbe, progress *pg.Progress) error {
	for {
		moved := progress.Moved(r.projection, p.key)
		var there bool
		if err := r.pool.QueryRow(ctx, "select exists (select from "+p.where+")", p.args...).Scan(&there); err != nil {
			return fmt.Errorf("look for a row: %w", err)
		}
		if there {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-moved:
		case <-time.After(liveLook):
		}
	}
}

// readable are the times until the events that were appended in a span could be read, and until they were acknowledged.
func (l *live) readable(from, to time.Time) (seen, acked []time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return within(l.seen, from, to), within(l.acked, from, to)
}

// within are the times of what began in a span.
func within(all []timed, from, to time.Time) []time.Duration {
	var times []time.Duration
	for _, s := range all {
		if !s.began.Before(from) && s.began.Before(to) {
			times = append(times, s.took)
		}
	}
	return times
}

// read asks for the same figures again and again.
func (l *live) read(ctx context.Context, r *rebuilding) error {
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		"sub": "b000000000000000000000aa", "account_id": r.agency, "role": "agency", "iss": "ledgerboard", "aud": "ledgerboard",
		"exp": time.Now().Add(time.Hour).Unix(),
	}).SignedString([]byte(benchSecret))
	if err != nil {
		return fmt.Errorf("sign token: %w", err)
	}
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	for {
		every := readSeldom
		if l.often.Load() {
			every = readOften
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(every):
		}
		began := time.Now()
		err := askOnce(ctx, client, "http://"+r.program.addr+r.path, token)
		if ctx.Err() != nil {
			return nil
		}
		l.mu.Lock()
		l.requests = append(l.requests, timed{began, time.Since(began)})
		if err != nil {
			l.failed++
			r.logger.Error("a request failed", "error", err)
		}
		l.mu.Unlock()
	}
}

func askOnce(ctx context.Context, client *http.Client, url, token string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("ask: %w", err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s answered %d: %.300s", url, response.StatusCode, body)
	}
	return err
}

// slowest is the slowest request of which a part lies in a span, in milliseconds; false without any.
func (l *live) slowest(from, to time.Time) (ms float64, asked bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, q := range l.requests {
		if q.began.Before(to) && q.began.Add(q.took).After(from) {
			ms, asked = max(ms, float64(q.took.Microseconds())/1000), true
		}
	}
	return ms, asked
}

// switched is the slowest request around each switch, in milliseconds.
type switched struct {
	before, during   []float64
	requests, failed int
}

// beyond is by how much the second of each switch was slower than the one before.
func (s switched) beyond() []float64 {
	beyond := make([]float64, len(s.during))
	for i := range beyond {
		beyond[i] = s.during[i] - s.before[i]
	}
	return beyond
}

// switches looks at the switch of the rebuild that was measured, and switches readers back and forth for the others.
func (r *rebuilding) switches(ctx context.Context, l *live, measured rebuilt) (s switched, err error) {
	for n := 1; ; n++ {
		if err := settle(ctx, measured.switched.Add(time.Second)); err != nil {
			return s, err
		}
		half := time.Second / 2
		before, some := l.slowest(measured.switched.Add(-3*half), measured.switched.Add(-half))
		during, others := l.slowest(measured.switched.Add(-half), measured.switched.Add(half))
		if !some || !others {
			return s, errors.New("nobody asked around a switch")
		}
		s.before, s.during = append(s.before, before), append(s.during, during)
		if n >= r.switchesMeasured {
			break
		}
		if measured, err = r.rebuild(ctx, (*projections.Rebuilds).SwitchBack); err != nil {
			return s, err
		}
	}
	l.often.Store(false)
	l.mu.Lock()
	defer l.mu.Unlock()
	s.requests, s.failed = len(l.requests), l.failed
	return s, nil
}

func settle(ctx context.Context, until time.Time) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(time.Until(until)):
		return nil
	}
}
