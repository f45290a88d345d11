package collect

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
	"github.com/ledgerboard/ledgerboard/internal/quota"
)

// accountLimit bounds the work on one connection, so that a platform that answers ever so slowly does
// not keep a place among those that are read at a time.
const accountLimit = 3 * time.Minute

// fetchFunc reads one connection.
type fetchFunc func(ctx context.Context, f *fetch) (fetched, error)

// fetch is one connection being read.
type fetch struct {
	domain.FetchTask
	queue  domain.FetchQueue
	pace   Pace // of accounts and posts
	client platforms.Client
	target platforms.Target
	notes  postNotes // of its posts
	secret []byte    // its stored tokens as they were when the reading began; nil: to be looked up
	// looked is when this read looked for other tokens than it began with; zero: it did not.
	looked time.Time
	meter  *quota.Meter // counts its calls
	keeps  bool         // what it has read when it is cut short is kept, and it goes on with the rest
	apart  bool         // its history is read in this turn, and not its totals
	// postWords are the platform's about the first post that it refused for more than that post's own sake; "": it refused none so.
	postWords string
}

func (c *Collector) fetchFunc(kind string) (fetchFunc, error) {
	switch kind {
	case domain.FetchAccounts:
		return c.withToken(c.accountReading), nil
	case domain.FetchPosts:
		return c.withToken(c.postReadings), nil
	case domain.FetchTokens:
		return c.refreshAhead, nil
	default:
		return nil, domain.NewError(domain.CodeInternal, "fetching of kind %s is not known", kind)
	}
}

// withToken reads with the connection's token; one that the platform refuses is renewed once.
func (c *Collector) withToken(read fetchFunc) fetchFunc {
	return func(ctx context.Context, f *fetch) (fetched, error) {
		stored, err := c.access(ctx, f)
		if err != nil {
			return fetched{}, err
		}
		got, err := c.readAs(ctx, f, stored, read)
		if platforms.ClassOf(err) != platforms.ClassReconnect {
			return got, err
		}
		renew := c.renew
		if platforms.WrongAccount(err) { // a renewal would bring more of the other account's
			renew = c.newer
		}
		renewed, renewal := renew(ctx, f, stored)
		if errors.Is(renewal, platforms.ErrNoRefresh) {
			return got, err // the platform's own words say more than "there is no renewal"
		}
		if renewal != nil {
			// The renewal's verdict alone counts: where it fails on our side, nobody knows that the token is dead.
			return got, fmt.Errorf("%w (after: %s)", renewal, err.Error())
		}
		return c.readAs(ctx, f, renewed, read)
	}
}

// readAs reads with tokens. Where the platform goes by the token alone, a new one is first asked whose it
// is, once: a person who signed in with another account would give this one the other's posts.
func (c *Collector) readAs(ctx context.Context, f *fetch, stored commands.StoredTokens, read fetchFunc) (fetched, error) {
	f.target = target(f.ConnectedAccount, stored)
	who, byToken := f.client.(platforms.Identifier)
	if !byToken || f.ExternalID == "" || stored.VerifiedAs == f.ExternalID {
		return read(ctx, f)
	}
	if f.queue.Kind == domain.FetchAccounts { // its answer says whose figures it brings
		got, err := read(ctx, f)
		if err == nil {
			c.verified(ctx, f, stored)
		}
		return got, err
	}
	if err := who.Identify(ctx, f.target); err != nil {
		return fetched{}, err
	}
	c.verified(ctx, f, stored)
	return read(ctx, f)
}

func target(account domain.ConnectedAccount, stored commands.StoredTokens) platforms.Target {
	return platforms.Target{
		AccessToken: cmp.Or(stored.Pages[account.ExternalID], stored.AccessToken), ExternalID: account.ExternalID, AccountType: account.AccountType,
		InstagramLogin: stored.InstagramLogin, CountedBy: countedBy(account),
	}
}

// countedBy is whom a platform counts the calls for an account by, beside the app: LinkedIn counts by the member whose token it is, who may
// have a profile and many pages read.
func countedBy(account domain.ConnectedAccount) string {
	if account.Platform == domain.LinkedIn {
		return cmp.Or(account.SecretRef, account.ExternalID)
	}
	return account.ExternalID
}
