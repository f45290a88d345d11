package platforms

import (
	"cmp"
	"context"
	"net/url"
	"slices"

	"github.com/ledgerboard/ledgerboard/domain"
)

// The lists of an account. Stories exist for 24 hours only.
var mediaSections = []section{
	{edge: "media", fields: mediaFields, kind: TypePost},
	{edge: "stories", fields: mediaFields, kind: TypeStory, optional: true},
}

const mediaFields = "id,caption,media_type,media_product_type,permalink,timestamp,thumbnail_url"

func (i *instagram) Posts(ctx context.Context, t Target, cursor string) (PostsPage, error) {
	return i.host(t).posts(ctx, t, mediaSections, cursor, func(item listItem, s section) (Post, bool) {
		return Post{
			ID: string(item.ID), Type: mediaType(item.ProductType, item.MediaType, s.kind),
			Content: string(item.Caption), MediaURL: string(item.Thumbnail), Permalink: string(item.Permalink),
			PublishedAt: metaTime(item.Timestamp),
		}, true
	})
}

func mediaType(product, media text, otherwise string) string {
	types := map[text]string{
		"REELS": TypeReel, "STORY": TypeStory, "AD": TypeAd,
		"CAROUSEL_ALBUM": TypeCarousel, "VIDEO": TypeVideo, "IMAGE": TypePhoto,
	}
	return cmp.Or(types[product], types[media], otherwise)
}

// Metrics with other names on Instagram.
const (
	mediaSaves   = "saved"
	reelAvgWatch = "ig_reels_avg_watch_time" // milliseconds
)

func figureOfMedia(metric string) string {
	names := map[string]string{mediaSaves: domain.MetricSaves, reelAvgWatch: domain.MetricAvgWatch}
	return cmp.Or(names[metric], metric)
}

// mediaMetrics returns the metrics of a kind of media: the platform rejects the whole call if one
// metric does not apply. A story has replies, but no likes, comments or saves.
func mediaMetrics(kind string) []string {
	switch kind {
	case TypeReel:
		return []string{"views", "reach", "likes", "comments", "shares", mediaSaves, reelAvgWatch}
	case TypePhoto, TypeCarousel, TypeVideo, TypeAd:
		return []string{"views", "reach", "likes", "comments", "shares", mediaSaves}
	case TypeStory:
		return []string{"views", "reach", "shares"}
	default:
		return nil
	}
}

// PostMetrics makes one call per media object: Instagram has no batches.
func (i *instagram) PostMetrics(ctx context.Context, t Target, posts []Post) ([]PostSnapshot, error) {
	g := i.host(t)
	if err := g.check("media_insights", t); err != nil {
		return nil, err
	}
	return inParts(posts, 1, func(part []Post) ([]PostSnapshot, error) {
		snap, err := g.media(ctx, t, part[0])
		return []PostSnapshot{snap}, err
	})
}

const opMedia = "media_node" // the list of media is "media"

type mediaNode struct {
	MediaType   text  `json:"media_type"`
	ProductType text  `json:"media_product_type"`
	Likes       count `json:"like_count"` // absent if the owner hides likes
	Comments    count `json:"comments_count"`
}

// media reads one post. Likes and comments are also fields of the object, so they are available
// even if insights are refused. Views also serve as impressions. Clicks are not requested: Meta's SDK
// for Python (26.0.3) lists the metric link_clicks, but nothing says for which media.
func (g *graph) media(ctx context.Context, t Target, p Post) (PostSnapshot, error) {
	if !plainID(p.ID, "_") {
		return PostSnapshot{Post: p, Err: invalid(g.platform, "media_insights", "id is not a Graph ID")}, nil
	}
	var node mediaNode
	readNode := func() error {
		q := url.Values{"fields": {"id,media_type,media_product_type,like_count,comments_count"}}
		return g.get(ctx, opMedia, t, p.ID, q, &node)
	}
	typed := mediaMetrics(p.Type) != nil
	if !typed {
		if err := readNode(); err != nil {
			return PostSnapshot{}, err
		}
		p.Type = mediaType(node.ProductType, node.MediaType, TypePhoto)
	}
	requested := mediaMetrics(p.Type)
	answer, refusal := g.insights(ctx, insightCall{
		op: "media_insights", edge: "media_" + p.Type, t: t, path: p.ID + "/insights", object: p.ID,
	}, requested)
	if beyondObject(refusal) || StatusCodeOf(refusal).Temporary() || KindOf(refusal) == domain.StatusNotFound {
		return PostSnapshot{}, refusal
	}
	values := map[string]*int64{}
	for _, metric := range requested {
		values[metric] = lifetimeTotal(answer.data, metric)
	}
	if p.Type != TypeStory && (values["likes"] == nil || values["comments"] == nil) {
		if typed {
			if err := readNode(); err != nil {
				return PostSnapshot{}, err
			}
		}
		values["likes"] = cmp.Or(values["likes"], node.Likes.ptr())
		values["comments"] = cmp.Or(values["comments"], node.Comments.ptr())
	}
	snap := PostSnapshot{Post: p}
	for _, metric := range requested {
		reason := domain.StatusNoData
		switch {
		case refusal != nil:
			reason = KindOf(refusal)
		case slices.Contains(answer.refused, metric):
			reason = domain.StatusUnsupportedMetric
		}
		snap.put(figureOfMedia(metric), values[metric], reason)
		if metric == domain.MetricViews {
			snap.put(domain.MetricImpressions, values[metric], reason)
		}
	}
	if snap.Counts == (domain.Counts{}) && refusal != nil {
		return PostSnapshot{}, refusal
	}
	return snap, nil
}
