package collect

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

// connectionPages finds what is read by connections.
type connectionPages interface {
	PagesOf(ctx context.Context, connections []int64) ([]domain.ConnectedPage, error)
}

// Errors of the check. Nothing was stored with any of them.
var (
	errReadsNothing = domain.NewError(domain.CodeConflict, "Nothing is read by this connection, so that nobody can tell whether the tokens fit. Send its "+
		"social accounts first (directory.social_account.v1, or POST /api/platforms), and wait a moment until the tables show them.")
	errTokenRefused = domain.NewError(domain.CodeUnprocessable, "The platform does not take access_token: it has ended, was revoked, or is of another app. "+
		"Nothing was stored. Sign in again and hand over what that gives.").WithField("access_token", "is refused by the platform")
	errNotAsked = domain.NewError(domain.CodeUnavailable, "The platform could not be asked whose the tokens are. Nothing was stored. Send the same request "+
		"again in a few minutes; if it stays, tell whoever runs this service.")
)

// fit checks every account of the connection, and notes with the tokens what the platform has said of them. Where
// pages have tokens of their own, a person's brings those.
func (h HandOverTokens) fit(ctx context.Context, place domain.TokenPlace, stored *commands.StoredTokens) error {
	pages, err := h.Pages.PagesOf(ctx, []int64{place.ConnectionID})
	if err != nil {
		return err
	}
	if len(pages) == 0 {
		return errReadsNothing
	}
	holds, err := h.Holds(ctx, place.Platform, platforms.Target{AccessToken: stored.AccessToken, OwnLogin: stored.OwnLogin})
	switch platforms.ClassOf(err) {
	case "":
		if err != nil {
			return err
		}
	case platforms.ClassReconnect, platforms.ClassPermission, platforms.ClassNotFound:
		return fmt.Errorf("%w (%w)", errTokenRefused, err)
	default:
		return fmt.Errorf("%w (%w)", errNotAsked, err)
	}
	var wrong []string
	pageTokens := map[string]string{}
	for _, page := range pages {
		at := slices.IndexFunc(holds.Offered, func(o platforms.Offered) bool {
			return o.Platform == page.Platform && o.AccountType == page.AccountType && o.ExternalID == page.Platform.PlainID(page.ExternalID)
		})
		switch {
		case at < 0:
			wrong = append(wrong, page.ExternalID)
		case !holds.Offered[at].MayRead:
			wrong = append(wrong, page.ExternalID+" (for want of "+holds.Offered[at].Missing+")")
		default:
			if own := holds.Offered[at].AccessToken; own != "" && own != stored.AccessToken {
				pageTokens[page.ExternalID] = own
			}
		}
	}
	if len(wrong) > 0 {
		return domain.NewError(domain.CodeUnprocessable, "access_token: does not read %s, which this connection reads at %s. Nothing was stored. Hand over "+
			"the tokens of somebody who may read all of its accounts, or give those a connection of their own.", strings.Join(wrong, ", "), place.Platform).
			WithField("access_token", "does not read "+strings.Join(wrong, ", "))
	}
	stored.Granted, stored.Pages = holds.Granted, pageTokens
	if len(pages) == 1 {
		stored.VerifiedAs = pages[0].ExternalID
	}
	return nil
}
