package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"slices"
	"sort"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/ledgerboard/ledgerboard/commands/collect"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/simulator"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
	"github.com/ledgerboard/ledgerboard/internal/tracing"
)

const (
	accountEvery = day
	postEvery    = 12 * time.Hour
	growthWindow = 7 * day // the default of the service
)

// history is what was read of the platforms, in the order of time.
type history struct {
	accounts []domain.AccountRead
	posts    []domain.PostRead
	states   []domain.ConnectionStateChanged // of connections that wait for a sign-in
}

func (h *history) add(more history) {
	h.accounts, h.posts, h.states = append(h.accounts, more.accounts...), append(h.posts, more.posts...), append(h.states, more.states...)
}

// readHistory reads all channels as the service would have: accounts once a day, and posts every 12 hours,
// up to the anchor, which is included, so that every account and every post has a reading at the start. The
// platforms' clients ask a simulator in this process, whose clock stands at one instant after the other.
func (w *World) readHistory(ctx context.Context) (history, error) {
	at := w.from()
	clock := func() time.Time { return at }
	sim := simulator.New(simulator.Config{Seed: w.cfg.Seed, Clock: clock})
	if err := w.Register(sim); err != nil {
		return history{}, err
	}
	readers, err := w.readers(sim, clock)
	if err != nil {
		return history{}, err
	}
	ctx = tracing.Continue(ctx, notSampled)
	var all history
	for ; !at.After(w.cfg.Anchor); at = at.Add(postEvery) {
		found := make([]history, len(readers))
		var group errgroup.Group
		group.SetLimit(runtime.GOMAXPROCS(0))
		for i, r := range readers {
			group.Go(func() (err error) {
				found[i], err = r.read(ctx, at, at.Sub(w.from())%accountEvery == 0)
				return err
			})
		}
		if err := errors.Join(group.Wait(), ctx.Err()); err != nil { // a canceled call looks like an outage
			return history{}, err
		}
		var now history
		for _, f := range found {
			now.add(f)
		}
		slices.SortStableFunc(now.posts, func(a, b domain.PostRead) int { return a.PublishedAt.Compare(*b.PublishedAt) })
		all.add(now)
	}
	return all, nil
}

// notSampled is a trace that is not sampled: that of the calls would be longer than all that the service
// does later.
const notSampled = "00-64656d6f64656d6f64656d6f64656d6f-64656d6f64656d6f-00"

// reader reads one channel. Readers of several channels may run at once.
type reader struct {
	domain.ConnectedAccount
	client  platforms.Client
	target  platforms.Target
	until   time.Time        // when the subscription ends; zero: it is open-ended
	posts   []platforms.Post // oldest first, without those that the platform shows no more
	refused bool             // the connection waits for a sign-in
	outages []simulator.Outage
}

func (w *World) readers(sim *simulator.Server, clock func() time.Time) ([]*reader, error) {
	at := func(path string) platforms.Endpoint { return platforms.Endpoint{BaseURL: "http://simulator" + path} }
	clients, err := platforms.New(platforms.Config{
		Facebook: at(simulator.PathFacebook), Instagram: at(simulator.PathInstagram),
		LinkedIn: at(simulator.PathLinkedIn), TikTok: at(simulator.PathTikTok),
		HTTPClient: &http.Client{Transport: direct{sim}}, Now: clock,
	})
	if err != nil {
		return nil, fmt.Errorf("make the platforms' clients: %w", err)
	}
	posts := map[*channel][]platforms.Post{}
	for _, p := range w.posts {
		posts[p.channel] = append(posts[p.channel], platforms.Post{ID: p.ID, Type: string(p.Kind), PublishedAt: p.Created})
	}
	secrets, readers := w.Secrets(), make([]*reader, len(w.channels))
	for i, c := range w.channels {
		client, err := clients.For(c.platform)
		if err != nil {
			return nil, err
		}
		readers[i] = &reader{
			ConnectedAccount: domain.ConnectedAccount{
				Tenant: c.Tenant, Platform: c.platform, AccountType: c.kind, ExternalID: c.externalID, ConnectionID: c.connection,
				SubscriptionActive: true, TrackedSince: new(w.from()),
			},
			client: client, posts: posts[c], until: c.paidUntil(), outages: w.outages(),
			target: platforms.Target{AccessToken: secrets[i].AccessToken, ExternalID: c.externalID, AccountType: c.kind},
		}
	}
	return readers, nil
}

