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
		return c.withToken(accounts{c.parts}.accountReading), nil
	case domain.FetchPosts:
		return c.withToken(posts{c.parts}.postReadings), nil
	case domain.FetchTokens:
		return c.tokens.refreshAhead, nil
	default:
		return nil, domain.NewError(domain.CodeInternal, "fetching of kind %s is not known", kind)
	}
}

// withToken reads with the connection's token; one that the platform refuses is renewed once.
func (c *Collector) withToken(read fetchFunc) fetchFunc {
	return func(ctx context.Context, f *fetch) (fetched, error) {
		stored, err := c.tokens.access(ctx, f)
		if err != nil {
			return fetched{}, err
		}
		got, err := c.readAs(ctx, f, stored, read)
		if platforms.ClassOf(err) != platforms.ClassReconnect {
			return got, err
		}
		renew := c.tokens.renew
		if platforms.WrongAccount(err) { // a renewal would bring more of the other account's
			renew = c.tokens.newer
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
			c.tokens.verified(ctx, f, stored)
		}
		return got, err
	}
	if err := who.Identify(ctx, f.target); err != nil {
		return fetched{}, err
	}
	c.tokens.verified(ctx, f, stored)
	return read(ctx, f)
}

func target(account domain.ConnectedAccount, stored commands.StoredTokens) platforms.Target {
	return platforms.Target{
		AccessToken: cmp.Or(stored.Pages[account.ExternalID], stored.AccessToken), ExternalID: account.ExternalID, AccountType: account.AccountType,
		OwnLogin: stored.OwnLogin, CountedBy: countedBy(account),
	}
}

// countedBy is whom a platform counts the calls for an account by, beside the app: the account itself, or the person whose token it is.
func countedBy(account domain.ConnectedAccount) string {
	if account.Platform.Facts().CountsByToken {
		return cmp.Or(account.SecretRef, account.ExternalID)
	}
	return account.ExternalID
}

// errNoToken is a connection without a stored token.
var errNoToken = domain.NewError(domain.CodeNotFound, "There is no token for this connection: the person must sign in again.")

// settle records that a person must sign in again. Tried is when the tokens were looked up that were
// tried last: what a sign-in stored later was not tried, so the recorded time must not be after it, and what was
// there by then was, so the time must not be before it. A token that a sign-in brought
// and that is dead as well is recorded again, or it would be tried for ever.
func (r *round) settle(ctx context.Context, task domain.FetchTask, tried time.Time, err error) error {
	waits := task.ConnectionState == domain.ConnectionReconnect
	if !dead(err) || waits && !task.SignedInAgain() {
		return err
	}
	if task.SignedInAt != nil && task.SignedInAt.After(tried) { // by another clock
		tried = *task.SignedInAt
	}
	return errors.Join(err, r.changeState(ctx, task, domain.ConnectionReconnect, reasonFor(err), tried))
}

// works records that a connection works again, once the platform has answered a call with its token. To look
// at a token proves nothing, nor does a round in which there was nothing to ask.
func (r *round) works(ctx context.Context, task domain.FetchTask) error {
	if task.ConnectionState != domain.ConnectionReconnect || r.claim.Kind == domain.FetchTokens {
		return nil
	}
	return r.changeState(ctx, task, domain.ConnectionOK, "", r.clock())
}

// dead tells whether only a person can mend the connection.
func dead(err error) bool {
	return platforms.ClassOf(err) == platforms.ClassReconnect || errors.Is(err, errNoToken)
}

// changeState records, once per change, how a connection is. While it waits for a person it is left out,
// because its recorded state says so.
func (c *Collector) changeState(ctx context.Context, account domain.FetchTask, state, reason string, at time.Time) error {
	first, err := c.States.First(ctx, account.ConnectionID, state, account.StateAt)
	if err != nil || !first {
		return err
	}
	if account.StateAt != nil && !at.After(*account.StateAt) { // the newest by this time is what counts
		at = account.StateAt.Add(time.Microsecond)
	}
	draft := commands.NewDraft(domain.TopicOperations, account.ParentAccount, domain.ConnectionStateChanged{
		ConnectionID: account.ConnectionID, AccountID: account.AccountID, MemberID: account.MemberID,
		Platform: account.Platform, State: state, Reason: reason, At: at,
	}, c.clock())
	draft.Envelope.Audit.Actor = "system:fetcher"
	if err := c.Operations.Append(ctx, draft); err != nil {
		return fmt.Errorf("record that connection %d is %s: %w", account.ConnectionID, state, err) // the log may have it all the same
	}
	c.Logger.WarnContext(ctx, "connection changed its state", "connection", account.ConnectionID, "state", state, "reason", reason)
	return c.States.Recorded(ctx, account.ConnectionID, state, at)
}
