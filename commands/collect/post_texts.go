package collect

import (
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

// maxPostText bounds, in bytes, what is kept of a post's text: four times Facebook's longest has room, and
// a record with more might be refused, at every round alike.
const maxPostText = 256 << 10

func textsOf(post platforms.Post) domain.PostTexts {
	return domain.PostTexts{Content: domain.Storable(post.Content, maxPostText), MediaURL: post.MediaURL, Permalink: post.Permalink}
}

// content is what the listing says of a post now.
func (c *Collector) content(account domain.ConnectedAccount, post platforms.Post) Content {
	ref := domain.PostRef{ParentAccount: account.ParentAccount, SocialAccount: account.SocialAccount, ExternalID: post.ID}
	return Content{domain.PostContent{PostRef: ref, AccountID: account.AccountID, Origin: domain.OriginListing, PostTexts: textsOf(post)}, c.clock()}
}