// read reads what is due at an instant: the posts, and the account if withAccount is set.
func (r *reader) read(ctx context.Context, at time.Time, withAccount bool) (found history, err error) {
	if r.refused || !r.until.IsZero() && !at.Before(r.until) {
		return found, nil
	}
	if withAccount {
		snapshot, err := r.client.Account(ctx, r.target, platforms.AccountRequest{Demographics: true})
		if err != nil {
			return r.failed(err, at)
		}
		account := collect.AccountReading(r.ConnectedAccount, snapshot, at)
		account.Backfilled = true
		found.accounts = append(found.accounts, account)
	}
	published := sort.Search(len(r.posts), func(i int) bool { return !r.posts[i].PublishedAt.Before(at) })
	snapshots, err := r.client.PostMetrics(ctx, r.target, r.posts[:published])
	if err != nil {
		failed, err := r.failed(err, at)
		found.add(failed)
		return found, err
	}
	for _, s := range snapshots {
		switch {
		case s.Err == nil:
			post := collect.PostReading(r.ConnectedAccount, s, at, growthWindow)
			post.Backfilled = true
			found.posts = append(found.posts, post)
		case s.Err.Kind() == domain.StatusNotFound && s.Post.Type == string(simulator.KindStory): // it is over
			r.posts = slices.DeleteFunc(r.posts, func(p platforms.Post) bool { return p.ID == s.Post.ID })
		default:
			failed, err := r.failed(s.Err, at)
			found.add(failed)
			if err != nil {
				return found, err
			}
		}
	}
	return found, nil
}

// failed says what an error leaves of a reading: nothing is read while a platform does not answer, nor
// after it has refused the token. History knows no other errors.
func (r *reader) failed(err error, at time.Time) (history, error) {
	switch kind := platforms.KindOf(err); {
	case kind == domain.StatusRetry && slices.ContainsFunc(r.outages, func(o simulator.Outage) bool {
		return o.Platform == r.Platform && !at.Before(o.From) && at.Before(o.Until)
	}):
		return history{}, nil
	case kind == domain.StatusRefused:
		r.refused = true
		return history{states: []domain.ConnectionStateChanged{{
			ConnectionID: r.ConnectionID, AccountID: r.AccountID, MemberID: r.MemberID, Platform: r.Platform,
			Code: platforms.StatusCodeOf(err), Answer: platforms.AnswerOf(err), At: at,
		}}}, nil
	default:
		return history{}, fmt.Errorf("read the history of account %d at %s: %w", r.SocialAccount, stamp(at), err)
	}
}

// direct hands requests to a handler without a network.
type direct struct{ http.Handler }

// RoundTrip implements http.RoundTripper.
func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	served := r.WithContext(r.Context()) // handlers may change it
	if r.Body == nil {
		served.Body = http.NoBody
	}
	defer served.Body.Close()
	w := &response{status: http.StatusOK, header: http.Header{}}
	d.ServeHTTP(w, served)
	return &http.Response{
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, StatusCode: w.status, Header: w.header,
		Body: io.NopCloser(&w.Buffer), ContentLength: int64(w.Len()), Request: r,
	}, nil
}

type response struct {
	bytes.Buffer // the body
	status       int
	header       http.Header
}

func (r *response) Header() http.Header    { return r.header }
func (r *response) WriteHeader(status int) { r.status = status }
