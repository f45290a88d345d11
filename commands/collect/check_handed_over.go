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

// connectionPages finds the pages that connections read.
type connectionPages interface {
	PagesOf(ctx context.Context, connections []int64) ([]domain.ConnectedPage, error)
}

// Errors of the check. Nothing is stored if it fails.
var (
	errReadsNothing = domain.NewError(domain.CodeConflict, "This connection reads no accounts, so the tokens cannot be verified. First send its "+
		"social accounts (directory.social_account.v1, or POST /api/platforms), and wait until the tables show them.")
	errTokenRefused = domain.NewError(domain.CodeUnprocessable, "The platform refused access_token. It has expired, was revoked, or belongs to another app. "+
		"Nothing was stored. Sign in again and send the new tokens.").WithField("access_token", "was refused by the platform")
	errNotAsked = domain.NewError(domain.CodeUnavailable, "The owner of the tokens could not be verified with the platform. Nothing was stored. Send the same request "+
		"again in a few minutes. If the error persists, contact the operator of this service.")
)

// fit checks every account of the connection and adds what the platform reports to the stored
// tokens. If pages have their own tokens, a person's token provides them.
func (h HandOverTokens) fit(ctx context.Context, place domain.TokenPlace, stored *commands.StoredTokens) error {
	pages, err := h.Pages.PagesOf(ctx, []int64{place.ConnectionID})
	if err != nil {
		return err
	}
	if len(pages) == 0 {
		return errReadsNothing
	}
	holds, err := h.Consent(ctx, place.Platform, platforms.Target{AccessToken: stored.AccessToken, OwnLogin: stored.OwnLogin})
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
			wrong = append(wrong, page.ExternalID+" (missing: "+holds.Offered[at].Missing+")")
		default:
			if own := holds.Offered[at].AccessToken; own != "" && own != stored.AccessToken {
				pageTokens[page.ExternalID] = own
			}
		}
	}
	if len(wrong) > 0 {
		return domain.NewError(domain.CodeUnprocessable, "access_token cannot read %s, which this connection reads at %s. Nothing was stored. Send "+
			"the tokens of a person who can read all accounts of the connection, or use a separate connection for these accounts.", strings.Join(wrong, ", "), place.Platform).
			WithField("access_token", "cannot read "+strings.Join(wrong, ", "))
	}
	stored.Granted, stored.Pages = holds.Granted, pageTokens
	if len(pages) == 1 {
		stored.VerifiedAs = pages[0].ExternalID
	}
	return nil
}
