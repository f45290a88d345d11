package commands

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

// Connections says what can be read; the read side offers it.
type Connections interface {
	// Connected returns the connected social accounts of one shard of a platform, in order of their ids.
	Connected(ctx context.Context, platform domain.Platform, shard int) ([]domain.ConnectedAccount, error)
	// KnownPosts returns the posts of a social account that metrics are read for, newest first.
	KnownPosts(ctx context.Context, tenant domain.Tenant) ([]domain.KnownPost, error)
}

// Clients finds the client of a platform; *platforms.Set implements it.
type Clients interface {
	For(p domain.Platform) (platforms.Client, error)
}

// CollectConfig holds the parts and limits of [Collect].
type CollectConfig struct {
	Connections Connections
	Clients     Clients
	Secrets     SecretStore
	Metrics     *Metrics
	Operations  Appender // for state changes of connections
	Now         func() time.Time
	Logger      *slog.Logger

	GrowthWindow time.Duration // after publication, in which growth counts; no default here
	Parallel     int           // accounts of one shard read at a time; default 8
}

const (
	defaultParallel = 8
	// maxListingPages bounds one listing; a feed longer than that is caught up over several rounds.
	maxListingPages = 50
	postsPerRead    = 50
)

// Collect reads the platforms and records what they say. One failing account, metric or platform
// never holds up the others.
type Collect struct {
	CollectConfig
	tokens *tokens
}

// NewCollect checks the configuration and returns the use cases.
func NewCollect(c CollectConfig) (*Collect, error) {
	if c.Connections == nil || c.Clients == nil || c.Secrets == nil || c.Metrics == nil || c.Operations == nil || c.Now == nil || c.Logger == nil || c.GrowthWindow <= 0 {
		return nil, errors.New("commands.NewCollect needs Connections, Clients, Secrets, Metrics, Operations, Now, Logger and GrowthWindow")
	}
	if c.Parallel <= 0 {
		c.Parallel = defaultParallel
	}
	return &Collect{CollectConfig: c, tokens: &tokens{secrets: c.Secrets, now: c.Now, locks: newKeyedLock()}}, nil
}

// AccountInsights reads every connected account of a shard once. The error joins those of the
// accounts that could not be read for a passing reason.
func (c *Collect) AccountInsights(ctx context.Context, platform domain.Platform, shard int) error {
	return c.each(ctx, platform, shard, c.accountReading)
}

// PostInsights lists the posts of every connected account of a shard and reads all known ones once.
func (c *Collect) PostInsights(ctx context.Context, platform domain.Platform, shard int) error {
	return c.each(ctx, platform, shard, c.postReadings)
}

type readFunc func(ctx context.Context, client platforms.Client, account domain.ConnectedAccount, target platforms.Target) error

func (c *Collect) each(ctx context.Context, platform domain.Platform, shard int, read readFunc) error {
	client, err := c.Clients.For(platform)
	if errors.Is(err, platforms.ErrNoHandler) {
		return nil
	}
	if err != nil {
		return err
	}
	accounts, err := c.Connections.Connected(ctx, platform, shard)
	if err != nil {
		return fmt.Errorf("list connected accounts of %s: %w", platform, err)
	}
	var group errgroup.Group
	group.SetLimit(c.Parallel)
	errs := make([]error, len(accounts))
	for i, account := range accounts {
		if !account.SubscriptionActive || account.ConnectionState == domain.ConnectionReconnect {
			continue
		}
		group.Go(func() error {
			errs[i] = c.one(ctx, client, account, read)
			return nil
		})
	}
	_ = group.Wait() // errors are kept by account
	return errors.Join(errs...)
}

// one reads one account; a token that the platform refuses is renewed once.
func (c *Collect) one(ctx context.Context, client platforms.Client, account domain.ConnectedAccount, read readFunc) error {
	token, err := c.tokens.access(ctx, client, account)
	if err == nil {
		err = read(ctx, client, account, target(account, token))
		if platforms.ClassOf(err) == platforms.ClassReconnect {
			if token, err = c.tokens.renew(ctx, client, account, token); err == nil {
				err = read(ctx, client, account, target(account, token))
			}
		}
	}
	switch {
	case err == nil:
		return nil
	case platforms.ClassOf(err) == platforms.ClassReconnect || errors.Is(err, platforms.ErrNoRefresh):
		return c.markReconnect(ctx, account, err)
	default:
		c.Logger.WarnContext(ctx, "account is not read", "social_account", account.SocialAccount, "platform", account.Platform.String(), "error", err)
		return fmt.Errorf("read social account %d: %w", account.SocialAccount, err)
	}
}

func target(account domain.ConnectedAccount, token string) platforms.Target {
	return platforms.Target{AccessToken: token, ExternalID: account.ExternalID, AccountType: account.AccountType}
}

