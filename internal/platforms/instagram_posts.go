package platforms

import (
	"context"
)

// The lists of an account. Stories live for 24 hours only.
var mediaSections = []section{
	{edge: "media", fields: mediaFields, kind: TypePost},
	{edge: "stories", fields: mediaFields, kind: TypeStory, optional: true},
}

const mediaFields = "id,caption,media_type,media_product_type,permalink,timestamp,thumbnail_url"

// Posts implements [Client]: media, then stories.
func (i *instagram) Posts(ctx context.Context, t Target, cursor string) (PostsPage, error) {
	return i.host(t).posts(ctx, t, mediaSections, cursor, func(item listed, s section) (Post, bool) {
		return Post{
			ID: string(item.ID), Type: mediaType(item.ProductType, item.MediaType, s.kind), Content: string(item.Caption),
			MediaURL: string(item.Thumbnail), Permalink: string(item.Permalink), PublishedAt: metaTime(item.Timestamp),
		}, true
	})
}

func mediaType(product, media text, otherwise string) string {
	switch {
	case product == "REELS":
		return TypeReel
	case product == "STORY":
		return TypeStory
	case product == "AD":
		return TypeAd
	case media == "CAROUSEL_ALBUM":
		return TypeCarousel
	case media == "VIDEO":
		return TypeVideo
	case media == "IMAGE":
		return TypePhoto
	default:
		return otherwise
	}
}
