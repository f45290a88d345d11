package connect

import (
	"context"

	"github.com/ledgerboard/ledgerboard/domain"
)

// Errors of rights.
var (
	// ErrClientMayNot (forbidden): the dashboard of the client does not let it connect.
	ErrClientMayNot = domain.NewError(domain.CodeForbidden,
		"Your dashboard does not let you connect accounts. Ask your agency to turn on Connecting (connect) for it.")
	errNotYourAccount = domain.NewError(domain.CodeNotFound, "There is no such account. Check its id.")
)

// roleClient is the role of client users, as requests and records name it.
const roleClient = "client"

// Still judges again whether whoever asked may come in, of a link whoever made it; nil: they may.
type Still func(ctx context.Context, r domain.ConnectRequester) error

// rights judges whether the requester may connect now, and returns the names of those for whom: both are active.
func (c *Connect) rights(ctx context.Context, r domain.ConnectRequester, still Still) (names domain.ConnectNames, err error) {
	if err := c.mayAsk(ctx, r, still); err != nil {
		return names, err
	}
	return c.Directory.ActiveNames(ctx, r.ParentAccount, r.AccountID, c.Now())
}

// mayAsk judges whether the requester may connect and disconnect now, whatever became of the account.
func (c *Connect) mayAsk(ctx context.Context, r domain.ConnectRequester, still Still) error {
	if r.LinkID != "" {
		link, err := c.Store.LinkByID(ctx, r.ParentAccount, r.LinkID)
		if err != nil {
			return err
		}
		return c.works(ctx, link, still)
	}
	if err := still(ctx, r); err != nil || r.Role != roleClient {
		return err
	}
	return c.clientMay(ctx, r.ParentAccount, r.AccountID, r.UserID)
}

func (c *Connect) clientMay(ctx context.Context, parent, account, user string) error {
	may, err := c.Directory.ClientMayConnect(ctx, parent, account, user)
	if err == nil && !may {
		err = ErrClientMayNot
	}
	return err
}