// markReconnect records, once per change, that a person must sign in again. Later rounds leave the
// connection out, because its recorded state says so.
func (c *Collect) markReconnect(ctx context.Context, account domain.ConnectedAccount, reason error) error {
	now := c.Now().UTC().Truncate(time.Microsecond)
	draft := NewDraft(domain.TopicOperations, account.ParentAccount, domain.ConnectionStateChanged{
		ConnectionID: account.ConnectionID, Platform: account.Platform,
		State: domain.ConnectionReconnect, Reason: reason.Error(), At: now,
	}, now)
	draft.Envelope.Audit.Actor = "system:fetcher"
	if err := c.Operations.Append(ctx, draft); err != nil {
		return fmt.Errorf("record that connection %d needs re-authorisation: %w", account.ConnectionID, err)
	}
	c.Logger.WarnContext(ctx, "connection needs re-authorisation", "connection", account.ConnectionID, "reason", reason)
	return nil
}

func (c *Collect) accountReading(ctx context.Context, client platforms.Client, account domain.ConnectedAccount, target platforms.Target) error {
	at := c.Now().UTC().Truncate(time.Microsecond)
	snapshot, err := client.Account(ctx, target, platforms.AccountRequest{})
	if err != nil {
		return err
	}
	return c.Metrics.RecordAccountReading(ctx, domain.AccountRead{
		Tenant: account.Tenant, Platform: account.Platform, AccountType: account.AccountType, CapturedAt: at,
		Figures: snapshot.Figures, Missing: snapshot.Missing, Demographics: snapshot.Demographics,
	})
}

// postReadings registers the posts that the listing shows for the first time, then reads all known ones.
func (c *Collect) postReadings(ctx context.Context, client platforms.Client, account domain.ConnectedAccount, target platforms.Target) error {
	known, err := c.Connections.KnownPosts(ctx, account.Tenant)
	if err != nil {
		return fmt.Errorf("read known posts: %w", err)
	}
	posts := make([]platforms.Post, 0, len(known))
	ids := make(map[string]bool, len(known))
	for _, p := range known {
		post := platforms.Post{ID: p.ExternalID, Type: p.PostType}
		if p.PublishedAt != nil {
			post.PublishedAt = *p.PublishedAt
		}
		posts, ids[p.ExternalID] = append(posts, post), true
	}
	fresh, listErr := c.listNew(ctx, client, account, target, ids)
	posts = append(posts, fresh...)
	for len(posts) > 0 {
		n := min(postsPerRead, len(posts))
		if err := c.readPosts(ctx, client, account, target, posts[:n]); err != nil {
			return errors.Join(listErr, err)
		}
		posts = posts[n:]
	}
	return listErr
}

// listNew walks the listing until it meets posts that are known, and registers the others.
func (c *Collect) listNew(ctx context.Context, client platforms.Client, account domain.ConnectedAccount, target platforms.Target, known map[string]bool) ([]platforms.Post, error) {
	var fresh []platforms.Post
	cursor := ""
	for range maxListingPages {
		page, err := client.Posts(ctx, target, cursor)
		if err != nil {
			return fresh, err
		}
		met := false
		for _, post := range page.Posts {
			if known[post.ID] || post.SameAs != "" && known[post.SameAs] {
				met = true
				continue
			}
			if err := c.Metrics.RegisterPost(ctx, c.registration(account, post)); err != nil {
				return fresh, err
			}
			known[post.ID] = true
			fresh = append(fresh, post)
		}
		cursor = page.Next
		if met {
			cursor = page.Skip
		}
		if cursor == "" {
			return fresh, nil
		}
	}
	return fresh, nil
}

func (c *Collect) registration(account domain.ConnectedAccount, post platforms.Post) domain.PostRegistered {
	r := domain.PostRegistered{
		Tenant: account.Tenant, Platform: account.Platform, AccountType: account.AccountType,
		ExternalID: post.ID, Origin: domain.OriginListing, RegisteredAt: c.Now().UTC().Truncate(time.Microsecond),
		PostType: post.Type, Content: post.Content, MediaURL: post.MediaURL, Permalink: post.Permalink,
	}
	if !post.PublishedAt.IsZero() {
		r.PublishedAt = &post.PublishedAt
	}
	return r
}

func (c *Collect) readPosts(ctx context.Context, client platforms.Client, account domain.ConnectedAccount, target platforms.Target, posts []platforms.Post) error {
	at := c.Now().UTC().Truncate(time.Microsecond)
	snapshots, err := client.PostMetrics(ctx, target, posts)
	for _, s := range snapshots {
		if s.Err != nil {
			continue
		}
		if recordErr := c.Metrics.RecordPostReading(ctx, c.reading(account, s, at)); recordErr != nil {
			return errors.Join(err, recordErr)
		}
	}
	return err
}

// reading judges, at capture, whether the reading's growth counts, and says by what.
func (c *Collect) reading(account domain.ConnectedAccount, s platforms.PostSnapshot, at time.Time) domain.PostRead {
	r := domain.PostRead{
		Tenant: account.Tenant, Platform: account.Platform, AccountType: account.AccountType,
		ExternalID: s.Post.ID, CapturedAt: at, Counts: s.Counts, Missing: s.Missing,
		GrowthWindow: c.GrowthWindow.String(), SubscriptionActive: account.SubscriptionActive,
	}
	if published := s.Post.PublishedAt; !published.IsZero() {
		r.PublishedAt = &published
		r.GrowthEligible = account.SubscriptionActive && at.Sub(published) <= c.GrowthWindow
	}
	return r
}
