package collect_test

import (
	"context"
	"sync"
	"time"

	"github.com/ledgerboard/ledgerboard/commands/collect"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

// scripted is a platform whose answers a test says; what it does not say is a panic.
type scripted struct {
	platforms.Client
	page    func(cursor string) (platforms.PostsPage, error)
	reading func(p platforms.Post) platforms.PostSnapshot // nil: one like
	account func(ctx context.Context, r platforms.AccountRequest) (platforms.AccountSnapshot, error)

	mu     sync.Mutex
	listed []string       // cursors that were asked for
	asked  map[string]int // how often the metrics of each post were
}

// use makes it the client of all platforms.
func (c *scripted) use(config *collect.Config) { config.Clients = c }

func (c *scripted) For(domain.Platform) (platforms.Client, error) { return c, nil }

func (c *scripted) Posts(_ context.Context, _ platforms.Target, cursor string) (platforms.PostsPage, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.listed = append(c.listed, cursor)
	return c.page(cursor)
}

func (c *scripted) PostMetrics(_ context.Context, _ platforms.Target, posts []platforms.Post) (out []platforms.PostSnapshot, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.asked == nil {
		c.asked = map[string]int{}
	}
	for _, p := range posts {
		c.asked[p.ID]++
		if c.reading != nil {
			out = append(out, c.reading(p))
			continue
		}
		out = append(out, platforms.PostSnapshot{Post: p, Counts: domain.Counts{Likes: new(int64(1))}})
	}
	return out, nil
}

func (c *scripted) Account(ctx context.Context, _ platforms.Target, r platforms.AccountRequest) (platforms.AccountSnapshot, error) {
	return c.account(ctx, r)
}

// takeListed are the cursors asked for since the last call.
func (c *scripted) takeListed() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	listed := c.listed
	c.listed = nil
	return listed
}

// publishedAgo is a post of that age.
func publishedAgo(id string, age time.Duration) platforms.Post {
	return platforms.Post{ID: id, Type: platforms.TypePost, PublishedAt: fetchDay.Add(-age)}
}

// hiccup is a failure that passes.
func hiccup() error {
	return &platforms.Error{Class: platforms.ClassRetry, Status: 502, Message: "bad gateway"}
}
